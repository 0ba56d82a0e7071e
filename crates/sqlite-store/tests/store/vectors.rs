//! What this index does beyond the contract: its file is made of the database, whatever becomes of it.

use std::{fs, path::Path, sync::Arc};

use session_api::{
    ManualClock, MemoryIndex as _, MemoryQuery, Message, MessageId, Part, Principal, Role, Scope, SessionKey,
    SessionStore as _, Timestamp, TurnId, VectorIndex as _,
};
use sqlite_store::SqliteStore;
use uuid::Uuid;

use super::support::{options, start};

const LENGTH: usize = 32;

fn key() -> SessionKey {
    SessionKey::new("test", "bot", "chat")
}

/// Each number points in a direction of its own, by more than rounding may move it.
fn vector(number: usize) -> Vec<f32> {
    (0..LENGTH).map(|part| if part == number % LENGTH { 1.0 } else { number as f32 / 1_000.0 }).collect()
}

async fn tell(store: &SqliteStore, numbers: std::ops::Range<usize>) {
    let message = |number: usize| Message {
        id: MessageId(Uuid::from_u128(number as u128 + 1)),
        role: Role::User,
        principal: None,
        turn: TurnId(Uuid::from_u128(1)),
        at: Timestamp(0),
        parts: vec![Part::text(number.to_string())],
    };
    let messages = numbers.map(message).collect();
    store.import_session(&key(), &Principal::owner().id, messages).await.unwrap();
    loop {
        let without = store.texts_without_vector("m", 50).await.unwrap();
        let made = |(no, text): &(u64, String)| (*no, Some(vector(text.parse().unwrap())));
        store.keep_vectors(without.mark, without.texts.iter().map(made).collect()).await.unwrap();
        if !without.left {
            return;
        }
    }
}

async fn near(store: &SqliteStore, number: usize) -> Vec<String> {
    let query = MemoryQuery { limit: 5, ..MemoryQuery::default() };
    let nearest = store.nearest(&Scope::All, &query, &vector(number), 0.95).await.unwrap();
    nearest.hits.into_iter().map(|hit| hit.text).collect()
}

fn file(home: &Path) -> std::path::PathBuf {
    home.join("memory.vectors")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_missing_damaged_or_anothers_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<SqliteStore> = start(options(dir.path(), 1), ManualClock::default()).await.store;
    tell(&store, 0..20).await;
    assert_eq!(near(&store, 7).await, ["7"]);
    let whole = fs::read(file(dir.path())).unwrap();
    fs::remove_file(file(dir.path())).unwrap();
    assert_eq!(near(&store, 7).await, ["7"]);
    assert_eq!(fs::read(file(dir.path())).unwrap(), whole);
    for text in ["", "something else", "FTVECT"] {
        fs::write(file(dir.path()), text).unwrap();
        assert_eq!(near(&store, 7).await, ["7"], "{text}");
    }
    fs::write(file(dir.path()), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(near(&store, 19).await, ["19"]);
    // In the middle, where only reading it all finds it.
    let mut damaged = whole.clone();
    let middle = 32 + 10 * (40 + LENGTH);
    damaged[middle..middle + 40].fill(0);
    fs::write(file(dir.path()), damaged).unwrap();
    near(&store, 7).await;
    assert_eq!(near(&store, 7).await, ["7"]);
    assert_eq!(fs::read(file(dir.path())).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_leaves_the_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<SqliteStore> = start(options(dir.path(), 1), ManualClock::default()).await.store;
    tell(&store, 0..3).await;
    let holds = |number: usize| {
        let most = vector(number).into_iter().fold(0.0_f32, f32::max);
        let rounded: Vec<u8> = vector(number)
            .iter()
            .map(|part| (part / (most / 127.0)).round() as i8)
            .map(i8::cast_unsigned)
            .collect();
        fs::read(file(dir.path())).unwrap().windows(LENGTH).any(|window| window == rounded)
    };
    assert!(holds(1) && holds(2));
    store.forget_message(&Scope::All, &key(), 2).await.unwrap();
    assert!(!holds(1) && holds(2));
    assert_eq!(near(&store, 1).await, [""; 0]);
    store.clear_session(&Scope::All, &key()).await.unwrap();
    assert!(!holds(0) && !holds(2));
    tell(&store, 5..6).await;
    assert_eq!(near(&store, 5).await, ["5"]);
}

/// Two processes keep the same vectors at the same time, one of them with a file that it cannot know yet.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let one: Arc<SqliteStore> = start(options(dir.path(), 1), ManualClock::default()).await.store;
    let two: Arc<SqliteStore> = start(options(dir.path(), 2), ManualClock::default()).await.store;
    for round in 0..5 {
        tokio::join!(tell(&one, round * 40..round * 40 + 30), tell(&two, round * 40 + 30..round * 40 + 40));
    }
    for number in [0, 31, 199] {
        // Those of the same direction lie near as well.
        assert!(near(&one, number).await.contains(&number.to_string()), "{number}");
        assert_eq!(near(&one, number).await, near(&two, number).await);
    }
}
