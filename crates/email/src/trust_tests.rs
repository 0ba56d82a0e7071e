use serde_json::{Value, json};

use super::*;
use crate::config;

fn config(change: impl FnOnce(&mut Value)) -> Config {
    let mut table = json!({
        "address": "bot@bot.local", "imap_user": "robot@mail.local", "imap_host": "h", "imap_password": "p",
        "smtp_host": "h", "authserv_id": "mx.bot.local",
    });
    change(&mut table);
    config::read(table).unwrap()
}

const GOOD: &str = "Authentication-Results: mx.bot.local; dmarc=pass header.from=test.local\n";
const FROM: &str = "From: Alice <alice@test.local>\n";

fn why(head: &str, config: &Config) -> Option<String> {
    let heads = Heads::of(head.as_bytes());
    distrust(&heads, sender(&heads).as_deref(), config)
}

#[test]
fn authenticated_mail_of_a_person_may_speak() {
    for more in [
        "",
        "Auto-Submitted: no\n",
        "Auto-Submitted: no (really)\n",
        "Precedence: first-class\n",
        "Return-Path: <alice@test.local>\n",
        "Content-Type: multipart/mixed; boundary=report\n",
        "Message-ID: <factotum.x@bot.local>\n",
        "Reply-To: mallory@evil.example\n",
    ] {
        assert_eq!(why(&format!("{GOOD}{FROM}{more}"), &config(|_| ())), None, "{more}");
    }
}

#[test]
fn automatic_mail_is_not_listened_to() {
    for (more, says) in [
        ("Auto-Submitted: auto-replied\n", "Auto-Submitted"),
        ("Auto-Submitted: auto-generated (x)\n", "Auto-Submitted"),
        ("Auto-Submitted:\n", "Auto-Submitted"),
        ("PRECEDENCE: Bulk\n", "Precedence"),
        ("Precedence: auto_reply\n", "Precedence"),
        ("List-Id: <friends.test.local>\n", "List-Id"),
        ("List-Unsubscribe: <mailto:x>\n", "List-Unsubscribe"),
        ("List-Post: NO\n", "List-Post"),
        ("Return-Path: < >\n", "Return-Path"),
        ("X-Auto-Response-Suppress: All\n", "X-Auto-Response-Suppress"),
        ("X-Autoreply: yes\n", "X-Autoreply"),
        ("X-Autorespond: yes\n", "X-Autorespond"),
        ("Content-Type: multipart/report; report-type=delivery-status\n", "delivery report"),
        ("Message-ID: <factotum.00000000-0000-0000-0000-000000000007@bot.local>\n", "the assistant wrote"),
    ] {
        let why = why(&format!("{GOOD}{FROM}{more}"), &config(|_| ())).unwrap_or_default();
        assert!(why.contains(says), "{more}: {why}");
    }
}

#[test]
fn senders_that_are_machines_or_ourselves_or_unclear_are_refused() {
    for (from, says) in [
        ("From: mailer-daemon@test.local\n", "the sender's address"),
        ("From: Postmaster@test.local\n", "the sender's address"),
        ("From: no-reply@test.local\n", "the sender's address"),
        ("From: bounces+1@test.local\n", "the sender's address"),
        ("From: Bot@Bot.Local\n", "own address"),
        ("From: robot@mail.local\n", "own address"),
        ("", "no single sender"),
        ("From:\n", "no single sender"),
        ("From: alice@test.local, bob@test.local\n", "no single sender"),
        ("From: alice@test.local\nFrom: alice@test.local\n", "no single sender"),
        ("From: alice@test.local <mallory@evil.example>\n", "no single sender"),
        ("From: \"alice@test.local\" <mallory@evil.example>\n", "could not authenticate"),
    ] {
        let why = why(&format!("{GOOD}{from}"), &config(|_| ())).unwrap_or_default();
        assert!(why.contains(says), "{from}: {why}");
    }
}

/// What a forger can write into a mail does not help him.
#[test]
fn only_the_topmost_word_of_the_receiving_server_counts() {
    const FORGED: &str = "Authentication-Results: mx.bot.local; dmarc=pass header.from=test.local\n";
    const FAIL: &str = "Authentication-Results: mx.bot.local; dmarc=fail header.from=test.local\n";
    const OTHER: &str =
        "Authentication-Results: mx.evil.example; dmarc=pass; dkim=pass header.d=test.local\n";
    for (head, trusted) in [
        (FORGED.to_owned(), true),
        (format!("{OTHER}{FORGED}"), true),
        (format!("{FAIL}{FORGED}"), false),
        (OTHER.to_owned(), false),
        (String::new(), false),
        ("Authentication-Results: mx.bot.local.evil.example; dmarc=pass\n".to_owned(), false),
        ("Authentication-Results: mx.evil.example (mx.bot.local); dmarc=pass\n".to_owned(), false),
        ("Authentication-Results: \"mx.evil.example;\" mx.bot.local; dmarc=pass\n".to_owned(), false),
        ("Subject: x\n Authentication-Results: mx.bot.local; dmarc=pass\n".to_owned(), false),
        ("X-Authentication-Results: mx.bot.local; dmarc=pass\n".to_owned(), false),
        ("ARC-Authentication-Results: i=1; mx.bot.local; dmarc=pass\n".to_owned(), false),
        (format!("\n{FORGED}"), false),
        (
            "Authentication-Results: mx.bot.local;\n\tdkim=pass header.d=test.local\n\theader.s=a\n"
                .to_owned(),
            true,
        ),
        ("Authentication-Results: MX.Bot.Local 1; spf=pass smtp.mailfrom=a@test.local\n".to_owned(), true),
    ] {
        let why = why(&format!("{FROM}{head}"), &config(|_| ()));
        assert_eq!(why.is_none(), trusted, "{head}: {why:?}");
    }
}

#[test]
fn switches_do_what_they_say() {
    let unset = config(|table| table["authserv_id"] = Value::Null);
    assert!(why(&format!("{GOOD}{FROM}"), &unset).unwrap().contains("authserv_id is not set"));
    let unverified = config(|table| {
        table["authserv_id"] = Value::Null;
        table["verify_sender"] = json!(false);
    });
    assert_eq!(why(FROM, &unverified), None);
    let silent = config(|table| table["auto_reply"] = json!(false));
    assert!(why(&format!("{GOOD}{FROM}"), &silent).unwrap().contains("auto_reply is off"));
}
