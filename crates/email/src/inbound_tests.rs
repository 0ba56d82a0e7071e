use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config;

fn config() -> Config {
    let table = json!({
        "address": "bot@bot.local", "imap_host": "h", "imap_password": "p", "smtp_host": "h", "authserv_id": "mx",
    });
    config::read(table).unwrap()
}

fn mail(raw: impl Into<Vec<u8>>) -> Mail {
    Mail { raw: raw.into(), received_at: Timestamp(7), too_large: None }
}

const HEAD: &str = "Authentication-Results: mx; dmarc=pass header.from=test.local\r\n\
    From: =?UTF-8?B?w4RsaWNl?= <Alice@Test.Local>\r\nMessage-ID: <a2@test.local>\r\n";

#[test]
fn a_mail_becomes_an_arrival_of_its_thread() {
    let raw = format!(
        "{HEAD}Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?UTF-8?B?4oCm?=\r\n\
         References: <a1@test.local> <b1@bot.local>\r\nIn-Reply-To: <b1@bot.local>\r\n\r\nthanks"
    );
    let Head { arrival, subject, fresh } = head(&mail(raw), &config(), &Mutex::default());
    assert_eq!((arrival.distrusted.as_deref(), fresh), (None, false));
    assert_eq!(arrival.external_id, "a2@test.local alice@test.local");
    assert_eq!((arrival.sender.as_str(), arrival.chat.as_str()), ("alice@test.local", "alice@test.local"));
    assert_eq!(arrival.sender_name.as_deref(), Some("Älice"));
    assert_eq!(arrival.thread.as_deref(), Some("a1@test.local"));
    assert_eq!(subject, "Grüße…");
    let reply = ReplyTo::decode(&arrival.message_id.unwrap());
    assert_eq!((reply.id.as_deref(), reply.subject.as_str()), (Some("a2@test.local"), "Grüße…"));
    assert_eq!(reply.before, ["a1@test.local", "b1@bot.local"]);
}

#[test]
fn a_mail_without_an_id_is_known_again_by_what_it_says() {
    let one = "From: a@test.local\r\nDate: Mon, 3 Mar 2025 10:00:00 +0000\r\nSubject: x\r\n\r\nbody";
    let id = |raw: String| head(&mail(raw), &config(), &Mutex::default()).arrival.external_id;
    assert_eq!(id(one.to_owned()), id(format!("Received: again\r\n{one}")));
    assert_ne!(id(one.to_owned()), id(one.replace("body", "other")));
    assert!(id(one.to_owned()).starts_with("sha256:"));
}

#[test]
fn the_subject_is_shown_where_it_is_news() {
    for (body, subject, fresh, shown) in [
        ("hello", "report", true, "Subject: report\n\nhello"),
        ("hello", "report", false, "hello"),
        ("hello", "", true, "hello"),
        ("", "report", true, "report"),
        ("", "", true, "[an empty mail]"),
        ("/stop\n\nSent from my phone", "report", true, "/stop"),
        ("/approve 1\n-- x", "Re: report", false, "/approve 1"),
        ("/etc/hosts is odd", "report", true, "Subject: report\n\n/etc/hosts is odd"),
        ("tool:clock {}", "report", true, "tool:clock {}"),
    ] {
        assert_eq!(text(body, subject, fresh), shown);
    }
}

#[test]
fn the_brake_holds_for_senders_and_threads() {
    let brake = Mutex::new(Brake::default());
    let why = |raw: &str| head(&mail(raw), &config(), &brake).arrival.distrusted;
    assert_eq!(why(HEAD), None);
    for n in 0..10 {
        brake.lock().count("alice@test.local", "other", &n.to_string(), Timestamp(7));
    }
    assert!(why(HEAD).unwrap().contains("more than 10 mails in an hour"));
    let late = Mail { raw: HEAD.into(), received_at: Timestamp(4_000_000), too_large: None };
    assert_eq!(head(&late, &config(), &brake).arrival.distrusted, None);
    for n in 0..20 {
        brake.lock().count("bob@test.local", "a2@test.local", &n.to_string(), Timestamp(7));
    }
    assert!(head(&late, &config(), &brake).arrival.distrusted.unwrap().contains("20 turns"));
    // A process that has just started sees in the mail itself how long this has gone on.
    let own: String =
        (0..20).map(|n| format!(" <{}>", threads::own_id(uuid::Uuid::from_u128(n), "bot.local"))).collect();
    let long = head(&mail(format!("{HEAD}References: <x@y>{own}\r\n")), &config(), &Mutex::default());
    assert!(long.arrival.distrusted.unwrap().contains("20 turns"));
}

#[test]
fn a_mail_that_is_too_large_says_so() {
    let large = Mail { raw: HEAD.into(), received_at: Timestamp(7), too_large: Some(100 << 20) };
    assert_eq!(read(&large, "film", true).text, "Subject: film\n\n[the mail has 100 MB and was not read]");
}

/// Pieces of mails, so that garbage gets past the first line.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"From: a <a@b>\r\n".to_vec()),
        Just(b"Content-Type: multipart/alternative; boundary=b\r\n".to_vec()),
        Just(b"Content-Type: text/html; charset=iso-2022-jp\r\n".to_vec()),
        Just(b"Content-Type: message/rfc822\r\n".to_vec()),
        Just(b"Content-Transfer-Encoding: base64\r\n".to_vec()),
        Just(b"Content-Transfer-Encoding: quoted-printable\r\n".to_vec()),
        Just(b"Subject: =?UTF-8?Q?=".to_vec()),
        Just(b"References: <a@b> <".to_vec()),
        Just(b"Authentication-Results: mx; dkim=pass (".to_vec()),
        Just(b"--b\r\n".to_vec()),
        Just(b"--b--\r\n".to_vec()),
        Just(b"<div style='display:none'><table><td><style>a{".to_vec()),
        Just(b"\x1b$B\xFF\xFE=\x00".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn garbage_never_panics(pieces in proptest::collection::vec(piece(), 0..25)) {
        let mail = mail(pieces.concat());
        let Head { arrival, subject, fresh } = head(&mail, &config(), &Mutex::default());
        prop_assert!(arrival.distrusted.is_some() || arrival.sender.contains('@'));
        prop_assert!(arrival.external_id.len() < 700);
        prop_assert!(!subject.contains(['\r', '\n']));
        read(&mail, &subject, fresh);
    }
}
