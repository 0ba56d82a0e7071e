//! Reading a history: windows, pages, checkpoints.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, message, saying, session, setting, uuid},
};
use crate::{
    Checkpoint, MessageId, Outside, Page, Scope, SessionWrite, StoreError, Timestamp, Window, WindowBudget,
    Writes,
};

const WIDE: WindowBudget = WindowBudget { messages: 100, bytes: 1 << 20 };

async fn window(rig: &Rig, budget: WindowBudget) -> Window {
    rig.stores.sessions.window(&Scope::All, &session(1), budget).await.must()
}

fn texts(window: &Window) -> Vec<String> {
    window.messages.iter().map(|stored| stored.message.text()).collect()
}

/// A history of `one`, `two`, `three`.
async fn told(h: &dyn StoreHarness) -> Rig {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let said = ["one", "two", "three"].map(|text| message(&turn, text));
    rig.commit(&turn, saying(said.to_vec())).await;
    rig
}

fn summary(upto: u64, text: &str) -> Checkpoint {
    let outside = Outside::through("web_fetch");
    Checkpoint { id: MessageId(uuid()), upto, summary: text.into(), at: Timestamp(1), outside }
}

async fn append(
    rig: &Rig,
    epoch: u64,
    previous: Option<MessageId>,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    rig.stores
        .sessions
        .append_checkpoint(&session(1), epoch, previous, checkpoint.clone(), Writes::default())
        .await
}

/// An unknown session has an empty window.
pub async fn an_unknown_session_has_an_empty_window(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let empty = window(&rig, WIDE).await;
    assert_eq!((empty.checkpoint, empty.messages.len(), empty.truncated), (None, 0, false));
    assert!(rig.history(&session(1)).await.is_empty());
}

/// A window holds the history, oldest first.
pub async fn a_window_holds_the_history_oldest_first(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let whole = window(&rig, WIDE).await;
    assert_eq!(texts(&whole), ["one", "two", "three"]);
    assert_eq!(whole.messages.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(!whole.truncated);
}

/// A window that is too small holds the newest messages and says that others were left out.
pub async fn a_small_window_holds_the_newest(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let few = window(&rig, WindowBudget { messages: 2, ..WIDE }).await;
    assert_eq!(texts(&few), ["two", "three"]);
    assert!(few.truncated);
    let exact = window(&rig, WindowBudget { messages: 3, ..WIDE }).await;
    assert!(!exact.truncated);
}

/// The newest message is returned whatever its size.
pub async fn the_newest_message_always_fits(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let least = window(&rig, WindowBudget { bytes: 1, ..WIDE }).await;
    assert_eq!(texts(&least), ["three"]);
    assert!(least.truncated);
}

/// A window begins behind the newest checkpoint; pages read the whole history.
pub async fn a_window_begins_behind_the_newest_checkpoint(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let epoch = window(&rig, WIDE).await.epoch;
    let (first, second) = (summary(1, "one happened"), summary(2, "two happened"));
    append(&rig, epoch, None, &first).await.must();
    append(&rig, epoch, Some(first.id), &second).await.must();
    let behind = window(&rig, WIDE).await;
    assert_eq!(texts(&behind), ["three"]);
    assert!(!behind.truncated);
    assert_eq!(behind.checkpoint, Some(second));
    assert_eq!(rig.history(&session(1)).await, ["one", "two", "three"]);
}

/// A checkpoint is refused when another one came first.
pub async fn a_checkpoint_behind_another_is_a_conflict(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let epoch = window(&rig, WIDE).await.epoch;
    let first = summary(1, "one happened");
    append(&rig, epoch, Some(MessageId(uuid())), &first).await.conflict();
    append(&rig, epoch, None, &first).await.must();
    append(&rig, epoch, None, &summary(2, "late")).await.conflict();
    assert_eq!(window(&rig, WIDE).await.checkpoint, Some(first));
}

/// A checkpoint of another epoch is refused.
pub async fn a_checkpoint_of_another_epoch_is_a_conflict(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let epoch = window(&rig, WIDE).await.epoch;
    append(&rig, epoch + 1, None, &summary(1, "early")).await.conflict();
    rig.stores.sessions.clear_session(&Scope::All, &session(1)).await.must();
    append(&rig, epoch, None, &summary(1, "late")).await.conflict();
    assert_eq!(window(&rig, WIDE).await.checkpoint, None);
}

/// After a fresh start the window is empty and the history still there.
pub async fn a_fresh_start_deletes_nothing(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let turn = rig.start("/new").await;
    let session_write = SessionWrite { fresh: true, ..SessionWrite::default() };
    let writes = Writes { session: Some(session_write), ..saying(vec![message(&turn, "four")]) };
    rig.commit(&turn, writes).await;
    let fresh = window(&rig, WIDE).await;
    assert!(fresh.messages.is_empty() && !fresh.truncated);
    assert_eq!(fresh.checkpoint.map(|checkpoint| checkpoint.summary), Some(String::new()));
    let turn = rig.start("again").await;
    rig.commit(&turn, saying(vec![message(&turn, "five")])).await;
    assert_eq!(texts(&window(&rig, WIDE).await), ["five"]);
    assert_eq!(rig.history(&session(1)).await, ["one", "two", "three", "four", "five"]);
}

/// A summary that was begun before a fresh start is refused.
pub async fn a_summary_from_before_a_fresh_start_is_a_conflict(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let epoch = window(&rig, WIDE).await.epoch;
    let turn = rig.start("/new").await;
    let session_write = SessionWrite { fresh: true, ..SessionWrite::default() };
    rig.commit(&turn, Writes { session: Some(session_write), ..Writes::default() }).await;
    append(&rig, epoch, None, &summary(2, "late")).await.conflict();
}

/// Pages go on where the last one ended.
pub async fn pages_go_on_where_the_last_one_ended(h: &dyn StoreHarness) {
    let rig = told(h).await;
    for (after, limit, expected) in
        [(0, 2, vec!["one", "two"]), (2, 2, vec!["three"]), (3, 2, vec![]), (1, 1, vec!["two"])]
    {
        let page = Page { after, limit };
        let stored = rig.stores.sessions.messages(&Scope::All, &session(1), page).await.must();
        let found: Vec<String> = stored.iter().map(|stored| stored.message.text()).collect();
        assert_eq!(found, expected, "after {after}");
    }
}

/// What comes with a checkpoint is written with it, and with a refused one not at all.
pub async fn a_checkpoint_applies_its_writes(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let epoch = window(&rig, WIDE).await.epoch;
    let store = &rig.stores.sessions;
    let append = async |epoch, writes| {
        store.append_checkpoint(&session(1), epoch, None, summary(1, "one happened"), writes).await
    };
    append(epoch + 1, setting("told", "late")).await.conflict();
    assert_eq!(rig.value("told").await, None);
    let turn = rig.start("four").await;
    append(epoch, saying(vec![message(&turn, "four")])).await.invalid();
    assert_eq!(window(&rig, WIDE).await.checkpoint, None);
    append(epoch, setting("told", "once")).await.must();
    assert_eq!(rig.value("told").await.as_deref(), Some("once"));
    assert!(window(&rig, WIDE).await.checkpoint.is_some());
}

/// A commit that takes a checkpoint back takes those behind it too, and refuses a summary that was begun before.
pub async fn a_checkpoint_can_be_taken_back(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let before = window(&rig, WIDE).await.epoch;
    let made = [1, 2, 3].map(|upto| summary(upto, "happened"));
    for (n, one) in made.iter().enumerate() {
        let previous = n.checked_sub(1).map(|n| made[n].id);
        append(&rig, before, previous, one).await.must();
    }
    let turn = rig.start("/undo-compact").await;
    let undo = SessionWrite { undo: Some(made[1].id), ..SessionWrite::default() };
    rig.commit(&turn, Writes { session: Some(undo), ..Writes::default() }).await;
    let after = window(&rig, WIDE).await;
    assert_eq!((after.checkpoint.as_ref(), after.messages.len()), (Some(&made[0]), 2));
    assert!(after.epoch > before);
    append(&rig, before, Some(made[0].id), &summary(2, "late")).await.conflict();
    append(&rig, after.epoch, Some(made[0].id), &summary(2, "anew")).await.must();
}

/// Taking back a checkpoint that is not there changes nothing.
pub async fn an_unknown_checkpoint_is_not_taken_back(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let before = window(&rig, WIDE).await;
    let turn = rig.start("/undo-compact").await;
    let undo = SessionWrite { undo: Some(MessageId(uuid())), ..SessionWrite::default() };
    rig.commit(&turn, Writes { session: Some(undo), ..Writes::default() }).await;
    assert_eq!(window(&rig, WIDE).await, before);
}
