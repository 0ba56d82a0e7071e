//! Answers go out, once, and thread.

use agent_core::{ChannelError, Reconciled};
use mail_parser::MessageParser;
use servers::mail::Fault;
use session_api::Part;

use crate::desk::{Desk, mail, reply, texts};
use crate::office::FRIEND;

#[tokio::test(flavor = "multi_thread")]
async fn case_8_an_answer_threads_and_the_next_mail_lands_in_the_same_session() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    desk.dovecot.inbox().deliver(mail("a1@test.local", FRIEND, "Subject: report\r\n", "how is it?"));
    let first = desk.arrived(1).await.remove(0);
    let mut answer = reply("fine", 7);
    answer.route = first.reply.clone();
    desk.channel().send(&answer).await.unwrap();
    let sent = desk.smtp.mails().remove(0);
    let header = |name: &str| sent.header(name).unwrap_or_default();
    assert_eq!((sent.from.as_str(), &sent.to[..]), ("bot@test.local", &[FRIEND.to_owned()][..]));
    assert_eq!(header("Subject"), "Re: report");
    assert_eq!(
        (header("In-Reply-To"), header("References")),
        ("<a1@test.local>".into(), "<a1@test.local>".into())
    );
    assert_eq!(header("Auto-Submitted"), "auto-replied");
    let own = header("Message-ID");
    let more = format!("Subject: Re: report\r\nIn-Reply-To: {own}\r\nReferences: <a1@test.local> {own}\r\n");
    let text = "thanks, and now as a table\n\nOn Mon, 3 Mar 2025, Factotum wrote:\n> fine\n";
    desk.dovecot.inbox().deliver(mail("a2@test.local", FRIEND, &more, text));
    let second = desk.arrived(1).await.remove(0);
    assert_eq!(second.session, first.session);
    assert_eq!(texts(&second), ["thanks, and now as a table"]);
    let mut answer = reply("| a |", 8);
    answer.route = second.reply;
    desk.channel().send(&answer).await.unwrap();
    let again = desk.smtp.mails().remove(1);
    assert_eq!(again.header("References").unwrap(), format!("<a1@test.local> {own} <a2@test.local>"));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn case_9_faults_are_told_apart_and_a_retry_keeps_the_id() {
    let Some(desk) = Desk::open() else { return };
    let channel = desk.channel();
    desk.smtp.faults([Fault::Content("451 4.7.1 try later"), Fault::Recipient("451 4.7.1 greylisted")]);
    for _ in 0..2 {
        let error = channel.send(&reply("hello", 7)).await.unwrap_err();
        let ChannelError::Temporary { after: Some(after), .. } = &error else { panic!("{error:?}") };
        assert_eq!(after.as_secs(), 60);
    }
    channel.send(&reply("hello", 7)).await.unwrap();
    let (taken, offered) = (desk.smtp.mails(), desk.smtp.offered());
    assert_eq!((taken.len(), offered.len()), (1, 2));
    assert_eq!(taken[0].header("Message-ID"), offered[0].header("Message-ID"));
    for (fault, class) in [
        (Fault::Recipient("550 5.1.1 no such user"), "permanent"),
        (Fault::Content("552 5.3.4 too large"), "permanent"),
        (Fault::Sender("421 4.3.2 closing"), "temporary"),
        (Fault::Content("452 4.2.2 full"), "temporary"),
        (Fault::Sender("530 5.7.0 log in first"), "setup"),
        (Fault::Cut, "doubtful"),
        (Fault::TakeAndCut, "doubtful"),
    ] {
        desk.smtp.faults([fault.clone()]);
        let error = channel.send(&reply("hello", 8)).await.unwrap_err();
        let found = match &error {
            ChannelError::Temporary { .. } => "temporary",
            ChannelError::Permanent { .. } => "permanent",
            ChannelError::Doubtful { .. } => "doubtful",
            ChannelError::Setup { .. } => "setup",
            ChannelError::Store(_) => "store",
        };
        assert_eq!(found, class, "{fault:?}: {error}");
    }
    assert!(channel.send(&reply("hello", 9)).await.is_ok(), "550 is not remembered against later mails");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_proves_that_a_mail_went_out() {
    let Some(desk) = Desk::open() else { return };
    let channel = desk.channel();
    assert_eq!(channel.reconcile(&reply("hello", 7)).await.unwrap(), Reconciled::Unknown);
    let sent = channel.send(&reply("hello", 7)).await.unwrap();
    assert_eq!(channel.reconcile(&reply("hello", 7)).await.unwrap(), Reconciled::Sent(sent));
    // The same mail again leaves one copy.
    channel.send(&reply("hello", 7)).await.unwrap();
    assert_eq!(desk.dovecot.sent().mails().len(), 1);
    assert_eq!(desk.smtp.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_went_out_is_sent_even_when_no_copy_can_be_kept() {
    let Some(mut desk) = Desk::open() else { return };
    let channel = desk.channel();
    desk.dovecot.kill();
    channel.send(&reply("hello", 7)).await.expect("it went out");
    assert_eq!(desk.smtp.mails().len(), 1);
    desk.dovecot.start_again();
    assert_eq!(channel.reconcile(&reply("hello", 7)).await.unwrap(), Reconciled::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_save_sent_no_copy_is_kept() {
    let Some(desk) = Desk::with(|table| table["save_sent"] = false.into()) else { return };
    desk.channel().send(&reply("hello", 7)).await.unwrap();
    assert!(desk.dovecot.sent().mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_as_attachments_and_too_large_ones_refused() {
    let Some(desk) = Desk::open() else { return };
    let blob = |bytes: Vec<u8>| desk.stores.blobs.put_blob(bytes.into());
    let mut claim = reply("", 7);
    let file = |blob| Some(Part::File { blob, mime: "application/pdf".into(), name: "a.pdf".into() });
    claim.part.body = file(blob(b"%PDF-1".to_vec()).await.unwrap());
    desk.channel().send(&claim).await.unwrap();
    let sent = desk.smtp.mails().remove(0);
    let parsed = MessageParser::default().parse(sent.data.as_bytes()).unwrap();
    assert_eq!(parsed.attachment(0).unwrap().contents(), b"%PDF-1");
    claim.part.body = file(blob(vec![0; (10 << 20) + 1]).await.unwrap());
    let error = desk.channel().send(&claim).await.unwrap_err();
    assert!(matches!(error, ChannelError::Permanent { .. }), "{error}");
}
