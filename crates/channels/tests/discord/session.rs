//! What the gateway does to a session, and that no message suffers from it: acceptance cases 2 to 5.

use std::time::Duration;

use agent_core::{ChannelError, InletPolicy};
use servers::discord::{FakeDiscord, RestFault, Saying};

use crate::support::{CHAT, FRIEND, Running, SOON, channel, stores};

fn say(fake: &FakeDiscord, text: &str) -> u64 {
    fake.say(&Saying::direct(CHAT, FRIEND, text))
}

/// A running channel that knows the chat already.
async fn acquainted(fake: &FakeDiscord) -> Running {
    let running = Running::start(fake).await;
    say(fake, "first");
    assert_eq!(running.texts(1).await, ["first"]);
    running
}

#[tokio::test]
async fn a_reset_loses_and_doubles_nothing() {
    let fake = FakeDiscord::start();
    let running = acquainted(&fake).await;
    fake.repeat_on_resume();
    assert!(fake.reset());
    for n in 1..=3 {
        say(&fake, &format!("missed {n}"));
    }
    assert_eq!(running.texts(3).await, ["missed 1", "missed 2", "missed 3"]);
    assert_eq!(fake.seen(|seen| (seen.identifies.len(), seen.resumes.len())), (1, 1), "it resumes");
    assert!(running.pending().await.is_empty());
    running.end().await.unwrap();
}

#[tokio::test]
async fn op_7_close_4000_and_a_bare_end_are_resumed() {
    let fake = FakeDiscord::start();
    let running = acquainted(&fake).await;
    for (n, lose) in [FakeDiscord::reconnect, |fake: &FakeDiscord| fake.close(4000), FakeDiscord::end]
        .into_iter()
        .enumerate()
    {
        let before = fake.seen(|seen| seen.resumes.len());
        assert!(lose(&fake));
        say(&fake, &format!("after {n}"));
        assert_eq!(running.texts(1).await, [format!("after {n}")]);
        fake.reached("a resume", SOON, |seen| seen.resumes.len() > before).await.unwrap();
    }
    assert_eq!(fake.seen(|seen| seen.identifies.len()), 1);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_silent_connection_is_replaced_and_what_it_swallowed_is_read_by_rest() {
    let fake = FakeDiscord::start();
    fake.heartbeat(Duration::from_secs(1));
    let running = acquainted(&fake).await;
    assert!(fake.fall_silent());
    say(&fake, "into the void");
    say(&fake, "and another");
    assert_eq!(running.texts(2).await, ["into the void", "and another"]);
    assert!(fake.seen(|seen| seen.identifies.len() + seen.resumes.len()) > 1, "the connection was replaced");
    running.end().await.unwrap();
}

#[tokio::test]
async fn an_invalid_session_is_begun_anew_without_a_storm() {
    let fake = FakeDiscord::start();
    let running = acquainted(&fake).await;
    assert!(fake.invalidate(false));
    // While no session stands, nothing is dispatched.
    say(&fake, "in between");
    assert_eq!(running.texts(1).await, ["in between"]);
    let identifies = fake.seen(|seen| seen.identifies.clone());
    assert_eq!(identifies.len(), 2);
    assert!(identifies[1] - identifies[0] >= Duration::from_millis(4500), "{identifies:?}");
    say(&fake, "live again");
    assert_eq!(running.texts(1).await, ["live again"]);
    assert!(fake.invalidate(true));
    say(&fake, "resumable");
    assert_eq!(running.texts(1).await, ["resumable"]);
    assert_eq!(fake.seen(|seen| seen.identifies.len()), 2, "a resumable one is resumed");
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_wrong_token_or_intent_stops_the_channel_with_what_to_mend() {
    for (code, word) in [(4004, "token"), (4014, "Message Content Intent"), (4013, "intents")] {
        let fake = FakeDiscord::start();
        let stores = stores();
        fake.refuse_identify(code);
        let running = Running::launch(&stores, channel(&fake, &stores), InletPolicy::default()).await;
        let error = running.ended().await.unwrap_err();
        let ChannelError::Setup { message } = error else { panic!("{code}: {error:?}") };
        assert!(message.contains(word) && message.contains(&code.to_string()), "{message}");
        assert_eq!(fake.seen(|seen| seen.identifies.len()), 1, "no loop");
    }
}

#[tokio::test]
async fn a_refused_token_is_found_out_before_anything_else() {
    let fake = FakeDiscord::start();
    let stores = stores();
    let wrong = crate::support::channel_with(&fake, &stores, &serde_json::json!({"token": "wrong.token"}));
    let error = wrong.connect().await.unwrap_err();
    assert!(matches!(&error, ChannelError::Setup { .. }), "{error:?}");
    assert!(!error.to_string().contains("wrong.token"));
}

#[tokio::test]
async fn nonsense_on_the_wire_is_passed_over() {
    let fake = FakeDiscord::start();
    let running = acquainted(&fake).await;
    fake.garbage("{not json");
    fake.dispatch("SOMETHING_NEW", &serde_json::json!({"a": 1}));
    fake.dispatch("MESSAGE_CREATE", &serde_json::json!({"id": "12"}));
    fake.skip_sequence(5);
    fake.compress(true);
    say(&fake, "still here");
    assert_eq!(running.texts(1).await, ["still here"]);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_restart_reads_what_was_said_meanwhile_in_order_and_once() {
    let fake = FakeDiscord::start();
    let running = acquainted(&fake).await;
    let stores = running.stores.clone();
    running.end().await.unwrap();
    // Three pages by REST, while new ones come over the gateway.
    let missed: Vec<String> = (0..250).map(|n| format!("missed {n}")).collect();
    for text in &missed {
        fake.say_unseen(&Saying::direct(CHAT, FRIEND, text));
    }
    let running = Running::start_on(&fake, &stores, channel(&fake, &stores)).await;
    say(&fake, "live");
    let texts = running.texts(251).await;
    assert_eq!(texts[..250], missed[..]);
    assert_eq!(texts[250], "live", "nothing overtakes what came before");
    assert!(running.pending().await.is_empty(), "each once");
    let after = fake.seen(|seen| seen.calls_to("GET", "/messages").count());
    assert!(after >= 3, "{after} pages");
    running.end().await.unwrap();
}

#[tokio::test]
async fn catching_up_waits_for_the_rate_limit_and_leaves_closed_channels_alone() {
    let fake = FakeDiscord::start();
    let running = acquainted(&fake).await;
    fake.say(&Saying::direct(CHAT + 1, FRIEND, "second chat"));
    assert_eq!(running.texts(1).await, ["second chat"]);
    let stores = running.stores.clone();
    running.end().await.unwrap();
    fake.say_unseen(&Saying::direct(CHAT, FRIEND, "missed"));
    fake.refuse(CHAT + 1, Some((403, 50001)));
    fake.fault("GET", "/channels/201/messages", RestFault::Limited { after: 0.3, global: false });
    let running = Running::start_on(&fake, &stores, channel(&fake, &stores)).await;
    assert_eq!(running.texts(1).await, ["missed"]);
    running.end().await.unwrap();
}

#[tokio::test]
async fn without_the_gateways_address_nothing_is_connected() {
    let fake = FakeDiscord::start();
    let stores = stores();
    fake.fault("GET", "/gateway/bot", RestFault::status(500, 0, "oops"));
    let running = Running::launch(&stores, channel(&fake, &stores), InletPolicy::default()).await;
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, ChannelError::Temporary { .. }), "{error:?}");
    assert_eq!(fake.seen(|seen| seen.connections), 0);
}
