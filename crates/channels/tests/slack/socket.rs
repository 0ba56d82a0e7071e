//! Socket Mode: acknowledgements, redelivery, and sockets that come and go.

use std::time::Duration;

use agent_core::ChannelError;
use serde_json::json;
use servers::slack::{ApiFault, FakeSlack, LinkFault, Say};

use crate::bench::{Bench, FRIEND, SOON, STRANGER, texts};

/// Lets `advance` of the test's clock pass until the run ends.
async fn ended(
    bench: &Bench,
    run: tokio::task::JoinHandle<Result<(), ChannelError>>,
) -> Result<(), ChannelError> {
    let push = async {
        loop {
            bench.clock.advance(Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = tokio::time::timeout(SOON, run) => ended.expect("it ends soon").expect("it does not panic"),
        () = push => unreachable!("it never ends"),
    }
}

fn is_temporary(ended: &Result<(), ChannelError>, part: &str) {
    match ended {
        Err(ChannelError::Temporary { message, .. }) => assert!(message.contains(part), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_acknowledged_while_nobody_works_on_it() {
    let bench = Bench::new();
    let run = bench.run();
    let (envelope, ts) = bench.fake.say(&Say::new("D1", FRIEND, "hi &amp; hello"));
    bench.acked(&envelope).await;
    assert!(bench.fake.read(|world| world.ack_took(&envelope).is_some()));
    assert_eq!(bench.fake.read(|world| world.redeliveries(&envelope)), 0);
    bench.end(run).await;
    let inbox = bench.inbox().await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(texts(&inbox[0]), ["hi & hello"]);
    assert_eq!(inbox[0].external_id, format!("D1:{ts}"));
    assert_eq!(inbox[0].session.to_string(), "slack:T1-UBOT:D1");
    assert_eq!(inbox[0].reply.reply_to.as_deref(), Some(ts.as_str()));
}

#[tokio::test]
async fn a_stranger_is_acknowledged_and_not_heard() {
    let bench = Bench::new();
    let run = bench.run();
    let (envelope, _) = bench.fake.say(&Say::new("D2", STRANGER, "let me in"));
    bench.acked(&envelope).await;
    bench.end(run).await;
    assert!(bench.inbox().await.is_empty());
}

#[tokio::test]
async fn a_redelivery_after_a_reconnect_is_acknowledged_and_ignored() {
    let bench = Bench::new();
    let run = bench.run();
    let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "once"));
    bench.acked(&envelope).await;
    bench.fake.reset_sockets();
    is_temporary(&ended(&bench, run).await, "");
    bench.fake.redeliver(&envelope);
    let run = bench.run();
    bench.seen("a second acknowledgement", |world| world.acks().len() == 2).await;
    bench.end(run).await;
    assert_eq!(bench.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_socket_that_is_asked_to_leave_is_replaced_without_loss() {
    for reason in ["refresh_requested", "warning"] {
        let bench = Bench::new();
        let run = bench.run();
        let mut envelopes = Vec::new();
        for number in 0..20 {
            envelopes.push(bench.fake.say(&Say::new("D1", FRIEND, &format!("message {number}"))).0);
            if number == 5 {
                bench.seen("a socket", |world| world.sockets() == 1).await;
                bench.fake.disconnect(reason);
            }
            if number == 12 {
                bench.seen("a second socket", |world| world.sockets_opened() == 2).await;
            }
        }
        for envelope in &envelopes {
            bench.acked(envelope).await;
        }
        bench.seen("the end of the old socket", |world| world.sockets() == 1).await;
        assert!(!run.is_finished(), "the channel needs no restart");
        bench.end(run).await;
        let inbox = bench.inbox().await;
        let mut heard: Vec<&str> = inbox.iter().flat_map(texts).collect();
        heard.sort_unstable();
        heard.dedup();
        assert_eq!((heard.len(), inbox.len()), (20, 20), "{reason}");
        let calls = bench.fake.read(|world| world.calls("apps.connections.open").len());
        assert_eq!(calls, 2);
    }
}

#[tokio::test]
async fn a_successor_is_waited_for_when_the_old_socket_is_gone_already() {
    let bench = Bench::new();
    let run = bench.run();
    bench.seen("a socket", |world| world.sockets() == 1).await;
    bench.fake.disconnect("warning");
    bench.fake.reset_sockets();
    bench.seen("a second socket", |world| world.sockets_opened() == 2).await;
    let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "still there?"));
    bench.acked(&envelope).await;
    bench.end(run).await;
}

#[tokio::test]
async fn a_lost_socket_ends_the_run_and_each_new_run_asks_for_a_new_address() {
    let bench = Bench::new();
    for round in 1..=2 {
        let run = bench.run();
        bench.seen("a socket", |world| world.sockets_opened() == round && world.sockets() == 1).await;
        bench.fake.reset_sockets();
        is_temporary(&ended(&bench, run).await, "Slack");
    }
    // Tickets work once, so each address was a new one.
    assert_eq!(bench.fake.read(|world| world.calls("apps.connections.open").len()), 2);
}

#[tokio::test]
async fn a_half_open_socket_is_found_by_its_silence() {
    let bench = Bench::new();
    bench.fake.fail_next_socket(LinkFault::HalfOpen);
    let run = bench.run();
    bench.seen("a socket", |world| world.sockets() == 1).await;
    is_temporary(&ended(&bench, run).await, "silent for too long");
}

#[tokio::test]
async fn a_quiet_socket_is_kept_alive_by_pings() {
    let bench = Bench::new();
    let run = bench.run();
    bench.seen("a socket", |world| world.sockets() == 1).await;
    for _ in 0..6 {
        let before = bench.fake.read(|world| world.pings());
        // Step by step: the channel may begin to wait a little later than the test.
        while bench.fake.read(|world| world.pings()) == before {
            bench.clock.advance(Duration::from_millis(500));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The pong is on its way; a message behind it proves that it has come.
        let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "x"));
        bench.acked(&envelope).await;
    }
    assert!(!run.is_finished());
    bench.end(run).await;
}

#[tokio::test]
async fn a_socket_without_a_greeting_is_given_up() {
    let bench = Bench::new();
    bench.fake.fail_next_socket(LinkFault::NoHello);
    let run = bench.run();
    bench.seen("a socket", |world| world.sockets() == 1).await;
    is_temporary(&ended(&bench, run).await, "said nothing");
}

#[tokio::test]
async fn a_switched_off_socket_mode_is_a_matter_of_setup() {
    let bench = Bench::new();
    let run = bench.run();
    bench.seen("a socket", |world| world.sockets() == 1).await;
    bench.fake.disconnect("link_disabled");
    let ended = ended(&bench, run).await;
    assert!(
        matches!(&ended, Err(ChannelError::Setup { message }) if message.contains("Socket Mode")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn wrong_tokens_stop_the_channel_and_are_not_repeated() {
    let bench = Bench::over(FakeSlack::start(), |table| table["bot_token"] = json!("xoxb-wrong"));
    let error = bench.channel.connect().await.expect_err("a wrong token");
    let ChannelError::Setup { message } = error else { panic!("{error:?}") };
    assert_eq!(
        message,
        "Slack refused auth.test: invalid_auth (the token is not valid; reinstall the app and copy its token)"
    );
    let bench = Bench::over(FakeSlack::start(), |table| table["app_token"] = json!("xapp-wrong"));
    let ended = ended(&bench, bench.run()).await;
    assert!(
        matches!(&ended, Err(ChannelError::Setup { message }) if !message.contains("xapp-wrong")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_wait_before_the_next_socket_is_passed_on() {
    let bench = Bench::new();
    bench.fake.fail_next("apps.connections.open", ApiFault::Limited(7));
    let ended = ended(&bench, bench.run()).await;
    let wanted = Some(Duration::from_secs(7));
    assert!(matches!(ended, Err(ChannelError::Temporary { after, .. }) if after == wanted), "{ended:?}");
}

#[tokio::test]
async fn nonsense_on_the_socket_is_stepped_over_and_unknown_kinds_are_acknowledged() {
    let bench = Bench::new();
    let run = bench.run();
    bench.seen("a socket", |world| world.sockets() == 1).await;
    for frame in ["{", "[]", "null", r#"{"type":"something"}"#, r#"{"envelope_id":{},"type":7}"#] {
        bench.fake.send_raw(frame);
    }
    let unknown = bench.fake.put_envelope("something_new", json!({"a": 1}));
    let broken = bench.fake.put_envelope("events_api", json!({"type": "event_callback", "event": 7}));
    let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "after all that"));
    for id in [&unknown, &broken, &envelope] {
        bench.acked(id).await;
    }
    bench.end(run).await;
    assert_eq!(bench.inbox().await.len(), 1);
}

#[tokio::test]
async fn what_slack_did_not_hear_acknowledged_comes_again_and_is_heard_once() {
    let bench = Bench::over(FakeSlack::with_ack_within(Duration::from_millis(50)), |_| {});
    bench.fake.fail_next_socket(LinkFault::Deaf);
    let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "hello?"));
    let run = bench.run();
    bench.seen("three repetitions", |world| world.redeliveries(&envelope) == 3).await;
    bench.end(run).await;
    assert_eq!(bench.inbox().await.len(), 1);
}

#[tokio::test]
async fn nothing_is_acknowledged_that_was_not_stored() {
    let bench = Bench::new();
    bench.refuse(true);
    let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "keep this"));
    let ended = ended(&bench, bench.run()).await;
    assert!(matches!(ended, Err(ChannelError::Store(_))), "{ended:?}");
    assert!(!bench.fake.read(|world| world.acked(&envelope)));
    bench.refuse(false);
    let run = bench.run();
    bench.acked(&envelope).await;
    bench.end(run).await;
    assert_eq!(bench.inbox().await.len(), 1);
}
