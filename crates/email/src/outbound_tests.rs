use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;
use session_api::{BlobId, OutPart, OutboxId, OutboxKind, PartId, PartState, Route};
use uuid::Uuid;

use super::*;
use crate::config;

fn config() -> Config {
    let table = json!({
        "address": "bot@bot.local", "name": "Jürgen, the \"Bot\"", "imap_host": "h", "imap_password": "p", "smtp_host": "h",
    });
    config::read(table).unwrap()
}

fn claim(body: Part, reply: Option<ReplyTo>, thread: Option<&str>) -> PartClaim {
    PartClaim {
        part: OutPart {
            id: PartId(Uuid::from_u128(7)),
            message: OutboxId(Uuid::from_u128(1)),
            index: 0,
            body: Some(body),
            platform_id: None,
            state: PartState::Sending,
            attempts: 1,
            doubted: false,
        },
        route: Route {
            channel: "email".into(),
            account: "bot@bot.local".into(),
            chat: "alice@test.local".into(),
            thread: thread.map(str::to_owned),
            reply_to: reply.map(|reply| reply.encode()),
        },
        kind: OutboxKind::Reply,
        may_resend: true,
        token: 1,
    }
}

fn answered(subject: &str) -> ReplyTo {
    let before = vec!["a1@test.local".to_owned(), "b1@bot.local".to_owned()];
    ReplyTo { id: Some("a2@test.local".to_owned()), subject: subject.to_owned(), before }
}

fn raw(mail: &Outgoing) -> String {
    let text = String::from_utf8(mail.bytes.clone()).unwrap();
    let boundary =
        text.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("-").to_owned();
    text.replace(&boundary, "BOUNDARY").replace('\r', "")
}

#[test]
fn an_answer_carries_all_that_threads_it_and_stops_loops() {
    let claim = claim(
        Part::text("**Hello** Älice\n\n- one"),
        Some(answered("Re: AW: report")),
        Some("a1@test.local"),
    );
    let mail = compose(&config(), &claim, None, Timestamp(1_700_000_000_000)).unwrap();
    assert_eq!(mail.id, "factotum.00000000-0000-0000-0000-000000000007@bot.local");
    insta::assert_snapshot!(raw(&mail), @r#"
    From: =?utf-8?b?SsO8cmdlbiwgdGhlICJCb3Qi?= <bot@bot.local>
    To: alice@test.local
    Subject: Re: report
    Message-ID: <factotum.00000000-0000-0000-0000-000000000007@bot.local>
    Date: Tue, 14 Nov 2023 22:13:20 +0000
    In-Reply-To: <a2@test.local>
    References: <a1@test.local> <b1@bot.local> <a2@test.local>
    Auto-Submitted: auto-replied
    X-Auto-Response-Suppress: All
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="BOUNDARY"

    --BOUNDARY
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    **Hello** =C3=84lice

    - one
    --BOUNDARY
    Content-Type: text/html; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    <!DOCTYPE html>
    <html><body>
    <p><strong>Hello</strong> =C3=84lice</p>
    <ul>
    <li>one</li>
    </ul>
    </body></html>

    --BOUNDARY--
    "#);
}

#[test]
fn a_mail_that_answers_nothing_begins_a_thread() {
    let mail =
        compose(&config(), &claim(Part::text("# Reminder\n\nmilk"), None, None), None, Timestamp(0)).unwrap();
    let text = raw(&mail);
    assert!(
        text.contains("\nSubject: Reminder\n") && text.contains("\nAuto-Submitted: auto-generated\n"),
        "{text}"
    );
    assert!(!text.contains("In-Reply-To") && !text.contains("References"), "{text}");
    let later = claim(Part::text("more"), None, Some("a1@test.local"));
    let text = raw(&compose(&config(), &later, None, Timestamp(0)).unwrap());
    assert!(text.contains("\nReferences: <a1@test.local>\n"), "{text}");
}

#[test]
fn subjects_are_marked_once() {
    for (subject, marked) in [
        ("report", "Re: report"),
        ("Re: report", "Re: report"),
        ("RE: Aw: re[2]: report", "Re: report"),
        ("Fwd: report", "Re: Fwd: report"),
        ("Regarding: x", "Re: Regarding: x"),
        ("", "Re: your mail"),
    ] {
        assert_eq!(super::subject(&answered(subject), &Part::text("x")), marked);
    }
}

#[test]
fn no_header_can_be_smuggled_in() {
    let mut reply = answered("x");
    reply.subject = "hi\r\nBcc: victim@evil.example\r\n\r\nbody".to_owned();
    let mut smuggling = claim(Part::text("x"), None, Some("root@x>\r\nBcc: <v@evil.example"));
    smuggling.route.reply_to = Some(format!("a@b>\r\nBcc: v\n{}\nc@d>\r\nBcc:v e@f", reply.subject));
    let mail = compose(&config(), &smuggling, None, Timestamp(0)).unwrap();
    let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
    assert!(parsed.bcc().is_none());
    assert_eq!(mail.envelope.to().len(), 1);
    for chat in
        ["alice@test.local\r\nBcc: v@evil.example", "alice@test.local, v@evil.example", "a b@c", "", "alice"]
    {
        let mut claim = claim(Part::text("x"), None, None);
        claim.route.chat = chat.to_owned();
        assert!(
            matches!(compose(&config(), &claim, None, Timestamp(0)), Err(ChannelError::Permanent { .. })),
            "{chat}"
        );
    }
}

#[test]
fn files_travel_as_attachments_with_safe_names() {
    let blob = BlobId::of(b"x");
    for (part, mime, name) in [
        (
            Part::File { blob: blob.clone(), mime: "application/pdf".into(), name: "Ä b.pdf".into() },
            "application/pdf",
            "Ä b.pdf",
        ),
        (
            Part::File { blob: blob.clone(), mime: "nonsense".into(), name: "../x\r\nA: b".into() },
            "application/octet-stream",
            "xA b",
        ),
        (Part::Image { blob, mime: "image/jpeg".into() }, "image/jpeg", "image.jpg"),
    ] {
        let bytes = Bytes::from_static(b"\x00\xFFcontent");
        let mail =
            compose(&config(), &claim(part, Some(answered("x")), None), Some(bytes.clone()), Timestamp(0))
                .unwrap();
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        let file = parsed.attachment(0).unwrap();
        let kind = file.content_type().unwrap();
        assert_eq!(format!("{}/{}", kind.ctype(), kind.subtype().unwrap()), mime);
        assert_eq!((file.attachment_name(), file.contents()), (Some(name), &bytes[..]));
        assert_eq!(parsed.subject(), Some("Re: x"));
    }
}

#[test]
fn what_is_no_mail_is_refused() {
    let mut deletion = claim(Part::text("x"), None, None);
    deletion.part.body = None;
    let thought = claim(Part::Reasoning { text: "hm".into() }, None, None);
    for claim in [deletion, thought] {
        assert!(matches!(
            compose(&config(), &claim, None, Timestamp(0)),
            Err(ChannelError::Permanent { .. })
        ));
    }
}
