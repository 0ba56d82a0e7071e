//! Mail that may not speak leaves no trace but the moved cursor.

use crate::desk::{Desk, mail, texts};
use crate::office::{FRIEND, SERVER};

#[tokio::test(flavor = "multi_thread")]
async fn cases_6_and_7_forged_and_automatic_mail_is_not_answered() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    let inbox = desk.dovecot.inbox();
    let good = |id: &str, more: &str| mail(id, FRIEND, more, "let me in");
    let forged = good("f1@test.local", "").replace(SERVER, "mx.evil.example");
    let unsigned = good("f2@test.local", "").replace("Authentication-Results", "X-Nothing");
    let refused: Vec<String> = [
        forged,
        unsigned,
        mail("f3@test.local", "mallory@evil.example", "", "let me in").replace("Alice", "alice@test.local"),
        good("v@test.local", "Auto-Submitted: auto-replied\r\n"),
        good("l@test.local", "List-Id: <l.test.local>\r\n"),
        good("n@test.local", "Return-Path: <>\r\n"),
        mail("o@test.local", servers::mail::USER, "", "let me in"),
        good("factotum.00000000-0000-0000-0000-000000000007@test.local", ""),
        good("r@test.local", "").replace("Content-Type: text/plain", "Content-Type: multipart/report"),
    ]
    .iter()
    .map(|mail| inbox.deliver(mail))
    .collect();
    let right = inbox.deliver(good("ok@test.local", ""));
    desk.seen(&right).await;
    let rows = desk.arrived(1).await;
    assert_eq!(
        (rows[0].external_id.as_str(), texts(&rows[0])),
        ("ok@test.local alice@test.local", vec!["let me in"])
    );
    assert!(desk.is_quiet().await);
    assert!(refused.iter().all(|name| !inbox.seen(name)), "what is refused stays unread for the person");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_7_the_eleventh_mail_of_an_hour_is_not_answered() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    for n in 0..12 {
        desk.dovecot.inbox().deliver(mail(&format!("{n}@test.local"), FRIEND, "", &n.to_string()));
    }
    let rows = desk.arrived(10).await;
    assert_eq!(rows.len(), 10);
    // Nobody else is held back by it, and what he says comes after all of the flood.
    desk.dovecot.inbox().deliver(mail("end@test.local", crate::office::SECOND_FRIEND, "", "end"));
    assert_eq!(texts(&desk.arrived(1).await[0]), ["end"]);
    assert!(desk.is_quiet().await);
    running.stop().await.unwrap();
}
