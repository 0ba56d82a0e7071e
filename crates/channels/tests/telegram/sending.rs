//! What goes out, and what the platform's answers make of it.

use std::time::Duration;

use agent_core::ChannelError;
use serde_json::json;
use servers::telegram::Fault;
use session_api::Part;

use crate::rig::{FRIEND, Rig, build, question};

#[tokio::test]
async fn markdown_is_shown_with_its_markup_and_without_a_preview() {
    let rig = Rig::new();
    rig.send(FRIEND, 1, "**fat** & <thin> https://a.b").await.unwrap();
    let shown = rig.only(FRIEND);
    assert_eq!((shown.text.as_str(), shown.html), ("fat & <thin> https://a.b", true));
    let call = &rig.telegram.calls("sendMessage")[0];
    assert_eq!(call.params["link_preview_options"], json!({"is_disabled": true}));
}

#[tokio::test]
async fn a_text_whose_markup_is_refused_comes_plain() {
    let rig = Rig::new();
    let refused =
        Fault::api(400, "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0");
    rig.telegram.fault("sendMessage", 1, refused.clone());
    let id = rig.send(FRIEND, 1, "**fat** text").await.unwrap();
    let shown = rig.only(FRIEND);
    assert_eq!((shown.text.as_str(), shown.html), ("**fat** text", false));
    rig.telegram.fault("editMessageText", 1, refused);
    let mut edit = rig.claim(FRIEND, 1, "*thin* text");
    edit.part.platform_id = id;
    rig.channel.send(&edit).await.unwrap();
    assert_eq!(rig.only(FRIEND).text, "*thin* text");
    // Markup alone would be an empty message.
    rig.send(7, 2, "# ").await.unwrap();
    assert_eq!(rig.telegram.texts(7), ["#"]);
}

#[tokio::test]
async fn a_text_that_its_markup_makes_too_long_comes_plain() {
    let rig = Rig::new();
    let wide = format!("|{}|a|\n|-|-|\n{}", "b".repeat(40), "|c|d|\n".repeat(600));
    assert!(wide.len() < 4000);
    rig.send(FRIEND, 1, &wide).await.unwrap();
    let shown = rig.only(FRIEND);
    assert!(shown.text == wide.trim() && !shown.html);
}

#[tokio::test]
async fn nine_thousand_letters_with_a_fence_across_the_border_are_three_good_messages() {
    let rig = Rig::new();
    let limit = rig.channel.capabilities().text_limit;
    // As the core splits: each part within the limit, each fence closed and opened again.
    let line = "let answer = \"a < b && c > d\"; // 😀\n";
    let code =
        |room: usize| format!("```rust\n{}```", line.repeat((room - 20) / line.encode_utf16().count()));
    let parts = [
        format!("Here it is:\n\n{}", code(limit - 20)),
        code(limit),
        format!("{}\n\nThat **was** it.", code(900)),
    ];
    for (index, part) in (0..).zip(&parts) {
        assert!(part.encode_utf16().count() <= limit);
        let mut claim = rig.claim(FRIEND, u128::from(index) + 1, part);
        claim.part.index = index;
        rig.channel.send(&claim).await.unwrap();
    }
    let shown = rig.telegram.shown(FRIEND);
    assert_eq!(shown.len(), 3);
    for message in shown {
        assert!(message.html && message.text.encode_utf16().count() <= 4096);
        assert!(message.text.contains(line.trim()) && !message.text.contains("```"), "{}", message.text);
    }
}

#[tokio::test]
async fn flood_control_names_the_wait_and_order_is_kept_by_waiting() {
    let rig = Rig::new();
    rig.telegram.fault("sendMessage", 1, Fault::retry_after(1));
    let refused = rig.send(FRIEND, 1, "one").await;
    let Err(ChannelError::Temporary { after: Some(wait), .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(wait, Duration::from_secs(1));
    // As the dispatcher does: nothing for this chat before the wait is over.
    tokio::time::sleep(wait).await;
    rig.send(FRIEND, 1, "one").await.unwrap();
    rig.send(FRIEND, 2, "two").await.unwrap();
    assert_eq!(rig.telegram.texts(FRIEND), ["one", "two"]);
    let calls = rig.telegram.calls("sendMessage");
    assert!(calls[1].at - calls[0].at >= wait);
}

#[tokio::test]
async fn each_failure_says_what_is_known_of_the_message() {
    enum Known {
        NotTaken,
        Never,
        Open,
        Setup,
    }
    for (fault, known) in [
        (Fault::Cut, Known::Open),
        (Fault::CutAfter, Known::Open),
        (Fault::Truncate, Known::Open),
        (Fault::Status(504, "<html>".into()), Known::Open),
        (Fault::bad_gateway(), Known::NotTaken),
        (Fault::api(500, "Internal Server Error"), Known::NotTaken),
        (Fault::retry_after(3), Known::NotTaken),
        (Fault::api(403, "Forbidden: bot was blocked by the user"), Known::Never),
        (Fault::api(403, "Forbidden: bot was kicked from the group chat"), Known::Never),
        (Fault::api(400, "Bad Request: chat not found"), Known::Never),
        (Fault::api(401, "Unauthorized"), Known::Setup),
    ] {
        let rig = Rig::new();
        rig.telegram.fault("sendMessage", 1, fault.clone());
        let error = rig.send(FRIEND, 1, "x").await.unwrap_err();
        let right = match known {
            Known::NotTaken => matches!(error, ChannelError::Temporary { .. }),
            Known::Never => matches!(error, ChannelError::Permanent { .. }),
            Known::Open => matches!(error, ChannelError::Doubtful { .. }),
            Known::Setup => matches!(error, ChannelError::Setup { .. }),
        };
        assert!(right, "{fault:?}: {error:?}");
        assert!(!error.to_string().contains("AAFake"), "{error}");
    }
    let nobody = json!({"token": "1:x", "api_url": servers::refused_url()});
    let rig = Rig::new();
    let channel = build(nobody, &rig.stores).unwrap();
    let error = channel.send(&rig.claim(FRIEND, 1, "x")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Temporary { .. }), "{error:?}");
}

#[tokio::test]
async fn an_edit_or_a_deletion_that_went_astray_can_simply_be_repeated() {
    let rig = Rig::new();
    let mut claim = rig.claim(FRIEND, 1, "one");
    claim.part.platform_id = rig.channel.send(&claim).await.unwrap().platform_id;
    claim.part.body = Some(Part::text("two"));
    rig.telegram.fault("editMessageText", 1, Fault::CutAfter);
    assert!(matches!(rig.channel.send(&claim).await, Err(ChannelError::Temporary { .. })));
    rig.channel.send(&claim).await.unwrap();
    assert_eq!((rig.only(FRIEND).text.as_str(), rig.only(FRIEND).edits), ("two", 1));
    claim.part.body = None;
    rig.telegram.fault("deleteMessage", 1, Fault::CutAfter);
    assert!(matches!(rig.channel.send(&claim).await, Err(ChannelError::Temporary { .. })));
    rig.channel.send(&claim).await.unwrap();
    assert!(rig.telegram.shown(FRIEND).is_empty());
    // An edit of what somebody deleted is said anew.
    claim.part.body = Some(Part::text("three"));
    let sent = rig.channel.send(&claim).await.unwrap();
    assert_ne!(sent.platform_id, claim.part.platform_id);
    assert_eq!(rig.telegram.texts(FRIEND), ["three"]);
}

#[tokio::test]
async fn an_edit_of_a_question_keeps_its_buttons() {
    let rig = Rig::new();
    let approval = "01890a5d-ac96-774b-bcce-b302099a8057";
    let mut claim = question(rig.claim(FRIEND, 1, "May I?"), approval);
    claim.part.platform_id = rig.channel.send(&claim).await.unwrap().platform_id;
    claim.part.body = Some(Part::text("May I please?"));
    rig.channel.send(&claim).await.unwrap();
    assert_eq!((rig.only(FRIEND).buttons.len(), rig.only(FRIEND).edits), (2, 1));
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_found_there() {
    let rig = Rig::new();
    rig.telegram.migrate(-42, -1_000_000_000_042);
    rig.send(-42, 1, "hi").await.unwrap();
    assert_eq!(rig.telegram.texts(-1_000_000_000_042), ["hi"]);
    assert!(rig.telegram.texts(-42).is_empty());
}

#[tokio::test]
async fn an_answer_to_a_message_that_is_gone_is_still_sent() {
    let rig = Rig::new();
    let mut claim = rig.claim(FRIEND, 1, "late");
    claim.route.reply_to = Some("4711".into());
    rig.channel.send(&claim).await.unwrap();
    assert_eq!(rig.only(FRIEND).reply_to, None);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_for_good() {
    let rig = Rig::new();
    let mut claim = rig.claim(FRIEND, 1, "x");
    claim.route.chat = "general".into();
    assert!(matches!(rig.channel.send(&claim).await, Err(ChannelError::Permanent { .. })));
    let mut claim = rig.claim(FRIEND, 1, "x");
    claim.part.body = Some(Part::Reasoning { text: "hm".into() });
    assert!(matches!(rig.channel.send(&claim).await, Err(ChannelError::Permanent { .. })));
    // A draft that was never shown is gone already.
    claim.part.body = None;
    assert_eq!(rig.channel.send(&claim).await.unwrap().platform_id, None);
    assert!(rig.telegram.calls("deleteMessage").is_empty());
}
