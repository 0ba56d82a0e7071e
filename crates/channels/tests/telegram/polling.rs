//! Long polling: what is confirmed, when, and what happens when the line breaks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use agent_core::ChannelError;
use serde_json::json;
use servers::telegram::{Fault, Say};
use session_api::ManualClock;

use crate::rig::{FRIEND, Rig, SOON, STRANGER, channel, text, texts};

#[tokio::test]
async fn a_private_text_arrives_once_and_not_again_after_a_restart() {
    let mut rig = Rig::new().connected().await;
    let update = rig.telegram.say(Say::private(FRIEND, "hi"));
    let rows = rig.take_until(update).await;
    assert_eq!(texts(&rows), ["hi"]);
    assert_eq!(rows[0].inbound.external_id, format!("update:{update}"));
    assert_eq!(rows[0].inbound.session.chat, FRIEND.to_string());

    rig.channel = channel(&rig.telegram, &rig.stores, json!({}));
    let rig = rig.connected().await;
    let polls = rig.telegram.calls("getUpdates").len();
    let next = rig.telegram.say(Say::private(FRIEND, "again"));
    assert_eq!(texts(&rig.take_until(next).await), ["again"]);
    let first = &rig.telegram.calls("getUpdates")[polls];
    assert_eq!(first.params["offset"], update + 1, "the stored cursor is where polling goes on");
}

#[tokio::test]
async fn a_kill_between_the_answer_and_the_commit_loses_nothing() {
    let rig = Rig::new().connected().await;
    let update = rig.telegram.say(Say::private(FRIEND, "hi"));
    // The server has given the update away, and we have not got it.
    rig.telegram.fault("getUpdates", 1, Fault::CutAfter);
    assert!(matches!(rig.run().ended().await, Err(ChannelError::Temporary { .. })));
    assert!(!rig.telegram.acknowledged().contains(&update));
    assert_eq!(texts(&rig.take_until(update).await), ["hi"]);
}

#[tokio::test]
async fn a_kill_between_the_commit_and_its_confirmation_doubles_nothing() {
    let rig = Rig::new().connected().await;
    let update = rig.telegram.say(Say::private(FRIEND, "hi"));
    // The second poll, which would confirm, never comes through.
    rig.telegram.fault("getUpdates", 1, Fault::Delay(Duration::ZERO));
    rig.telegram.fault("getUpdates", 1, Fault::Hang(SOON));
    let running = rig.run();
    rig.telegram.reached("the second poll", SOON, |seen| seen.calls("getUpdates") == 2).await.unwrap();
    running.kill().await;
    assert!(rig.telegram.acknowledged().is_empty());
    assert_eq!(texts(&rig.inbox().await), ["hi"]);
    assert_eq!(texts(&rig.take_until(update).await), [""; 0]);
}

#[tokio::test]
async fn everything_redelivered_three_times_shuffled_is_taken_once() {
    let rig = Rig::new().connected().await;
    let mut says: Vec<Say> = (0..40).map(|n| Say::private(FRIEND, &format!("{n}"))).collect();
    says.insert(7, Say::private(FRIEND, "one").photo("1").in_album("a"));
    says.insert(8, Say::private(FRIEND, "two").photo("2").in_album("a"));
    let updates = rig.telegram.say_all(says);
    assert_eq!(rig.take_until(updates[41]).await.len(), 41);
    rig.telegram.redeliver_all(3, 4711);
    let last = rig.telegram.say(Say::private(FRIEND, "last"));
    assert_eq!(texts(&rig.take_until(last).await), ["last"]);
    assert_eq!(rig.telegram.pending(), 0);
}

#[tokio::test]
async fn what_is_unknown_malformed_or_a_strangers_moves_the_cursor_and_nothing_else() {
    let rig = Rig::new().connected().await;
    let first = rig.telegram.push_raw(json!({"message": {"message_id": "seven", "chat": 3}}));
    rig.telegram.push_raw(json!({"tomorrows_update": {"x": 1}}));
    rig.telegram.push_raw(json!({"message": null}));
    rig.telegram.say(Say::private(STRANGER, "let me in"));
    rig.telegram.say(Say::private(FRIEND, "a bot").by_a_bot());
    // Nothing in this poll is ours, and still it is confirmed.
    assert!(rig.take_until(first + 4).await.is_empty());
    rig.telegram.push_raw(json!({"message": [1, 2]}));
    let update = rig.telegram.say(Say::private(FRIEND, "hi"));
    assert_eq!(texts(&rig.take_until(update).await), ["hi"]);
    assert_eq!(rig.telegram.acknowledged().len(), 7);
}

#[tokio::test]
async fn updates_out_of_order_are_taken_in_the_order_of_their_numbers() {
    let rig = Rig::new().connected().await;
    for update in [12, 11, 13, 12] {
        rig.telegram.say_as(update, Say::private(FRIEND, &format!("{update}")));
    }
    assert_eq!(texts(&rig.take_until(13).await), ["11", "12", "13"]);
}

#[tokio::test]
async fn after_an_idle_week_low_numbers_are_new_messages() {
    let rig = Rig::new().connected().await;
    rig.telegram.say_as(4001, Say::private(FRIEND, "older"));
    rig.telegram.say_as(5000, Say::private(FRIEND, "old"));
    assert_eq!(texts(&rig.take_until(5000).await), ["older", "old"]);
    rig.telegram.renumber(4000, Duration::from_secs(9 * 86_400));
    rig.telegram.say(Say::private(FRIEND, "new"));
    let again = rig.telegram.say(Say::private(FRIEND, "an old number again"));
    assert_eq!(again, 4001);
    let rows = {
        let running = rig.run();
        rig.telegram.reached("both", SOON, |seen| seen.pending() == 0).await.unwrap();
        running.stop().await.unwrap();
        rig.inbox().await
    };
    assert_eq!(texts(&rows), ["new", "an old number again"]);
    assert_eq!(rows[1].inbound.external_id, format!("update:1:{again}"));
    // The new numbering is where a restart goes on.
    let next = rig.telegram.say(Say::private(FRIEND, "next"));
    assert_eq!(texts(&rig.take_until(next).await), ["next"]);
}

#[tokio::test]
async fn an_album_that_two_polls_cut_in_half_is_one_message() {
    let rig = Rig::new().connected().await;
    let before = rig.telegram.say(Say::private(FRIEND, "before"));
    rig.telegram.say(Say::private(FRIEND, "our trip").photo("one").in_album("trip"));
    let running = rig.run();
    // What stands before the album is confirmed by the poll that asks for the rest of it.
    rig.acknowledged(before).await;
    let last = rig.telegram.say(Say::private(FRIEND, "").photo("two").in_album("trip"));
    rig.acknowledged(last).await;
    running.stop().await.unwrap();
    let rows = rig.inbox().await;
    // The second part may come too late for the poll; then it is a message of its own, and never lost.
    let parts: usize = rows.iter().map(|row| row.inbound.parts.len()).sum();
    assert_eq!((text(&rows[0]).as_str(), parts), ("before", 4));
}

#[tokio::test]
async fn an_album_in_one_poll_is_one_message() {
    let rig = Rig::new().connected().await;
    let album =
        |n: u8| Say::private(FRIEND, if n == 0 { "our trip" } else { "" }).photo(vec![n]).in_album("trip");
    let updates = rig.telegram.say_all((0..10).map(album));
    let rows = rig.take_until(updates[9]).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((text(&rows[0]).as_str(), rows[0].inbound.parts.len()), ("our trip", 11));
    assert_eq!(rows[0].inbound.external_id, format!("update:{}", updates[0]));
}

#[tokio::test]
async fn a_line_that_drops_three_times_costs_nothing_but_time() {
    let rig = Rig::new();
    rig.telegram.fault("getUpdates", 3, Fault::Cut);
    let update = rig.telegram.say(Say::private(FRIEND, "hi"));
    let running = rig.supervised();
    rig.acknowledged(update).await;
    running.stop().await.unwrap();
    assert_eq!(texts(&rig.inbox().await), ["hi"]);
    let polls: Vec<Duration> = rig.telegram.calls("getUpdates").iter().map(|call| call.at).collect();
    let pauses: Vec<Duration> = polls.windows(2).take(3).map(|two| two[1] - two[0]).collect();
    assert!(pauses[1] >= pauses[0] && pauses[2] >= pauses[1], "later each time: {pauses:?}");
}

#[tokio::test]
async fn each_failure_says_whether_and_when_to_come_again() {
    let seconds = Duration::from_secs;
    for (fault, after) in [
        (Fault::bad_gateway(), None),
        (Fault::Truncate, None),
        (Fault::Status(200, "[]".into()), None),
        (Fault::api(500, "Internal Server Error"), None),
        (Fault::Cut, None),
        (Fault::retry_after(7), Some(seconds(7))),
        (Fault::api(409, "Conflict: terminated by other getUpdates request"), Some(seconds(30))),
    ] {
        let rig = Rig::new().connected().await;
        rig.telegram.fault("getUpdates", 1, fault.clone());
        match rig.run().ended().await {
            Err(ChannelError::Temporary { after: given, message }) => {
                assert_eq!(given, after, "{fault:?}: {message}");
                assert!(!message.contains("123456789"), "{message}");
            }
            other => panic!("{fault:?}: {other:?}"),
        }
    }
    for (code, text) in [(401, "Unauthorized"), (404, "Not Found")] {
        let rig = Rig::new().connected().await;
        rig.telegram.fault("*", 1, Fault::api(code, text));
        let ended = rig.run().ended().await;
        assert!(
            matches!(&ended, Err(ChannelError::Setup { message }) if message.contains("channels.telegram.token")),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn a_revoked_token_is_a_matter_for_the_owner() {
    let rig = Rig::new();
    rig.telegram.revoke_token();
    let refused = rig.channel.connect().await;
    assert!(
        matches!(&refused, Err(ChannelError::Setup { message }) if !message.contains(rig.telegram.token())),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_second_of_two_pollers_is_told_why_the_first_gives_way() {
    let rig = Rig::new().connected().await;
    let running = rig.run();
    rig.telegram.reached("a waiting poll", SOON, |seen| seen.polls_waiting() == 1).await.unwrap();
    // Another process with a store of its own, at the same Telegram.
    let mut other = Rig::new();
    other.channel = channel(&rig.telegram, &other.stores, json!({}));
    other.channel.connect().await.unwrap();
    let second = other.run();
    let ended = running.ended().await;
    let Err(ChannelError::Temporary { message, after: Some(after) }) = ended else { panic!("{ended:?}") };
    assert!(message.contains("another program") && after >= Duration::from_secs(30), "{message}");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_poll_that_hangs_is_noticed_while_sends_go_on() {
    let clock = ManualClock::default();
    let mut rig = Rig::new().connected().await;
    rig.clock = Arc::new(clock.clone());
    rig.telegram.fault("getUpdates", 1, Fault::Hang(Duration::from_secs(600)));
    let running = rig.run();
    rig.telegram.reached("the poll", SOON, |seen| seen.calls("getUpdates") == 1).await.unwrap();
    rig.send(FRIEND, 1, "I can still speak").await.unwrap();
    assert_eq!(rig.telegram.texts(FRIEND), ["I can still speak"]);
    clock.advance(Duration::from_secs(1 + 19));
    rig.send(FRIEND, 2, "and on").await.unwrap();
    clock.advance(Duration::from_secs(2));
    let ended = running.ended().await;
    assert!(
        matches!(&ended, Err(ChannelError::Temporary { message, .. }) if message.contains("poll")),
        "{ended:?}"
    );
    let connections = rig.telegram.connections();
    let update = rig.telegram.say(Say::private(FRIEND, "hi"));
    assert_eq!(texts(&rig.take_until(update).await), ["hi"]);
    assert!(rig.telegram.connections() > connections, "polls begin again on a fresh connection");
}

#[tokio::test]
async fn a_stop_ends_a_waiting_poll_at_once() {
    let rig = Rig::with(json!({"poll_seconds": 50})).connected().await;
    let running = rig.run();
    rig.telegram.reached("a waiting poll", SOON, |seen| seen.polls_waiting() == 1).await.unwrap();
    running.stop().await.unwrap();
    rig.telegram.reached("no waiting poll", SOON, |seen| seen.polls_waiting() == 0).await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_somebody_left_is_taken_off_once() {
    let hooked =
        Rig::with(json!({"webhook_url": "http://127.0.0.1:9/x", "webhook_secret": "sixteen-letters-"}));
    hooked.channel.connect().await.unwrap();
    let update = hooked.telegram.say(Say::private(FRIEND, "hi"));
    assert!(hooked.telegram.webhook().is_some());
    let mut rig = hooked;
    rig.channel = channel(&rig.telegram, &rig.stores, json!({}));
    let rig = rig.connected().await;
    assert_eq!(texts(&rig.take_until(update).await), ["hi"], "what waited for the webhook is not lost");
    assert!(rig.telegram.webhook().is_none());
}

/// Notes at each fail point what the platform has seen acknowledged so far.
struct FailPoints {
    telegram: Arc<Rig>,
    seen: Arc<Mutex<Vec<(String, usize)>>>,
}

impl tracing::Subscriber for FailPoints {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "failpoint"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let acknowledged = self.telegram.telegram.acknowledged().len();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            assert_eq!(field.name(), "site");
            self.seen.lock().unwrap().push((format!("{value:?}"), acknowledged));
        });
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn the_fail_points_of_the_acknowledgement_come_after_those_of_the_commit() {
    let rig = Arc::new(Rig::new().connected().await);
    let seen = Arc::default();
    let points = FailPoints { telegram: Arc::clone(&rig), seen: Arc::clone(&seen) };
    let _guard = tracing::subscriber::set_default(points);
    let updates = rig.telegram.say_all([Say::private(FRIEND, "one"), Say::private(FRIEND, "two")]);
    assert_eq!(texts(&rig.take_until(updates[1]).await), ["one", "two"]);
    // The next poll confirms, and brings what came meanwhile.
    let next = rig.telegram.say(Say::private(FRIEND, "three"));
    rig.take_until(next).await;
    let points = seen.lock().unwrap().clone();
    // Twice: the day's first batch notes the day as well.
    let expected = ["inbox.before", "inbox.after", "inbox.before", "inbox.after", "ack.before"];
    let site = |(site, acknowledged): (&str, usize)| (format!("{site:?}"), acknowledged);
    assert_eq!(points[..5], expected.map(|name| site((name, 0))));
    assert!(points.contains(&site(("ack.after", 2))), "{points:?}");
}

#[tokio::test]
async fn thousands_that_waited_are_taken_in_order() {
    let rig = Rig::new().connected().await;
    let updates = rig.telegram.say_all((0..3000).map(|n| Say::private(FRIEND, &format!("{n}"))));
    let rows = rig.take_until(updates[2999]).await;
    assert!(rows.iter().map(text).eq((0..3000).map(|n| n.to_string())));
    assert_eq!(rig.telegram.allowed_updates(), json!(["message", "edited_message", "callback_query"]));
}
