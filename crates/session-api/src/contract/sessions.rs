//! What is known of sessions, who sees them, search and import.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, inbound_to, member, message, saying, session, uuid},
};
use crate::{
    Inbound, Message, MessageId, Page, Part, Principal, PrincipalId, Role, Scope, SessionInfo, SessionKey,
    Timestamp, TurnId, WindowBudget, Writes,
};

async fn info(rig: &Rig, key: &SessionKey) -> Option<SessionInfo> {
    rig.stores.sessions.session(&Scope::All, key).await.must()
}

/// Somebody says something in a session, and it is answered with the same text.
async fn talk(rig: &Rig, n: u32, who: &Principal, text: &str) {
    rig.accept(Inbound { principal: who.clone(), ..inbound_to(&session(n), text) }).await;
    let turn = rig.lease().await;
    rig.commit(&turn, saying(vec![message(&turn, text)])).await;
}

/// Ann alone in 1, Bob alone in 2, both in 3.
async fn crowd(h: &dyn StoreHarness) -> Rig {
    let rig = Rig::open(h).await;
    for (n, who) in [(1, "ann"), (2, "bob"), (3, "ann"), (3, "bob")] {
        talk(&rig, n, &member(who), "a secret").await;
    }
    rig
}

fn of(name: &str) -> Scope {
    Scope::Of(member(name).id)
}

fn told(text: &str) -> Message {
    Message {
        id: MessageId(uuid()),
        role: Role::User,
        principal: Some(PrincipalId("ann".into())),
        turn: TurnId(uuid()),
        at: Timestamp(1),
        parts: vec![Part::text(text)],
    }
}

/// What is known of a session says who began it, what it holds and what waits.
pub async fn a_session_is_known_from_its_first_row_on(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(info(&rig, &session(1)).await, None);
    talk(&rig, 1, &member("ann"), "hello").await;
    rig.accept(Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") }).await;
    let known = info(&rig, &session(1)).await.must();
    assert_eq!((known.key, known.principal), (session(1), PrincipalId("ann".into())));
    assert_eq!((known.messages, known.pending, known.open_turn), (1, 0, None));
    assert_eq!((known.shared, known.parent, known.title), (false, None, None));
    let child = info(&rig, &session(2)).await.must();
    assert_eq!((child.parent, child.pending), (Some(session(1)), 1));
    let turn = rig.lease().await;
    let child = info(&rig, &session(2)).await.must();
    assert_eq!((child.open_turn, child.pending), (Some(turn.lease.turn), 0));
}

/// A session is shared once a second principal spoke in it.
pub async fn a_session_with_two_speakers_is_shared(h: &dyn StoreHarness) {
    let rig = crowd(h).await;
    let shared = info(&rig, &session(3)).await.must();
    assert_eq!((shared.principal, shared.shared), (PrincipalId("ann".into()), true));
    assert!(!info(&rig, &session(1)).await.must().shared);
}

/// Sessions are listed with the last changed first.
pub async fn the_last_changed_session_comes_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for n in [1, 2, 3, 1] {
        talk(&rig, n, &Principal::owner(), "hello").await;
        rig.clock.advance(super::fixture::seconds(1));
    }
    let listed = rig.stores.sessions.sessions(&Scope::All, 2).await.must();
    let keys: Vec<SessionKey> = listed.into_iter().map(|info| info.key).collect();
    assert_eq!(keys, [session(1), session(3)]);
}

/// A principal sees the sessions in which only they spoke; a session's scope is that session.
pub async fn a_scope_limits_every_read(h: &dyn StoreHarness) {
    let rig = crowd(h).await;
    let store = &rig.stores.sessions;
    let cases = [
        (Scope::All, vec![1, 2, 3]),
        (of("ann"), vec![1]),
        (of("bob"), vec![2]),
        (of("eve"), vec![]),
        (Scope::Session(session(3)), vec![3]),
    ];
    let budget = WindowBudget { messages: 10, bytes: 10_000 };
    for (scope, visible) in cases {
        let mut listed: Vec<SessionKey> =
            store.sessions(&scope, 10).await.must().into_iter().map(|info| info.key).collect();
        listed.sort();
        assert_eq!(listed, visible.iter().map(|n| session(*n)).collect::<Vec<_>>(), "{scope:?}");
        let mut found: Vec<SessionKey> =
            store.search(&scope, "secret", 10).await.must().into_iter().map(|hit| hit.session).collect();
        found.sort();
        found.dedup();
        assert_eq!(found, listed, "{scope:?}");
        for n in 1..=3 {
            let (seen, key) = (visible.contains(&n), session(n));
            assert_eq!(store.session(&scope, &key).await.must().is_some(), seen, "{scope:?} {key}");
            let page = Page { after: 0, limit: 10 };
            assert_eq!(!store.messages(&scope, &key, page).await.must().is_empty(), seen, "{scope:?} {key}");
            let window = store.window(&scope, &key, budget).await.must();
            assert_eq!(!window.messages.is_empty(), seen, "{scope:?} {key}");
        }
    }
}

/// What somebody may not see they can neither clear nor delete.
pub async fn a_scope_limits_taking_away(h: &dyn StoreHarness) {
    let rig = crowd(h).await;
    let store = &rig.stores.sessions;
    for n in [2, 3] {
        assert_eq!(store.clear_session(&of("ann"), &session(n)).await.must(), 0);
        assert!(!store.delete_session(&of("ann"), &session(n)).await.must());
        assert!(!rig.history(&session(n)).await.is_empty());
    }
    assert!(store.delete_session(&of("ann"), &session(1)).await.must());
}

/// Search ignores the case of letters and finds the newest first, at most as many as asked for.
pub async fn search_finds_the_newest_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for text in ["The first Key", "nothing", "a KEYring", "monkey 100%"] {
        talk(&rig, 1, &Principal::owner(), text).await;
    }
    let search = async |text: &str, limit| {
        let hits = rig.stores.sessions.search(&Scope::All, text, limit).await.must();
        hits.into_iter().map(|hit| hit.message.message.text()).collect::<Vec<_>>()
    };
    assert_eq!(search("key", 10).await, ["monkey 100%", "a KEYring", "The first Key"]);
    assert_eq!(search("key", 1).await, ["monkey 100%"]);
    assert_eq!(search("0%", 10).await, ["monkey 100%"]);
    assert!(search("k%y", 10).await.is_empty());
    assert!(search("k_y", 10).await.is_empty());
}

/// Imported messages make a session, stand behind what it holds, and are added once.
pub async fn an_import_adds_each_message_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let owner = PrincipalId("ann".into());
    let batch = vec![told("one"), told("two")];
    let store = &rig.stores.sessions;
    assert_eq!(store.import_session(&session(1), &owner, batch.clone()).await.must(), 2);
    assert_eq!(info(&rig, &session(1)).await.must().principal, owner);
    let more = [batch, vec![told("three")]].concat();
    assert_eq!(store.import_session(&session(1), &owner, more).await.must(), 1);
    assert_eq!(rig.history(&session(1)).await, ["one", "two", "three"]);
    assert_eq!(store.sessions(&of("ann"), 10).await.must().len(), 1);
}

/// Nothing is imported into a session that somebody works on.
pub async fn an_import_waits_for_the_running_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let owner = Principal::owner().id;
    let store = &rig.stores.sessions;
    store.import_session(&session(1), &owner, vec![told("one")]).await.busy();
    rig.commit(&turn, Writes::default()).await;
    assert_eq!(store.import_session(&session(1), &owner, vec![told("one")]).await.must(), 1);
}

/// Sessions that another one started are found by it, and among them those where something happens.
pub async fn children_are_found_by_their_parent(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (n, parent) in [(2, 1), (3, 1), (4, 3)] {
        let started = Inbound { parent: Some(session(parent)), ..inbound_to(&session(n), "child") };
        rig.accept(started).await;
    }
    rig.accept(inbound_to(&session(5), "nobody's child")).await;
    let keys = async |parent: Option<u32>, active| {
        let parent = parent.map(session);
        let found = rig.stores.sessions.children(parent.as_ref(), active, 10).await.must();
        let mut keys: Vec<SessionKey> = found.into_iter().map(|info| info.key).collect();
        keys.sort();
        keys
    };
    for active in [false, true] {
        assert_eq!(keys(Some(1), active).await, [session(2), session(3)]);
        assert_eq!(keys(Some(3), active).await, [session(4)]);
        assert_eq!(keys(None, active).await, [session(2), session(3), session(4)]);
    }
    let turn = rig.lease().await;
    assert_eq!(turn.lease.session, session(2));
    assert_eq!(keys(Some(1), true).await, [session(2), session(3)], "one that runs is active");
    rig.commit(&turn, Writes::default()).await;
    assert_eq!(keys(Some(1), true).await, [session(3)]);
    assert_eq!(keys(Some(1), false).await, [session(2), session(3)]);
    assert_eq!(keys(None, true).await, [session(3), session(4)]);
    assert_eq!(rig.stores.sessions.children(None, false, 2).await.must().len(), 2);
}

/// What waits in a session is read in order, without what is being worked on.
pub async fn pending_rows_are_read_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    let second = rig.accept(inbound_to(&session(1), "second")).await;
    let third = rig.accept(inbound_to(&session(1), "third")).await;
    rig.accept(inbound_to(&session(2), "elsewhere")).await;
    let pending = async |limit| {
        let rows = rig.mailbox().pending(&session(1), limit).await.must();
        rows.into_iter().map(|row| row.inbound.id).collect::<Vec<_>>()
    };
    assert_eq!(pending(10).await, [second, third]);
    assert_eq!(pending(1).await, [second]);
    rig.mailbox().absorb(&turn.lease).await.must();
    assert!(pending(10).await.is_empty());
    assert!(rig.mailbox().pending(&session(9), 10).await.must().is_empty());
}
