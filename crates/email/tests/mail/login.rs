//! Names, passwords, and the owner's consent.

use agent_core::ChannelError;
use serde_json::json;
use servers::mail::{Act, ImapScript, SmtpServer};

use crate::desk::{Desk, reply};
use crate::office::Office;

fn is_setup(error: &ChannelError) -> bool {
    matches!(error, ChannelError::Setup { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_or_sent_before_the_owner_consents() {
    let imap = ImapScript::start("* OK hi", |_| Act::Hang);
    let smtp = SmtpServer::start();
    let mut table = Office::new(imap.port(), smtp.port()).table;
    table["consent"] = json!(false);
    let channel = Office::new(imap.port(), smtp.port()).channel_of(table);
    let error = channel.connect().await.unwrap_err();
    assert!(is_setup(&error) && error.to_string().contains("consent = true"), "{error}");
    assert!(is_setup(&channel.send(&reply("x", 1)).await.unwrap_err()));
    assert!(is_setup(&channel.reconcile(&reply("x", 1)).await.unwrap_err()));
    assert!(imap.commands().is_empty() && smtp.logins() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_stops_the_channel_and_is_not_shown() {
    let Some(desk) = Desk::open() else { return };
    for key in ["imap_password", "smtp_password"] {
        let mut table = desk.table.clone();
        table[key] = json!("hunter2\"\\wrong");
        let error = desk.channel_of(table).connect().await.unwrap_err();
        assert!(is_setup(&error) && error.to_string().contains(key), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let account = desk.channel().connect().await.unwrap();
    assert_eq!((account.id.as_str(), account.name.as_str()), ("bot@test.local", "Factotum"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_can_come_in_while_none_can_go_out() {
    let Some(desk) = Desk::open() else { return };
    desk.smtp.login_reply(Some("454 4.7.0 later"));
    desk.channel().connect().await.expect("answers wait in the outbox");
    let error = desk.channel().send(&reply("x", 1)).await.unwrap_err();
    assert!(matches!(error, ChannelError::Temporary { .. }), "{error}");
    desk.smtp.login_reply(Some("535 5.7.8 no"));
    assert!(is_setup(&desk.channel().send(&reply("x", 1)).await.unwrap_err()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_starttls_is_refused_before_the_password_is_sent() {
    let smtp = SmtpServer::start();
    let imap = ImapScript::start("* OK hi", |_| Act::Say("{tag} BAD what?\r\n".to_owned()));
    let mut table = Office::new(imap.port(), smtp.port()).table;
    table["imap_tls"] = json!("starttls");
    let error = Office::new(imap.port(), smtp.port()).channel_of(table).connect().await.unwrap_err();
    assert!(is_setup(&error) && error.to_string().contains("STARTTLS"), "{error}");
    assert_eq!(imap.commands(), ["STARTTLS"]);
    let Some(desk) = Desk::with(|table| table["smtp_tls"] = json!("starttls")) else { return };
    assert!(is_setup(&desk.channel().connect().await.unwrap_err()));
    assert_eq!(desk.smtp.logins(), 0);
}
