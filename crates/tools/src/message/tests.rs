//! What is sent where, and what is not.

use session_api::{OutboxMessage, Part, Principal, PrincipalId, Rank, Route, SequentialIds};
use tool_api::{Tool, Typed, contract};

use super::*;
use crate::testing::{Place, Store, text};

fn tool(place: &Place, store: &Arc<Store>, allow: &[&str]) -> Arc<dyn Tool> {
    let allow: Vec<String> = allow.iter().map(|&rule| rule.to_owned()).collect();
    let config = MessageConfig { max_file_bytes: 100, ..MessageConfig::default() };
    let allowed = Allowed::parse(&allow).unwrap();
    let ids = Arc::new(SequentialIds::default());
    Arc::new(Typed::new(Message::new(&config, allowed, place.workspace(), store.clone(), ids)))
}

/// A turn of somebody of this rank in a Telegram group.
fn context(rank: Rank) -> ToolContext {
    let reply = Route {
        channel: "telegram".into(),
        account: "bot".into(),
        chat: "-100".into(),
        thread: Some("7".into()),
        reply_to: Some("55".into()),
    };
    let principal = Principal { id: PrincipalId("somebody".into()), rank };
    ToolContext { principal, reply, ..contract::context() }
}

/// The message and what the model reads, or the class of the error and its words.
async fn send(
    tool: &Arc<dyn Tool>,
    context: &ToolContext,
    args: &str,
) -> Result<(OutboxMessage, String), (&'static str, String)> {
    let output = tool.call(context, args).await.map_err(|error| (error.class(), error.to_string()))?;
    let said = text(&output);
    let mut writes = output.writes;
    assert_eq!(writes.outbox.len(), 1);
    Ok((writes.outbox.remove(0), said))
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let place = Place::new();
    contract::check(&tool(&place, &Arc::default(), &[]), r#"{"text":"hello"}"#).await;
}

#[tokio::test]
async fn without_a_target_it_goes_to_the_chat_that_is_answered() {
    let (place, store) = (Place::new(), Arc::default());
    let tool = tool(&place, &store, &[]);
    for rank in [Rank::Guest, Rank::Member, Rank::Owner] {
        let context = context(rank);
        for args in [
            r#"{"text":"hi"}"#,
            r#"{"text":"hi","to":"","thread":" "}"#,
            r#"{"text":"hi","to":"telegram:-100"}"#,
            r#"{"text":"hi","to":"telegram:bot:-100","thread":"7"}"#,
        ] {
            let (message, said) = send(&tool, &context, args).await.unwrap();
            assert_eq!(message.route, context.reply, "{args}");
            assert_eq!(message.parts, [Part::text("hi")]);
            assert_eq!((message.kind, message.delivery), (OutboxKind::Notice, Delivery::Push));
            assert_eq!((message.turn, &message.session), (Some(context.turn), &context.session));
            assert_eq!(said, "The message goes out to this chat; do not repeat it in your answer.");
        }
        let (message, _) = send(&tool, &context, r#"{"text":"hi","thread":"8"}"#).await.unwrap();
        assert_eq!(message.route, Route { thread: Some("8".into()), reply_to: None, ..context.reply });
    }
}

#[tokio::test]
async fn another_chat_needs_the_owner_and_a_rule() {
    let (place, store) = (Place::new(), Arc::default());
    let allow = ["telegram:123", "slack:T1:C1", "email:*@example.org"];
    let open = tool(&place, &store, &allow);
    let args = |to: &str| format!(r#"{{"text":"hi","to":"{to}"}}"#);
    for (to, account, chat) in [
        ("telegram:123", "bot", "123"),
        ("telegram:other:123", "other", "123"),
        ("slack:T1:C1", "T1", "C1"),
        ("email:ann@example.org", "", "ann@example.org"),
    ] {
        let (message, said) = send(&open, &context(Rank::Owner), &args(to)).await.unwrap();
        let route = &message.route;
        assert_eq!((route.account.as_str(), route.chat.as_str()), (account, chat), "{to}");
        assert_eq!((&route.thread, &route.reply_to), (&None, &None), "{to}");
        assert_eq!(said, format!("The message goes out to {}:{chat}.", route.channel));
        for rank in [Rank::Member, Rank::Guest] {
            let (class, words) = send(&open, &context(rank), &args(to)).await.unwrap_err();
            assert_eq!(class, "not_permitted", "{to}");
            assert_eq!(
                words,
                "refused (not_permitted): only the owner may have messages sent to other chats \
                 (tools.message.allow); do not look for another way"
            );
        }
    }
    let closed = tool(&place, &store, &[]);
    for (tool, to) in [(&open, "telegram:124"), (&open, "slack:C1"), (&closed, "telegram:123")] {
        let (class, words) = send(tool, &context(Rank::Owner), &args(to)).await.unwrap_err();
        assert_eq!(class, "not_permitted", "{to}");
        assert_eq!(
            words,
            "refused (not_permitted): that chat is not among those in tools.message.allow; do not look for another way"
        );
    }
}

#[tokio::test]
async fn files_become_parts_with_their_bytes_kept() {
    let (place, store) = (Place::new(), Arc::<Store>::default());
    place.write("out/report.pdf", "%PDF-1.7");
    std::fs::write(place.root().join("chart.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let tool = tool(&place, &store, &[]);
    let context = context(Rank::Owner);
    let args = r#"{"text":"see","files":["out/report.pdf","chart.png"]}"#;
    let (message, said) = send(&tool, &context, args).await.unwrap();
    assert_eq!(said, "The message with 2 files goes out to this chat; do not repeat it in your answer.");
    let [Part::Text { text }, Part::File { blob, mime, name }, Part::Image { blob: image, mime: kind }] =
        message.parts.as_slice()
    else {
        panic!("{:?}", message.parts);
    };
    assert_eq!((text.as_str(), mime.as_str(), name.as_str()), ("see", "application/pdf", "report.pdf"));
    assert_eq!(kind, "image/png");
    assert_eq!(store.get_blob(blob).await.unwrap().unwrap(), "%PDF-1.7");
    assert!(store.get_blob(image).await.unwrap().is_some());
    let (message, _) = send(&tool, &context, r#"{"files":["chart.png"]}"#).await.unwrap();
    assert_eq!(message.parts.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_to_be_so() {
    let (place, store) = (Place::new(), Arc::default());
    place.write("large", &"x".repeat(101));
    place.write("small", "x");
    let tool = tool(&place, &store, &["cli:*"]);
    let many = format!(r#"{{"files":[{}]}}"#, [r#""small""#; 11].join(","));
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(70_000));
    for (args, class, says) in [
        ("{}", "invalid_arguments", "`text` or `files`"),
        (r#"{"text":" "}"#, "invalid_arguments", "`text` or `files`"),
        (many.as_str(), "limit_files", "at most 10"),
        (long.as_str(), "limit_text", "send a file instead"),
        (r#"{"files":["large"]}"#, "limit_file", "large"),
        (r#"{"files":["../x"]}"#, "path_outside", "workspace"),
        (r#"{"files":["none"]}"#, "failed", "none"),
        (r#"{"files":["."]}"#, "path_invalid", ""),
        (r#"{"text":"x","to":"nowhere"}"#, "invalid_arguments", "KIND:CHAT"),
        (r#"{"text":"x","to":"email:a@b.c,d@e.f"}"#, "invalid_arguments", "characters"),
        (r#"{"text":"x","thread":"1\n2"}"#, "invalid_arguments", "`thread`"),
        (r#"{"text":"x","to":"cli:local"}"#, "failed", "your answer"),
        (r#"{"files":["none"],"to":"telegram:9"}"#, "not_permitted", "tools.message.allow"),
    ] {
        let (found, words) = send(&tool, &context(Rank::Owner), args).await.unwrap_err();
        assert_eq!(found, class, "{args:.60}: {words}");
        assert!(words.contains(says), "{args:.60}: {words}");
    }
    let terminal = contract::context();
    let (class, words) = send(&tool, &terminal, r#"{"text":"x"}"#).await.unwrap_err();
    assert_eq!(class, "failed");
    assert!(words.contains("say it in that"), "{words}");
}
