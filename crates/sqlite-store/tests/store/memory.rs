//! What this index does beyond the contract.

use std::sync::Arc;

use session_api::{
    BlobStore as _, CallId, ManualClock, MemoryIndex as _, MemoryQuery, Message, MessageId, Part, Principal,
    Role, Scope, SessionKey, SessionStore as _, Timestamp, ToolResult, ToolStatus, TurnId,
};
use sqlite_store::SqliteStore;
use uuid::Uuid;

use super::support::{options, start};

fn said(number: u128, role: Role, parts: Vec<Part>) -> Message {
    let (id, turn) = (MessageId(Uuid::from_u128(number)), TurnId(Uuid::from_u128(1)));
    Message { id, role, principal: None, turn, at: Timestamp(0), parts }
}

async fn tell(store: &SqliteStore, messages: Vec<Message>) {
    let key = SessionKey::new("test", "bot", "chat");
    store.import_session(&key, &Principal::owner().id, messages).await.unwrap();
    while store.index_messages(100).await.unwrap().left {}
}

async fn found(store: &SqliteStore, text: &str) -> Vec<String> {
    let query = MemoryQuery { text: text.into(), limit: 50, ..MemoryQuery::default() };
    let recalled = store.recall(&Scope::Of(Principal::owner().id), &query).await.unwrap();
    recalled.hits.into_iter().map(|hit| hit.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_result_is_found_by_what_the_model_did_not_read_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(options(dir.path(), 1), ManualClock::default()).await.store;
    let whole = store.put_blob("the beginning and far below a barometer".into()).await.unwrap();
    let content = vec![Part::text("the beginning")];
    let result = ToolResult {
        whole: Some(whole),
        ..ToolResult::new(CallId("call-1".into()), "look".into(), ToolStatus::Ok, content)
    };
    tell(&store, vec![said(1, Role::Tool, vec![Part::ToolResult(result)])]).await;
    assert_eq!(found(&store, "barometer").await, ["the beginning"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_in_their_other_forms_and_without_accents() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(options(dir.path(), 1), ManualClock::default()).await.store;
    let texts = ["she was planning two parties", "ein Grüner Tee", "нечто другое"];
    let messages = (1..).zip(texts).map(|(n, text)| said(n, Role::User, vec![Part::text(text)]));
    tell(&store, messages.collect()).await;
    for (query, text) in [("plan party", texts[0]), ("gruner", texts[1]), ("ДРУГОЕ", texts[2])] {
        assert_eq!(found(&store, query).await, [text], "{query}");
    }
}

/// An old message with two words that each stand in more newer ones than are ranked is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn two_common_words_are_found_together_beyond_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(options(dir.path(), 1), ManualClock::default()).await.store;
    let old = said(1, Role::User, vec![Part::text("lantern under the willow")]);
    let mut messages = vec![old];
    for n in 0..2_800_u128 {
        let word = if n % 2 == 0 { "lantern" } else { "willow" };
        messages.push(said(n + 2, Role::User, vec![Part::text(format!("{word} number {n}"))]));
    }
    tell(&store, messages).await;
    assert_eq!(found(&store, "willow lantern").await[0], "lantern under the willow");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_with_nothing_to_take_up_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<SqliteStore> = start(options(dir.path(), 1), ManualClock::default()).await.store;
    tell(&store, vec![said(1, Role::User, vec![Part::text("tea")])]).await;
    let before = store.commits();
    for _ in 0..10 {
        store.index_messages(100).await.unwrap();
        assert_eq!(found(&store, "tea").await.len(), 1);
    }
    assert_eq!(store.commits(), before);
}

/// Messages that were brought in later than they were said are found by the time at which they were said.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_found_whatever_the_order_in_which_messages_came() {
    const DAY: i64 = 86_400_000;
    let dir = tempfile::tempdir().unwrap();
    let store = start(options(dir.path(), 1), ManualClock::at(Timestamp(20_000 * DAY))).await.store;
    let at = |number: u128, day: i64| {
        let text = format!("kettle of day {day}");
        Message { at: Timestamp(day * DAY), ..said(number, Role::User, vec![Part::text(text)]) }
    };
    // In order, then far apart and mixed: the days 10 and 5,000 by turns.
    let ordered = (0..600_i64).map(|n| at(n as u128 + 1, 10_000 + n / 20));
    let mixed = (0..600_i64).map(|n| at(n as u128 + 10_001, if n % 30 == 0 { 10 } else { 5_000 }));
    tell(&store, ordered.chain(mixed).collect()).await;
    for (since, until, days) in [
        (Some(10_003), Some(10_005), 10_003..10_005),
        (Some(10), Some(11), 10..11),
        (Some(4_999), Some(5_001), 5_000..5_001),
        (None, Some(11), 10..11),
        (None, Some(9_000), 10..5_001),
        (Some(10_029), None, 10_029..10_030),
        (Some(1), Some(2), 0..0),
    ] {
        let at = |day: Option<i64>| day.map(|day| Timestamp(day * DAY));
        let query = MemoryQuery {
            text: "kettle".into(),
            limit: 20,
            since: at(since),
            until: at(until),
            ..MemoryQuery::default()
        };
        let hits = store.recall(&Scope::Of(Principal::owner().id), &query).await.unwrap().hits;
        assert_eq!(hits.len(), if days.is_empty() { 0 } else { 20 }, "{since:?} {until:?}");
        assert!(hits.iter().all(|hit| days.contains(&(hit.at.0 / DAY))), "{since:?} {until:?}");
    }
}
