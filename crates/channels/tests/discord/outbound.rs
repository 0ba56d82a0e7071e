//! What is sent: acceptance cases 6, 7, 8 and 10.

use std::sync::Arc;
use std::time::Duration;

use agent_core::contract::channel::claim;
use agent_core::{Channel, ChannelError, Reconciled};
use bytes::Bytes;
use serde_json::json;
use servers::discord::{BOT, FakeDiscord, RestFault, Saying};
use session_api::{ApprovalId, OutboxKind, Part, PartClaim, PartId, Stores};

use crate::support::{CHAT, FRIEND, channel, channel_with, stores};

const OTHER: u64 = 202;
const THREAD: u64 = 410;

struct Desk {
    fake: FakeDiscord,
    stores: Stores,
    channel: Arc<dyn Channel>,
}

impl Desk {
    fn new() -> Self {
        let (fake, stores) = (FakeDiscord::start(), stores());
        for id in [CHAT, OTHER] {
            fake.add_direct(id);
        }
        let channel = channel(&fake, &stores);
        Self { fake, stores, channel }
    }

    fn claim(&self, chat: u64, id: u128, text: &str) -> PartClaim {
        claim(self.channel.as_ref(), &BOT.to_string(), &chat.to_string(), id, text)
    }

    fn texts(&self, chat: u64) -> Vec<String> {
        self.fake.shown(chat).into_iter().map(|shown| shown.text).collect()
    }
}

fn wait_of(error: &ChannelError) -> Option<Duration> {
    match error {
        ChannelError::Temporary { after, .. } => *after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_limit_delays_its_channel_only() {
    let desk = Desk::new();
    desk.fake.fault("POST", "/channels/201/messages", RestFault::Limited { after: 30.0, global: false });
    let error = desk.channel.send(&desk.claim(CHAT, 1, "a")).await.unwrap_err();
    assert_eq!(wait_of(&error), Some(Duration::from_secs(30)));
    let error = desk.channel.send(&desk.claim(CHAT, 1, "a")).await.unwrap_err();
    assert!(wait_of(&error).unwrap() > Duration::from_secs(20));
    let asked = desk.fake.seen(|seen| seen.calls_to("POST", "/channels/201/messages").count());
    assert_eq!(asked, 1, "while it waits, nothing is asked");
    desk.channel.send(&desk.claim(OTHER, 2, "b")).await.unwrap();
    desk.fake.fault("POST", "/channels/202/messages", RestFault::Limited { after: 30.0, global: true });
    desk.channel.send(&desk.claim(OTHER, 3, "c")).await.unwrap_err();
    let error = desk.channel.connect().await.unwrap_err();
    assert!(wait_of(&error).is_some(), "a global limit holds for everything");
}

#[tokio::test]
async fn a_short_limit_is_waited_for_and_the_order_is_kept() {
    let desk = Desk::new();
    desk.fake.fault("POST", "/channels/201/messages", RestFault::Limited { after: 0.4, global: false });
    let first = desk.claim(CHAT, 1, "one");
    assert!(wait_of(&desk.channel.send(&first).await.unwrap_err()).is_some());
    desk.channel.send(&first).await.unwrap();
    desk.channel.send(&desk.claim(CHAT, 2, "two")).await.unwrap();
    assert_eq!(desk.texts(CHAT), ["one", "two"]);
}

#[tokio::test]
async fn a_long_answer_is_a_reply_once_and_rings_nowhere() {
    let desk = Desk::new();
    let question = desk.fake.say_unseen(&Saying::direct(CHAT, FRIEND, "tell me"));
    let code = format!("@everyone <@{FRIEND}>\n```rust\n{}\n```", "let x = 1;\n".repeat(150));
    for (index, text) in [code.as_str(), "middle", "end"].into_iter().enumerate() {
        let mut part = desk.claim(CHAT, 10 + index as u128, text);
        part.part.index = u32::try_from(index).unwrap();
        part.route.reply_to = Some(question.to_string());
        desk.channel.send(&part).await.unwrap();
    }
    let shown = desk.fake.shown(CHAT);
    assert_eq!(shown.iter().map(|shown| shown.reply_to).collect::<Vec<_>>(), [Some(question), None, None]);
    assert!(shown.iter().all(|shown| shown.text.chars().count() <= 2000));
    assert!(shown.iter().all(|shown| shown.text.matches("```").count() % 2 == 0));
    let quiet = desk.fake.seen(|seen| {
        let no = json!({"parse": [], "replied_user": false});
        seen.calls_to("POST", "/messages").all(|call| call.body["allowed_mentions"] == no)
    });
    assert!(quiet, "nothing that a model writes may ring");
}

#[tokio::test]
async fn a_reply_to_what_is_gone_is_sent_all_the_same() {
    let desk = Desk::new();
    let mut part = desk.claim(CHAT, 1, "anyway");
    part.route.reply_to = Some("12345".into());
    desk.channel.send(&part).await.unwrap();
    assert_eq!(desk.texts(CHAT), ["anyway"]);
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_shown_once() {
    let desk = Desk::new();
    desk.fake.fault("POST", "/messages", RestFault::DoneThenCut);
    let part = desk.claim(CHAT, 1, "once");
    let error = desk.channel.send(&part).await.unwrap_err();
    assert!(matches!(error, ChannelError::Doubtful { .. }), "{error:?}");
    let Reconciled::Sent(found) = desk.channel.reconcile(&part).await.unwrap() else { panic!("it is there") };
    let again = desk.channel.send(&part).await.unwrap();
    assert_eq!(found, again, "the same message");
    assert_eq!(desk.texts(CHAT), ["once"]);
}

#[tokio::test]
async fn a_post_that_is_never_answered_is_doubtful() {
    let desk = Desk::new();
    let hasty = channel_with(&desk.fake, &desk.stores, &json!({"request_timeout_seconds": 1}));
    desk.fake.fault("POST", "/messages", RestFault::DoneThenSilent);
    let part = desk.claim(CHAT, 1, "once");
    let error = hasty.send(&part).await.unwrap_err();
    assert!(matches!(error, ChannelError::Doubtful { .. }), "{error:?}");
    hasty.send(&part).await.unwrap();
    assert_eq!(desk.texts(CHAT), ["once"]);
}

#[tokio::test]
async fn not_sent_is_said_only_where_it_is_certain() {
    let desk = Desk::new();
    let now = desk.fake.say_unseen(&Saying::direct(CHAT, FRIEND, "hello"));
    let made = |seconds_ago: u64| {
        let millis = (now >> 22) + 1_420_070_400_000 - seconds_ago * 1000;
        u128::from(millis) << 80 | 7 << 76 | 1
    };
    let fresh = desk.claim(CHAT, made(1), "fresh");
    assert_eq!(desk.channel.reconcile(&fresh).await.unwrap(), Reconciled::NotSent);
    let old = desk.claim(CHAT, made(600), "old");
    assert_eq!(desk.channel.reconcile(&old).await.unwrap(), Reconciled::Unknown, "the nonce is forgotten");
    let timeless = desk.claim(CHAT, 5, "no time in its id");
    assert_eq!(desk.channel.reconcile(&timeless).await.unwrap(), Reconciled::Unknown);
    // A message of the bot that carries no nonce could be it.
    desk.fake.say_unseen(&Saying::direct(CHAT, BOT, "whose?"));
    assert_eq!(desk.channel.reconcile(&fresh).await.unwrap(), Reconciled::Unknown);
    // More was said than is looked through.
    for n in 0..60 {
        desk.fake.say_unseen(&Saying::direct(OTHER, FRIEND, &n.to_string()));
    }
    let busy = desk.claim(OTHER, made(1), "busy");
    assert_eq!(desk.channel.reconcile(&busy).await.unwrap(), Reconciled::Unknown);
}

#[tokio::test]
async fn what_somebody_deleted_is_posted_anew() {
    let desk = Desk::new();
    let mut part = desk.claim(CHAT, 1, "draft");
    part.part.platform_id = desk.channel.send(&part).await.unwrap().platform_id;
    desk.fake.remove(CHAT, part.part.platform_id.as_ref().unwrap().parse().unwrap());
    part.part.body = Some(Part::text("final"));
    let sent = desk.channel.send(&part).await.unwrap();
    assert_ne!(sent.platform_id, part.part.platform_id);
    assert_eq!(desk.texts(CHAT), ["final"]);
}

#[tokio::test]
async fn refusals_for_good_are_not_tried_again() {
    for (status, code) in [(403, 50007), (403, 50013), (403, 50001), (404, 10003)] {
        let desk = Desk::new();
        desk.fake.fault("POST", "/messages", RestFault::status(status, code, "no"));
        let error = desk.channel.send(&desk.claim(CHAT, 1, "x")).await.unwrap_err();
        assert!(matches!(error, ChannelError::Permanent { .. }), "{code}: {error:?}");
    }
    let desk = Desk::new();
    desk.fake.fault("POST", "/messages", RestFault::status(500, 0, "oops"));
    assert_eq!(wait_of(&desk.channel.send(&desk.claim(CHAT, 1, "x")).await.unwrap_err()), None);
    let garbage = RestFault::Garbage { status: 502, body: "<html>bad gateway</html>".into() };
    desk.fake.fault("POST", "/messages", garbage);
    assert_eq!(wait_of(&desk.channel.send(&desk.claim(CHAT, 1, "x")).await.unwrap_err()), None);
    let error = desk.channel.send(&desk.claim(0, 1, "x")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Permanent { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_goes_to_its_thread_and_an_archived_one_refuses_it() {
    let desk = Desk::new();
    desk.fake.add_channel(400);
    desk.fake.add_thread(THREAD, 400);
    let mut part = desk.claim(400, 1, "in the thread");
    part.route.thread = Some(THREAD.to_string());
    desk.channel.send(&part).await.unwrap();
    assert_eq!((desk.texts(THREAD).len(), desk.texts(400).len()), (1, 0));
    desk.fake.archive(THREAD);
    let mut late = desk.claim(400, 2, "late");
    late.route.thread = Some(THREAD.to_string());
    let error = desk.channel.send(&late).await.unwrap_err();
    assert!(
        matches!(&error, ChannelError::Permanent { message } if message.contains("archived")),
        "{error:?}"
    );
}

#[tokio::test]
async fn files_and_questions_have_what_belongs_to_them() {
    let desk = Desk::new();
    let blob = desk.stores.blobs.put_blob(Bytes::from_static(b"\x00bytes\r\n")).await.unwrap();
    let mut file = desk.claim(CHAT, 1, "");
    file.part.body = Some(Part::File { blob, mime: "application/zip".into(), name: "a \"b\".zip".into() });
    desk.channel.send(&file).await.unwrap();
    let upload = desk.fake.seen(|seen| seen.calls_to("POST", "/messages").last().unwrap().files.clone());
    assert_eq!((upload[0].name.as_str(), upload[0].mime.as_str()), ("a b.zip", "application/zip"));
    assert_eq!(upload[0].bytes.as_ref(), b"\x00bytes\r\n");
    let approval = ApprovalId(PartId(Default::default()).0);
    let mut question = desk.claim(CHAT, 2, "May I?");
    question.kind = OutboxKind::Question { approval };
    desk.channel.send(&question).await.unwrap();
    let shown = desk.fake.shown(CHAT).pop().unwrap();
    assert_eq!(shown.buttons, [format!("/approve {approval}"), format!("/deny {approval}")]);
}

#[tokio::test]
async fn typing_commands_and_the_user_agent_are_as_discord_wants_them() {
    let desk = Desk::new();
    let route = desk.claim(CHAT, 1, "").route;
    desk.channel.working(&route, true).await.unwrap();
    desk.channel.working(&route, false).await.unwrap();
    assert_eq!(desk.fake.seen(|seen| seen.calls_to("POST", "/channels/201/typing").count()), 1);
    desk.channel.announce(agent_core::COMMANDS).await.unwrap();
    assert_eq!(desk.fake.commands().len(), agent_core::COMMANDS.len());
    assert!(desk.fake.seen(|seen| seen.calls.iter().all(|call| call.agent.starts_with("DiscordBot ("))));
}
