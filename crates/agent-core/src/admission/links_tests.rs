//! Accounts that are joined and parted.

use std::collections::BTreeMap;

use session_api::{
    AuditLog as _, Batch, InMemoryStore, LeasePolicy, Mailbox as _, ManualClock, Part, Rank, SequentialIds,
    Timestamp,
};

use super::*;
use crate::{Admission as _, Arrival, ChannelRules, Gate, Place};

struct World {
    store: InMemoryStore,
    clock: ManualClock,
    gate: Gate,
    links: Links,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp(1_795_000_000_000));
        let ids = Arc::new(SequentialIds::default());
        let store = InMemoryStore::new(Arc::new(clock.clone()), ids.clone(), LeasePolicy::default());
        let stores = Stores::of(Arc::new(store.clone()));
        let rules = ChannelRules {
            allow: vec!["ann".into(), "*".into()],
            members: vec!["bob".into(), "ben".into()],
            ..ChannelRules::default()
        };
        let rules = BTreeMap::from([("test".to_owned(), rules)]);
        let clocked: Arc<dyn Clock> = Arc::new(clock.clone());
        let gate = Gate::new(stores.clone(), clocked.clone(), ids.clone(), rules, None);
        Self { links: Links::new(stores, clocked, ids), store, clock, gate }
    }

    async fn who(&self, sender: &str) -> Principal {
        let arrival = Arrival {
            external_id: "1".into(),
            chat: sender.into(),
            thread: None,
            place: Place::Direct,
            sender: sender.into(),
            sender_name: None,
            addressed: true,
            distrusted: None,
            message_id: None,
            parts: vec![Part::text("hi")],
            received_at: Timestamp(0),
        };
        self.gate.judge("test", "bot", &arrival).await.unwrap().principal.unwrap()
    }

    async fn write(&self, writes: Writes) {
        self.store.accept(None, Batch { writes, ..Batch::default() }, None).await.unwrap();
    }

    async fn code_of(&self, sender: &str) -> String {
        let (code, writes) = self.links.offer(&self.who(sender).await).unwrap();
        self.write(writes).await;
        code.to_string()
    }

    /// Why `sender` is not joined with this code; empty: they are.
    async fn types(&self, sender: &str, code: &str) -> &'static str {
        let session = SessionKey::new("test", "bot", sender);
        match self.links.join(&self.who(sender).await, &session, code).await.unwrap() {
            Linked::Done(_, writes) => {
                self.write(*writes).await;
                ""
            }
            Linked::Refused(why, writes) => {
                self.write(*writes).await;
                why
            }
        }
    }

    async fn parts(&self, sender: &str, from: Option<&str>) -> bool {
        let (session, person) = (SessionKey::new("test", "bot", sender), self.who(sender).await.id);
        match self.links.part(&person, &session, from).await.unwrap() {
            Some((_, writes)) => {
                self.write(writes).await;
                true
            }
            None => false,
        }
    }
}

#[tokio::test]
async fn joined_accounts_are_one_person_until_they_are_parted() {
    let world = World::new();
    let code = world.code_of("ann").await;
    assert_eq!(world.types("bob", &code).await, "");
    assert_eq!(world.who("bob").await, Principal::owner());
    assert!(world.types("ben", &code).await.contains("no code"), "a code is good once");
    // Who is joined to somebody who joins another goes along.
    let code = world.code_of("ben").await;
    assert_eq!(world.types("guest", &code).await, "");
    assert_eq!(world.who("guest").await, world.who("ben").await);
    let code = world.code_of("ann").await;
    assert_eq!(world.types("guest", &code).await, "");
    assert_eq!((world.who("ben").await, world.who("guest").await), (Principal::owner(), Principal::owner()));
    assert!(!world.parts("ann", None).await, "which one is not said");
    assert!(world.parts("ann", Some("test:ben")).await);
    assert_eq!(world.who("ben").await, Principal { id: PrincipalId("test:ben".into()), rank: Rank::Member });
    let rows = world.store.audit_about("test:ben", 9).await.unwrap();
    assert_eq!(rows.first().map(|row| row.entry.kind.as_str()), Some("people.parted"));
}

#[tokio::test]
async fn a_code_joins_nobody_to_less_than_they_are_and_is_not_guessed() {
    let world = World::new();
    let code = world.code_of("bob").await;
    assert!(world.types("ann", &code).await.contains("may do more"));
    assert!(world.types("bob", &code).await.contains("one person already"));
    world.clock.advance(LIFE);
    assert!(world.types("ben", &code).await.contains("no code"));
    for _ in 1..TRIES {
        assert!(world.types("ben", "00000-00000").await.contains("no code"));
    }
    let code = world.code_of("bob").await;
    assert!(world.types("ben", &code).await.contains("Too many"));
    world.clock.advance(LIFE);
    let code = world.code_of("bob").await;
    assert_eq!(world.types("ben", &code).await, "");
}
