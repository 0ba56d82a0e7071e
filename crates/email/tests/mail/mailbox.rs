//! Mail comes in, once, and is marked as read only when it is safe.

use std::sync::Arc;

use agent_core::{Admission, Arrival, ChannelError, Judgement};
use servers::mail::ImapProxy;
use session_api::{Part, StoreError};

use crate::desk::{Desk, mail, texts};
use crate::office::{FRIEND, PATIENCE, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn case_1_mail_that_comes_while_idling_arrives_and_is_then_marked_as_read() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    let name =
        desk.dovecot.inbox().deliver(mail("a1@test.local", FRIEND, "Subject: report\r\n", "how is it?"));
    let rows = desk.arrived(1).await;
    assert_eq!(texts(&rows[0]), ["Subject: report\n\nhow is it?"]);
    assert_eq!(rows[0].session.to_string(), "email:bot@test.local:alice@test.local:a1@test.local");
    desk.seen(&name).await;
    running.stop().await.expect("it ends without an error");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_from_before_the_first_start_is_left_alone() {
    let Some(desk) = Desk::open() else { return };
    let old = desk.dovecot.inbox().deliver(mail("old@test.local", FRIEND, "", "from last year"));
    let running = desk.start(1).await;
    let new = desk.dovecot.inbox().deliver(mail("new@test.local", FRIEND, "", "now"));
    desk.seen(&new).await;
    assert_eq!(texts(&desk.arrived(1).await[0]), ["now"]);
    assert!(desk.is_quiet().await && !desk.dovecot.inbox().seen(&old));
    running.stop().await.unwrap();
}

/// Never decides; tells that it was asked.
struct Ponders(tokio::sync::Notify);

#[async_trait::async_trait]
impl Admission for Ponders {
    async fn judge(&self, _: &str, _: &str, _: &Arrival) -> Result<Judgement, StoreError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_2_mail_is_delivered_once_after_a_kill_between_fetch_and_commit() {
    let Some(desk) = Desk::open() else { return };
    desk.start(1).await.kill().await;
    let name = desk.dovecot.inbox().deliver(mail("a1@test.local", FRIEND, "", "hello"));
    let ponders = Arc::new(Ponders(tokio::sync::Notify::new()));
    let running = desk.start_asking(ponders.clone());
    tokio::time::timeout(PATIENCE, ponders.0.notified()).await.expect("it was fetched");
    running.kill().await;
    assert!(desk.is_quiet().await && !desk.dovecot.inbox().seen(&name));
    let running = desk.start(2).await;
    desk.seen(&name).await;
    assert_eq!(texts(&desk.arrived(1).await[0]), ["hello"]);
    assert!(desk.is_quiet().await);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_delivered_exactly_once_wherever_the_channel_is_killed() {
    let Some(desk) = Desk::with(|table| table["answers_per_hour"] = 1000.into()) else { return };
    desk.start(1).await.kill().await;
    let inbox = desk.dovecot.inbox();
    let mut said = Vec::new();
    for (n, command) in ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "IDLE"].iter().enumerate()
    {
        for m in 0..20 {
            said.push(format!("{n}.{m}"));
            inbox.deliver(mail(&format!("{n}.{m}@test.local"), FRIEND, "", &format!("{n}.{m}")));
        }
        let before = desk.proxy.count(command);
        let running = desk.run();
        // A kill between commit and STORE leaves no STORE to wait for: the IDLE after it ends the wait as well.
        let idles = desk.proxy.count("IDLE");
        eventually("it comes so far", || {
            desk.proxy.count(command) > before || desk.proxy.count("IDLE") > idles
        })
        .await;
        running.kill().await;
    }
    let running = desk.start(desk.proxy.count("IDLE") + 1).await;
    let last = inbox.deliver(mail("last@test.local", FRIEND, "", "last"));
    desk.seen(&last).await;
    said.push("last".to_owned());
    let rows = desk.arrived(said.len()).await;
    assert_eq!(rows.iter().flat_map(texts).collect::<Vec<_>>(), said);
    assert!(desk.is_quiet().await);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_3_a_renumbered_mailbox_is_not_answered_again_and_new_mail_is_found() {
    let Some(mut desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    let inbox = desk.dovecot.inbox();
    let first = inbox.deliver(mail("a1@test.local", FRIEND, "", "one"));
    desk.seen(&first).await;
    running.kill().await;
    for (n, validity) in [4_000_000_000, 7].into_iter().enumerate() {
        desk.dovecot.renumber(validity);
        let text = format!("while renumbered {n}");
        let meanwhile = inbox.deliver(mail(&format!("m{n}@test.local"), FRIEND, "", &text));
        let running = desk.start(desk.proxy.count("IDLE") + 1).await;
        desk.seen(&meanwhile).await;
        let new = inbox.deliver(mail(&format!("n{n}@test.local"), FRIEND, "", &format!("new {n}")));
        desk.seen(&new).await;
        running.stop().await.unwrap();
        // From here on the place in the new numbering holds.
        let before = desk.proxy.count("UID FETCH");
        let running = desk.start(desk.proxy.count("IDLE") + 1).await;
        assert_eq!(desk.proxy.count("UID FETCH"), before);
        running.stop().await.unwrap();
    }
    let rows = desk.arrived(5).await;
    let texts: Vec<_> = rows.iter().flat_map(texts).collect();
    assert_eq!(texts, ["one", "while renumbered 0", "new 0", "while renumbered 1", "new 1"]);
    assert!(desk.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_4_mail_that_came_while_the_session_was_thrown_out_is_processed() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    desk.dovecot.kick();
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, ChannelError::Temporary { .. }), "{error}");
    desk.dovecot.inbox().deliver(mail("a1@test.local", FRIEND, "", "meanwhile"));
    let running = desk.start(2).await;
    assert_eq!(texts(&desk.arrived(1).await[0]), ["meanwhile"]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_5_a_server_without_idle_is_polled() {
    let Some(mut desk) = Desk::with(|table| table["poll_seconds"] = 5.into()) else { return };
    desk.through(ImapProxy::without_idle(desk.dovecot.port()));
    let running = desk.run();
    assert!(desk.proxy.counted("UID SEARCH", 1, PATIENCE).await);
    desk.dovecot.inbox().deliver(mail("a1@test.local", FRIEND, "", "polled"));
    assert_eq!(texts(&desk.arrived(1).await[0]), ["polled"]);
    assert_eq!(desk.proxy.count("IDLE"), 0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_another_client_read_or_removed_first_is_handled() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    running.kill().await;
    let inbox = desk.dovecot.inbox();
    inbox.deliver(mail("read@test.local", FRIEND, "", "read elsewhere"));
    inbox.deliver(mail("gone@test.local", FRIEND, "", "gone"));
    inbox.deliver(mail("deleted@test.local", FRIEND, "", "marked as deleted"));
    let user = servers::mail::USER;
    desk.dovecot.doveadm(&[
        "flags",
        "add",
        "-u",
        user,
        "\\Seen",
        "mailbox",
        "INBOX",
        "header",
        "Message-ID",
        "read@",
    ]);
    desk.dovecot.doveadm(&["expunge", "-u", user, "mailbox", "INBOX", "header", "Message-ID", "gone@"]);
    desk.dovecot.doveadm(&[
        "flags",
        "add",
        "-u",
        user,
        "\\Deleted",
        "mailbox",
        "INBOX",
        "header",
        "Message-ID",
        "deleted@",
    ]);
    let running = desk.start(2).await;
    assert_eq!(texts(&desk.arrived(1).await[0]), ["read elsewhere"]);
    assert!(desk.is_quiet().await);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_text_is_right_and_attachments_are_refused_or_kept_as_they_deserve() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    let mut raw = mail("a1@test.local", FRIEND, "Subject: files\r\n", "").into_bytes();
    let head = String::from_utf8(raw.clone()).unwrap();
    let head = head.split("Content-Type").next().unwrap();
    raw =
        format!("{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n").into_bytes();
    raw.extend_from_slice(b"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n");
    raw.extend_from_slice(
        b"--a\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B$3$s$K$A$O\x1b(B\r\n",
    );
    raw.extend_from_slice(
        b"--a\r\nContent-Type: text/html; charset=gb18030\r\n\r\n<p>\xC4\xE3\xBA\xC3</p>\r\n--a--\r\n",
    );
    raw.extend_from_slice(b"--m\r\nContent-Type: application/pdf; name=\"big.pdf\"\r\n\r\n%PDF-1.7\r\n");
    raw.extend(
        std::iter::repeat_n(b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n", 3 << 14)
            .flatten(),
    );
    raw.extend_from_slice(b"\r\n--m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"../../x.pdf\"\r\n\r\n%PDF-small\r\n--m--\r\n");
    desk.dovecot.inbox().deliver(raw);
    let rows = desk.arrived(1).await;
    let [Part::Text { text }, Part::Text { text: note }, Part::File { mime, name, .. }] = &rows[0].parts[..]
    else {
        panic!("{:#?}", rows[0].parts)
    };
    assert_eq!(text, "Subject: files\n\nこんにちは");
    assert_eq!(note, "[the attachment big.pdf was not taken: it has 3.1 MB, the limit is 2 MB]");
    assert_eq!((mime.as_str(), name.as_str()), ("application/pdf", "x.pdf"));
    running.stop().await.unwrap();
}
