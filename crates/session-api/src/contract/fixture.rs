//! What the cases are built of.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use uuid::Uuid;

use super::StoreHarness;
use crate::{
    Acceptance, Approval, ApprovalId, ApprovalState, ApprovalWrite, AuditEntry, Batch, CallId, Clock,
    CursorMove, Delivery, Inbound, InboundId, InboundKind, InboundState, KvWrite, LeaseFrom, Mailbox,
    ManualClock, Message, MessageId, OnDoubt, OutboxId, OutboxKind, OutboxMessage, Outcome, Part, Principal,
    PrincipalId, Rank, Role, Route, RunOverrides, Runner, SessionKey, Step, StepKind, StoreError, Stores,
    Timestamp, ToolCall, Turn, TurnRecord, WhenBusy, WorkerId, Writes,
};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that no case of this process got before.
pub fn unique() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An id that neither another case nor the store under test makes.
#[must_use]
pub fn uuid() -> Uuid {
    Uuid::from_u128((0xC0_47_AC_70 << 64) | u128::from(unique()))
}

/// Worker number `n`.
#[must_use]
pub fn worker(n: u64) -> WorkerId {
    WorkerId(Uuid::from_u128((0x30_4B_E4 << 64) | u128::from(n)))
}

/// Session number `n`; each has a chat of its own.
#[must_use]
pub fn session(n: u32) -> SessionKey {
    SessionKey::new("test", "bot", format!("chat-{n}"))
}

/// The member named `name`.
#[must_use]
pub fn member(name: &str) -> Principal {
    Principal { id: PrincipalId(name.into()), rank: Rank::Member }
}

/// Seconds.
#[must_use]
pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The owner's message in session 1, for any worker, that does not coalesce. Its ids are new.
#[must_use]
pub fn inbound(text: &str) -> Inbound {
    inbound_to(&session(1), text)
}

/// As [`inbound`], in another session.
#[must_use]
pub fn inbound_to(session: &SessionKey, text: &str) -> Inbound {
    let id = InboundId(uuid());
    Inbound {
        id,
        external_id: id.to_string(),
        session: session.clone(),
        parent: None,
        reply: Route::to_session(session),
        principal: Principal::owner(),
        kind: InboundKind::Message,
        busy: WhenBusy::default(),
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts: vec![Part::text(text)],
        shared: false,
        received_at: Timestamp::default(),
        correlation: id.to_string(),
    }
}

/// The owner's slash command in session 1.
#[must_use]
pub fn command(text: &str) -> Inbound {
    Inbound { kind: InboundKind::Command, ..inbound(text) }
}

/// The owner's stop in session 1.
#[must_use]
pub fn stop() -> Inbound {
    Inbound { kind: InboundKind::Stop, ..inbound("/stop") }
}

/// The owner's lock, in session 1.
#[must_use]
pub fn lock() -> Inbound {
    Inbound { kind: InboundKind::Lock, ..inbound("/lock") }
}

/// A batch that moves a cursor.
#[must_use]
pub fn moving(rows: Vec<Inbound>, cursor: CursorMove) -> Batch {
    Batch { cursor: Some(cursor), ..rows.into() }
}

/// Overrides that name a model.
#[must_use]
pub fn overrides(model: &str) -> RunOverrides {
    RunOverrides { model: Some(model.into()), ..RunOverrides::default() }
}

/// A step that says that a tool starts.
#[must_use]
pub fn step(call: &str) -> Step {
    let kind = StepKind::ToolStarted { call_id: CallId(call.into()), name: "look".into(), key: None };
    Step { kind, durable: true }
}

/// A record with this body.
#[must_use]
pub fn record(body: &str) -> TurnRecord {
    TurnRecord { version: 1, body: body.into() }
}

/// A message of `turn`'s history.
#[must_use]
pub fn message(turn: &Turn, text: &str) -> Message {
    Message {
        id: MessageId(uuid()),
        role: Role::Assistant,
        principal: None,
        turn: turn.lease.turn,
        at: turn.started_at,
        parts: vec![Part::text(text)],
    }
}

/// A pushed answer of `turn` to its first founder.
#[must_use]
pub fn reply(turn: &Turn, text: &str) -> OutboxMessage {
    let founder = turn.founders.first().map(|row| &row.inbound).must();
    OutboxMessage {
        id: OutboxId(uuid()),
        turn: Some(turn.lease.turn),
        inbound: Some(founder.id),
        session: turn.lease.session.clone(),
        route: founder.reply.clone(),
        parts: vec![Part::text(text)],
        kind: OutboxKind::Reply,
        delivery: Delivery::Push,
        on_doubt: OnDoubt::ResendOnce,
        drafts: Vec::new(),
        at: turn.started_at,
    }
}

/// A pushed message to `session`'s chat that no turn said.
#[must_use]
pub fn notice(session: &SessionKey, text: &str) -> OutboxMessage {
    OutboxMessage {
        id: OutboxId(uuid()),
        turn: None,
        inbound: None,
        session: session.clone(),
        route: Route::to_session(session),
        parts: vec![Part::text(text)],
        kind: OutboxKind::Notice,
        delivery: Delivery::Push,
        on_doubt: OnDoubt::ResendOnce,
        drafts: Vec::new(),
        at: Timestamp(1),
    }
}

/// An audit row of `session` about `subject`.
#[must_use]
pub fn entry(session: &SessionKey, subject: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp(1),
        session: session.clone(),
        turn: None,
        principal: Principal::owner().id,
        kind: "tool.ok".into(),
        subject: subject.into(),
        payload: "{}".into(),
        millis: 3,
    }
}

/// A question of `turn` that somebody of rank `needs` may answer within ten minutes of the turn's start.
#[must_use]
pub fn question(turn: &Turn, needs: Rank) -> Approval {
    Approval {
        id: ApprovalId(uuid()),
        turn: turn.lease.turn,
        session: turn.lease.session.clone(),
        call: ToolCall { id: CallId("call-1".into()), name: "send".into(), arguments: "{}".into() },
        reason: "it sends".into(),
        needs,
        asked_by: Principal::owner().id,
        asked_at: turn.started_at,
        expires_at: turn.started_at.plus(seconds(600)),
        state: ApprovalState::Open,
    }
}

/// The owner's answer, in session 1.
#[must_use]
pub fn answer(approval: ApprovalId, decision: crate::Decision) -> Inbound {
    Inbound { kind: InboundKind::Answer { approval, decision }, ..inbound("answer") }
}

/// Writes that ask.
#[must_use]
pub fn asking(questions: &[Approval]) -> Writes {
    Writes { approvals: questions.iter().cloned().map(ApprovalWrite::Ask).collect(), ..Writes::default() }
}

/// Writes that send.
#[must_use]
pub fn sending(messages: Vec<OutboxMessage>) -> Writes {
    Writes { outbox: messages, ..Writes::default() }
}

/// Writes that add to the history.
#[must_use]
pub fn saying(messages: Vec<Message>) -> Writes {
    Writes { messages, ..Writes::default() }
}

/// Writes that set a value of the owner's.
#[must_use]
pub fn setting(key: &str, value: &str) -> Writes {
    let owner = Principal::owner().id;
    let set = KvWrite::Set { owner, key: key.into(), value: value.into(), expires_at: None };
    Writes { kv: vec![set], ..Writes::default() }
}

/// Takes what must be there; the case fails where it is not.
pub trait Must<T> {
    /// The value.
    fn must(self) -> T;
}

impl<T> Must<T> for Result<T, StoreError> {
    #[track_caller]
    #[expect(clippy::panic, reason = "a contract case is a test")]
    fn must(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("the store refused: {error:?}"),
        }
    }
}

impl<T> Must<T> for Option<T> {
    #[track_caller]
    #[expect(clippy::panic, reason = "a contract case is a test")]
    fn must(self) -> T {
        match self {
            Some(value) => value,
            None => panic!("there should have been one"),
        }
    }
}

/// Checks how a call was refused.
pub trait Refused {
    /// It was [`StoreError::Stale`].
    fn stale(self);
    /// It was [`StoreError::Invalid`].
    fn invalid(self);
    /// It was [`StoreError::Conflict`].
    fn conflict(self);
    /// It was [`StoreError::Busy`].
    fn busy(self);
}

impl<T: fmt::Debug> Refused for Result<T, StoreError> {
    #[track_caller]
    fn stale(self) {
        assert!(matches!(self, Err(StoreError::Stale { .. })), "should be stale: {self:?}");
    }

    #[track_caller]
    fn invalid(self) {
        assert!(matches!(self, Err(StoreError::Invalid { .. })), "should be invalid: {self:?}");
    }

    #[track_caller]
    fn conflict(self) {
        assert!(matches!(self, Err(StoreError::Conflict { .. })), "should be a conflict: {self:?}");
    }

    #[track_caller]
    fn busy(self) {
        assert!(matches!(self, Err(StoreError::Busy { .. })), "should be busy: {self:?}");
    }
}

/// One process that has the data set open.
pub struct Rig {
    /// Its stores.
    pub stores: Stores,
    /// Its name.
    pub worker: WorkerId,
    /// The clock of all processes.
    pub clock: ManualClock,
}

impl Rig {
    /// Worker 1.
    pub async fn open(h: &dyn StoreHarness) -> Self {
        Self::open_as(h, 1).await
    }

    /// Worker number `n`.
    pub async fn open_as(h: &dyn StoreHarness, n: u64) -> Self {
        let worker = worker(n);
        Self { stores: h.open(worker).await, worker, clock: h.clock() }
    }

    /// The mailbox.
    #[must_use]
    pub fn mailbox(&self) -> &dyn Mailbox {
        self.stores.mailbox.as_ref()
    }

    /// Accepts a row that must be new.
    pub async fn accept(&self, row: Inbound) -> InboundId {
        let id = row.id;
        let accepted = self.mailbox().accept(None, vec![row].into(), None).await.must();
        assert_eq!(accepted.rows, [Acceptance::New]);
        id
    }

    /// Leases from any session.
    pub async fn try_lease(&self) -> Option<Turn> {
        self.mailbox().lease(self.worker, LeaseFrom::Any).await.must()
    }

    /// Leases what must be there.
    pub async fn lease(&self) -> Turn {
        self.try_lease().await.must()
    }

    /// Checks that nothing can be leased.
    pub async fn is_idle(&self) {
        assert_eq!(self.try_lease().await, None);
    }

    /// Accepts a message and leases its turn.
    pub async fn start(&self, text: &str) -> Turn {
        self.accept(inbound(text)).await;
        self.lease().await
    }

    /// Commits as replied.
    pub async fn commit(&self, turn: &Turn, writes: Writes) {
        self.mailbox().commit(&turn.lease, Outcome::Replied, writes).await.must();
    }

    /// Appends a step and nothing else.
    pub async fn journal(&self, turn: &Turn, call: &str) -> Result<(), StoreError> {
        self.mailbox().journal(&turn.lease, step(call), Writes::default()).await
    }

    /// Suspends for one question of the owner's.
    pub async fn suspend(&self, turn: &Turn) -> Approval {
        let asked = question(turn, Rank::Owner);
        self.mailbox().suspend(&turn.lease, asking(std::slice::from_ref(&asked))).await.must();
        asked
    }

    /// Where a row stands.
    pub async fn state(&self, id: InboundId) -> InboundState {
        self.mailbox().inbound(id).await.must().must().state
    }

    /// Checks that a row was settled with `outcome`.
    pub async fn is_settled(&self, id: InboundId, outcome: Outcome) {
        let state = self.state(id).await;
        assert!(matches!(&state, InboundState::Settled(s) if s.outcome == outcome), "{state:?}");
    }

    /// Checks that a row waits.
    pub async fn is_pending(&self, id: InboundId) {
        let state = self.state(id).await;
        assert!(matches!(state, InboundState::Pending { .. }), "{state:?}");
    }

    /// The value of the owner's with this name.
    pub async fn value(&self, key: &str) -> Option<String> {
        let entry = self.stores.kv.kv_get(&Principal::owner().id, key).await.must();
        entry.map(|entry| entry.value)
    }

    /// The texts of a session's history.
    pub async fn history(&self, key: &SessionKey) -> Vec<String> {
        let page = crate::Page { after: 0, limit: 1000 };
        let stored = self.stores.sessions.messages(&crate::Scope::All, key, page).await.must();
        stored.iter().map(|stored| stored.message.text()).collect()
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The texts of a turn's founders.
#[must_use]
pub fn founders(turn: &Turn) -> Vec<&str> {
    turn.founders.iter().filter_map(|row| row.inbound.parts.first().and_then(Part::as_text)).collect()
}
