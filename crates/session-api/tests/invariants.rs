//! Whatever happens in whatever order, nothing that was accepted or committed is lost.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use session_api::{
    ApprovalId, Backlog, CallId, Clock, Decision, InMemoryStore, Inbound, InboundId, InboundKind,
    InboundState, LeaseFrom, LeasePolicy, Mailbox, ManualClock, MessageId, OutboxId, OutboxMessage, Outcome,
    Page, Part, PartClaim, PartState, Rank, Runner, Scope, SequentialIds, SessionKey, SessionStore, Settled,
    Settlement, Splitter, Step, StepKind, StoreError, Timestamp, Turn, TurnId, WhenBusy, WorkerId, Writes,
    contract::fixture,
};

/// One thing that happens. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Op {
    Accept { session: u32, kind: u8, busy: u8, coalesce: bool, own: bool },
    Repeat(usize),
    Lease,
    Journal(usize),
    Absorb(usize),
    Suspend(usize),
    Answer(usize),
    Commit { turn: usize, messages: usize },
    Fail { turn: usize, retry: bool },
    Advance(u64),
    Kill,
    Clear(u32),
    Delete(u32),
    Redrive(usize),
    GiveUp(usize),
    Claim,
    Settle { claim: usize, how: u8 },
    Resend(usize),
    Drop(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let session = 1..4_u32;
    prop_oneof![
        6 => (session.clone(), 0..5_u8, 0..3_u8, any::<bool>(), any::<bool>())
            .prop_map(|(session, kind, busy, coalesce, own)| Op::Accept { session, kind, busy, coalesce, own }),
        1 => any::<usize>().prop_map(Op::Repeat),
        5 => Just(Op::Lease),
        2 => any::<usize>().prop_map(Op::Journal),
        2 => any::<usize>().prop_map(Op::Absorb),
        2 => any::<usize>().prop_map(Op::Suspend),
        2 => any::<usize>().prop_map(Op::Answer),
        4 => (any::<usize>(), 0..3_usize).prop_map(|(turn, messages)| Op::Commit { turn, messages }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(turn, retry)| Op::Fail { turn, retry }),
        2 => (1..40_u64).prop_map(Op::Advance),
        1 => Just(Op::Kill),
        1 => session.clone().prop_map(Op::Clear),
        1 => session.prop_map(Op::Delete),
        1 => any::<usize>().prop_map(Op::Redrive),
        1 => any::<usize>().prop_map(Op::GiveUp),
        3 => Just(Op::Claim),
        3 => (any::<usize>(), 0..4_u8).prop_map(|(claim, how)| Op::Settle { claim, how }),
        1 => any::<usize>().prop_map(Op::Resend),
        1 => any::<usize>().prop_map(Op::Drop),
    ]
}

/// The store and what must be true of it.
struct Model {
    clock: ManualClock,
    store: InMemoryStore,
    worker: u64,
    /// Rows whose session was not deleted since.
    rows: BTreeMap<InboundId, Inbound>,
    settled: BTreeMap<InboundId, Outcome>,
    /// Leases that were handed out, valid or not.
    turns: Vec<Turn>,
    founders: BTreeMap<TurnId, Vec<InboundId>>,
    asked: Vec<ApprovalId>,
    histories: BTreeMap<SessionKey, Vec<MessageId>>,
    /// Messages that were said to sessions that were not deleted since.
    said: BTreeMap<OutboxId, SessionKey>,
    /// Claims that were handed out, valid or not.
    claims: Vec<PartClaim>,
    /// Undelivered messages that were taken off the list.
    dropped: BTreeSet<OutboxId>,
}

/// Two parts for each message.
struct Halves;

impl Splitter for Halves {
    fn split(&self, _: &OutboxMessage) -> Vec<Part> {
        vec![Part::text("one"), Part::text("two")]
    }
}

/// The one chosen by `number`, if there is any.
fn pick<T>(from: &[T], number: usize) -> Option<&T> {
    from.get(number.checked_rem(from.len())?)
}

/// Refusals that a worker must expect at any time.
fn or_refused<T>(result: Result<T, StoreError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(StoreError::Stale { .. } | StoreError::Busy { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

impl Model {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp(1_795_000_000_000));
        let ids = Arc::new(SequentialIds::default());
        let store = InMemoryStore::new(Arc::new(clock.clone()), ids, LeasePolicy::default());
        Self {
            clock,
            store,
            worker: 1,
            rows: BTreeMap::new(),
            settled: BTreeMap::new(),
            turns: Vec::new(),
            founders: BTreeMap::new(),
            asked: Vec::new(),
            histories: BTreeMap::new(),
            said: BTreeMap::new(),
            claims: Vec::new(),
            dropped: BTreeSet::new(),
        }
    }

    fn worker(&self) -> WorkerId {
        fixture::worker(self.worker)
    }

    async fn accept(&mut self, row: Inbound) {
        self.rows.insert(row.id, row.clone());
        let _ = self.store.accept(None, vec![row].into(), None).await.unwrap().ack;
    }

    async fn lease(&mut self) -> Option<Turn> {
        let turn = self.store.lease(self.worker(), LeaseFrom::Any).await.unwrap()?;
        let founders: Vec<InboundId> = turn.founders.iter().map(|row| row.inbound.id).collect();
        let first = self.founders.entry(turn.lease.turn).or_insert_with(|| founders.clone());
        assert_eq!(*first, founders, "the founders of a turn changed");
        self.turns.push(turn.clone());
        Some(turn)
    }

    async fn commit(&mut self, turn: &Turn, messages: usize) {
        let said: Vec<_> = (0..messages).map(|_| fixture::message(turn, "said")).collect();
        let ids = said.iter().map(|message| message.id).collect::<Vec<_>>();
        let answer = fixture::reply(turn, "said");
        let (answered, session) = (answer.id, turn.lease.session.clone());
        let writes = Writes { outbox: vec![answer], ..fixture::saying(said) };
        let done = self.store.commit(&turn.lease, Outcome::Replied, writes).await;
        if or_refused(done).is_some() {
            self.said.insert(answered, session);
            self.histories.entry(turn.lease.session.clone()).or_default().extend(ids);
        }
    }

    /// Claims what can be claimed, at most one part of each chat at a time.
    async fn claim(&mut self) -> usize {
        let channels = ["test".to_owned()];
        let new = self.store.claim_parts(self.worker(), &channels, 10, Arc::new(Halves)).await.unwrap();
        for claim in &new {
            let may_resend = claim.may_resend || claim.part.doubted;
            assert!(may_resend, "a part that was never in doubt may be sent");
        }
        let chats: BTreeSet<&str> = new.iter().map(|claim| claim.route.chat.as_str()).collect();
        assert_eq!(chats.len(), new.len());
        self.claims.extend(new.iter().cloned());
        new.len()
    }

    async fn settle(&mut self, claim: &PartClaim, how: u8) {
        let error = "error".to_owned();
        let settlement = match how {
            0 => Settlement::Sent { platform_id: None },
            1 => Settlement::RetryAt { at: self.clock.now().plus(Duration::from_secs(5)), error },
            2 => Settlement::Failed { error },
            _ => Settlement::Unknown { error },
        };
        or_refused(self.store.settle_part(claim, settlement).await);
    }

    async fn apply(&mut self, op: Op) {
        let turns = self.turns.clone();
        match op {
            Op::Accept { session, kind, busy, coalesce, own } => {
                let kind = match kind {
                    0 | 1 => InboundKind::Message,
                    2 => InboundKind::Command,
                    3 => InboundKind::Lock,
                    _ => InboundKind::Stop,
                };
                let busy = match busy {
                    0 => WhenBusy::Steer,
                    1 => WhenBusy::Queue,
                    _ => WhenBusy::Interrupt,
                };
                let coalesce = coalesce.then(|| Duration::from_secs(5));
                let runner = if own { Runner::Only(self.worker()) } else { Runner::Any };
                let row = fixture::inbound_to(&fixture::session(session), "hello");
                self.accept(Inbound { kind, busy, coalesce, runner, ..row }).await;
            }
            Op::Repeat(n) => {
                let rows: Vec<Inbound> = self.rows.values().cloned().collect();
                if let Some(row) = pick(&rows, n) {
                    let again = self.store.accept(None, vec![row.clone()].into(), None).await.unwrap();
                    assert_eq!(again.rows, [session_api::Acceptance::Duplicate(row.id)]);
                }
            }
            Op::Lease => {
                self.lease().await;
            }
            Op::Journal(n) => {
                let Some(turn) = pick(&turns, n) else { return };
                let kind = StepKind::ToolEnded { call_id: CallId("1".into()), ok: true, millis: 1 };
                let step = Step { kind, durable: true };
                or_refused(self.store.journal(&turn.lease, step, Writes::default()).await);
            }
            Op::Absorb(n) => {
                let Some(turn) = pick(&turns, n) else { return };
                or_refused(self.store.absorb(&turn.lease).await);
            }
            Op::Suspend(n) => {
                let Some(turn) = pick(&turns, n) else { return };
                let asked = fixture::question(turn, Rank::Owner);
                let id = asked.id;
                if or_refused(self.store.suspend(&turn.lease, fixture::asking(&[asked])).await).is_some() {
                    self.asked.push(id);
                }
            }
            Op::Answer(n) => {
                if let Some(id) = pick(&self.asked, n).copied() {
                    self.accept(fixture::answer(id, Decision::Allow)).await;
                }
            }
            Op::Commit { turn, messages } => {
                if let Some(turn) = pick(&turns, turn) {
                    self.commit(turn, messages).await;
                }
            }
            Op::Fail { turn, retry } => {
                let Some(turn) = pick(&turns, turn) else { return };
                let at = retry.then_some(Timestamp(1_795_000_010_000));
                or_refused(self.store.fail(&turn.lease, "error", at, Writes::default()).await);
            }
            Op::Advance(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Op::Kill => {
                self.store.kill(self.worker());
                self.worker += 1;
            }
            Op::Clear(n) => {
                let key = fixture::session(n);
                if or_refused(self.store.clear_session(&Scope::All, &key).await).is_some() {
                    self.histories.remove(&key);
                }
            }
            Op::Delete(n) => {
                let key = fixture::session(n);
                if or_refused(self.store.delete_session(&Scope::All, &key).await).is_some() {
                    self.histories.remove(&key);
                    self.rows.retain(|_, row| row.session != key);
                    self.said.retain(|_, session| *session != key);
                }
            }
            Op::Redrive(n) => {
                let letters = self.store.dead_letters(&Scope::All, 100).await.unwrap();
                if let Some(letter) = pick(&letters, n) {
                    assert!(self.store.redrive(letter.row.inbound.id).await.unwrap());
                }
            }
            Op::GiveUp(n) => {
                let rows: Vec<InboundId> = self.rows.keys().copied().collect();
                let Some(id) = pick(&rows, n) else { return };
                let before = self.store.inbound(*id).await.unwrap().unwrap().state;
                let done = self.store.give_up(*id, Outcome::Failed, Writes::default()).await.unwrap();
                assert_eq!(done, matches!(before, InboundState::Pending { .. }), "{before:?}");
            }
            Op::Claim => {
                self.claim().await;
            }
            Op::Settle { claim, how } => {
                if let Some(claim) = pick(&self.claims, claim).cloned() {
                    self.settle(&claim, how).await;
                }
            }
            Op::Resend(n) => {
                let listed = self.store.undelivered(&Scope::All, 100).await.unwrap();
                if let Some(one) = pick(&listed, n) {
                    assert!(self.store.resend(one.message.id).await.unwrap());
                }
            }
            Op::Drop(n) => {
                let listed = self.store.undelivered(&Scope::All, 100).await.unwrap();
                if let Some(one) = pick(&listed, n) {
                    assert!(self.store.drop_undelivered(one.message.id).await.unwrap());
                    self.dropped.insert(one.message.id);
                }
            }
        }
    }

    /// Every accepted row stands somewhere; a settled one stays as it is; a session has one open turn; a history holds
    /// what was committed.
    async fn check(&mut self) {
        let mut open: BTreeMap<&SessionKey, BTreeSet<TurnId>> = BTreeMap::new();
        for (id, row) in &self.rows {
            let view = self.store.inbound(*id).await.unwrap();
            let view = view.unwrap_or_else(|| panic!("row {id} is lost"));
            if let Some(outcome) = self.settled.get(id) {
                let stays = matches!(&view.state, InboundState::Settled(s) if s.outcome == *outcome);
                assert!(stays, "row {id} was settled and now is {:?}", view.state);
            }
            match view.state {
                InboundState::Running(turn) | InboundState::Suspended(turn) => {
                    open.entry(&row.session).or_default().insert(turn);
                }
                InboundState::Settled(Settled { outcome, .. }) => {
                    self.settled.insert(*id, outcome);
                }
                InboundState::Pending { .. } | InboundState::Dead { .. } => {}
            }
        }
        self.check_counts().await;
        for (session, turns) in open {
            assert_eq!(turns.len(), 1, "open turns of {session}");
            let known = self.store.session(&Scope::All, session).await.unwrap().unwrap().open_turn;
            assert_eq!(known.as_ref(), turns.first());
        }
        for n in 1..4 {
            let key = fixture::session(n);
            let page = Page { after: 0, limit: 10_000 };
            let stored = self.store.messages(&Scope::All, &key, page).await.unwrap();
            let ids: Vec<MessageId> = stored.iter().map(|stored| stored.message.id).collect();
            assert_eq!(ids, self.histories.get(&key).cloned().unwrap_or_default());
        }
    }

    /// The backlog counts what the rows and parts say. Every message waits, was sent, or is listed as undelivered unless
    /// somebody dropped it.
    async fn check_counts(&self) {
        let mut expected = Backlog::default();
        for id in self.rows.keys() {
            match self.store.inbound(*id).await.unwrap().unwrap().state {
                InboundState::Pending { .. } => expected.pending += 1,
                InboundState::Dead { .. } => expected.dead += 1,
                _ => {}
            }
        }
        let listed = self.store.undelivered(&Scope::All, usize::MAX).await.unwrap();
        let listed: BTreeSet<OutboxId> = listed.iter().map(|one| one.message.id).collect();
        for id in self.said.keys() {
            let parts = self.store.parts(*id).await.unwrap();
            let is = |states: [PartState; 2]| parts.iter().any(|part| states.contains(&part.state));
            expected.unsent += u64::from(parts.is_empty() || is([PartState::Pending, PartState::Sending]));
            let failed = is([PartState::Failed, PartState::Unknown]);
            assert!(failed || !listed.contains(id), "{id} is listed and did not fail: {parts:?}");
            let known = listed.contains(id) || self.dropped.contains(id);
            assert!(known || !failed, "{id} failed and is not listed: {parts:?}");
        }
        let found = self.store.backlog().await.unwrap();
        assert_eq!(
            (found.pending, found.dead, found.unsent),
            (expected.pending, expected.dead, expected.unsent)
        );
        assert_eq!(found.oldest_pending.is_some(), found.pending > 0);
        assert_eq!(found.oldest_unsent.is_some(), found.unsent > 0);
    }

    /// A new worker finishes what is left: then every row has ended, and nothing is left to send.
    async fn finish(&mut self) {
        self.store.kill(self.worker());
        self.worker += 1;
        self.clock.advance(Duration::from_secs(3600));
        while let Some(turn) = self.lease().await {
            self.commit(&turn, 1).await;
        }
        while self.claim().await > 0 {
            for claim in std::mem::take(&mut self.claims) {
                self.settle(&claim, 0).await;
            }
        }
        assert_eq!(self.store.backlog().await.unwrap().unsent, 0);
        self.check().await;
        for id in self.rows.keys() {
            let state = self.store.inbound(*id).await.unwrap().unwrap().state;
            let ended = matches!(state, InboundState::Settled(_) | InboundState::Dead { .. });
            assert!(ended, "row {id} never ends: {state:?}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_accepted_or_committed_is_lost(ops in vec(op(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for op in ops {
                model.apply(op).await;
                model.check().await;
            }
            model.finish().await;
        });
    }
}
