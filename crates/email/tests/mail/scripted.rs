//! What no real server does, and what must hold where no dovecot is installed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use agent_core::ChannelError;
use servers::mail::{Act, ImapScript, SmtpServer};

use crate::desk::{mail, texts};
use crate::office::{FRIEND, Office, PATIENCE, eventually};

/// A server with one new mail of UID 5, whose answers can be replaced.
fn server(replace: impl Fn(&str) -> Option<Act> + Send + 'static) -> ImapScript {
    let raw = mail("a1@test.local", FRIEND, "", "hello");
    ImapScript::start("* OK ready", move |command| {
        if let Some(act) = replace(command) {
            return act;
        }
        let words: Vec<&str> = command.split(' ').collect();
        let done = "{tag} OK done\r\n";
        Act::Say(match words[..] {
            ["CAPABILITY"] => format!("* CAPABILITY IMAP4rev1\r\n{done}"),
            ["SELECT", _] => {
                format!("* 1 EXISTS\r\n* OK [UIDVALIDITY 3] x\r\n* OK [UIDNEXT 5] x\r\n{done}")
            }
            // The last mail is always found, as real servers do it.
            ["UID", "SEARCH", ..] => format!("* SEARCH 5\r\n{done}"),
            ["UID", "FETCH", _, "(UID", "BODY.PEEK[])"] => {
                format!("* 1 FETCH (UID 5 BODY[] {{{}}}\r\n{raw})\r\n{done}", raw.len())
            }
            ["UID", "FETCH", ..] => {
                let date = "14-Nov-2023 22:13:20 +0000";
                format!("* 1 FETCH (UID 5 RFC822.SIZE 300 INTERNALDATE \"{date}\" FLAGS ())\r\n{done}")
            }
            _ => done.to_owned(),
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_old_server_is_enough_and_its_last_mail_is_fetched_once() {
    let (imap, smtp) = (server(|_| None), SmtpServer::start());
    let office = Office::new(imap.port(), smtp.port());
    let running = office.run();
    let rows = office.arrived(1).await;
    assert_eq!(texts(&rows[0]), ["hello"]);
    eventually("it is asked again", || {
        imap.commands().iter().filter(|line| line.contains("SEARCH")).count() == 2
    })
    .await;
    running.stop().await.unwrap();
    let fetched = imap.commands().iter().filter(|line| line.contains("BODY.PEEK")).count();
    assert_eq!(fetched, 1);
    let stores: Vec<_> = imap.commands().into_iter().filter(|line| line.starts_with("UID STORE")).collect();
    assert_eq!(stores, ["UID STORE 5 +FLAGS.SILENT (\\Seen)"]);
}

/// An answer that is refused or breaks off is no empty answer: the mail in it is not passed over.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_could_not_be_fetched_is_fetched_by_the_next_connection() {
    let smtp = SmtpServer::start();
    for (command, answer, cut) in [
        ("BODY.PEEK", "* 1 FETCH (UID 5 BODY[] {300}\r\nFrom: alice@test.local\r\n", true),
        ("BODY.PEEK", "", true),
        ("BODY.PEEK", "{tag} NO [SERVERBUG] sorry\r\n", false),
        ("RFC822.SIZE", "{tag} BAD what?\r\n", false),
        ("RFC822.SIZE", "", true),
        ("UID SEARCH", "{tag} NO [INUSE] later\r\n", false),
        ("UID SEARCH", "", true),
    ] {
        let broken = AtomicBool::new(false);
        let imap = server(move |line| {
            let now =
                line.contains(command) && !broken.swap(broken.load(SeqCst) || line.contains(command), SeqCst);
            now.then(|| if cut { Act::SayAndCut(answer.to_owned()) } else { Act::Say(answer.to_owned()) })
        });
        let office = Office::new(imap.port(), smtp.port());
        let error = office.run().ended().await.unwrap_err();
        assert!(matches!(error, ChannelError::Temporary { .. }), "{command} {answer:?}: {error}");
        assert!(office.is_quiet().await);
        let running = office.run();
        assert_eq!(texts(&office.arrived(1).await[0]), ["hello"], "{command} {answer:?}");
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_cannot_be_written_is_read_all_the_same() {
    let smtp = SmtpServer::start();
    let imap =
        server(|command| command.contains("STORE").then(|| Act::Say("{tag} NO read-only\r\n".to_owned())));
    let office = Office::new(imap.port(), smtp.port());
    let running = office.run();
    assert_eq!(office.arrived(1).await.len(), 1);
    eventually("it goes on", || imap.commands().iter().filter(|line| line.contains("SEARCH")).count() == 2)
        .await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_beyond_all_limits_is_not_fetched() {
    let imap = server(|command| {
        let head = mail("a1@test.local", FRIEND, "Subject: film\r\n", "");
        let list = "* 1 FETCH (UID 5 RFC822.SIZE 104857600 INTERNALDATE \"14-Nov-2023 22:13:20 +0000\" FLAGS ())\r\n";
        if command.contains("BODY.PEEK[HEADER]") {
            let length = head.len();
            return Some(Act::Say(format!(
                "* 1 FETCH (UID 5 BODY[HEADER] {{{length}}}\r\n{head})\r\n{{tag}} OK x\r\n"
            )));
        }
        command.contains("RFC822.SIZE").then(|| Act::Say(format!("{list}{{tag}} OK x\r\n")))
    });
    let smtp = SmtpServer::start();
    let office = Office::new(imap.port(), smtp.port());
    let running = office.run();
    let rows = office.arrived(1).await;
    assert_eq!(texts(&rows[0]), ["Subject: film\n\n[the mail has 100 MB and was not read]"]);
    assert!(!imap.commands().iter().any(|line| line.contains("BODY.PEEK[]")));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_does_not_exist_is_a_mistake_of_the_configuration() {
    let smtp = SmtpServer::start();
    for (answer, setup) in [
        ("{tag} NO Mailbox doesn't exist: INBOX\r\n", true),
        ("{tag} NO [NONEXISTENT] Unknown Mailbox\r\n", true),
        ("{tag} NO [INUSE] later\r\n", false),
        ("{tag} OK without any UIDVALIDITY\r\n", false),
    ] {
        let imap = server(move |command| command.starts_with("SELECT").then(|| Act::Say(answer.to_owned())));
        let error = Office::new(imap.port(), smtp.port()).run().ended().await.unwrap_err();
        assert_eq!(matches!(error, ChannelError::Setup { .. }), setup, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_answers_are_temporary_and_quoted_only_in_short() {
    let smtp = SmtpServer::start();
    for (name, greeting, answer) in [
        ("no greeting", "220 smtp here", ""),
        ("bye", "* BYE too many", ""),
        ("garbage", "* OK hi", "\u{1}garbage secret mail text\r\n"),
        ("cut", "* OK hi", "* CAPA"),
        ("unavailable", "* OK hi", "{tag} NO [UNAVAILABLE] later\r\n"),
    ] {
        let answer = answer.to_owned();
        let imap = ImapScript::start(greeting, move |_| Act::SayAndCut(answer.clone()));
        let error = Office::new(imap.port(), smtp.port()).channel().connect().await.unwrap_err();
        assert!(matches!(error, ChannelError::Temporary { .. }), "{name}: {error}");
        assert!(!error.to_string().contains("secret mail"), "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_at_login_is_given_up_in_time() {
    let (smtp, clock) = (SmtpServer::start(), Arc::new(session_api::ManualClock::default()));
    let imap = ImapScript::start("* OK hi", |_| Act::Hang);
    let channel = Office::at(imap.port(), smtp.port(), clock.clone()).channel();
    let time = async {
        eventually("it logs in", || !imap.commands().is_empty()).await;
        clock.advance(std::time::Duration::from_secs(31));
    };
    let both = async { tokio::join!(channel.connect(), time) };
    let (connected, ()) = tokio::time::timeout(PATIENCE, both).await.expect("it gives up");
    assert!(matches!(connected, Err(ChannelError::Temporary { .. })));
}
