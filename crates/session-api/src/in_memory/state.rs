//! What the store holds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::{outbox::Outbox, retention::Finished, usage::Ledger, vectors::Vectors};
use crate::{
    Approval, ApprovalId, AuditHead, AuditRow, BlobId, Checkpoint, CursorPosition, Effort, IdSource,
    InboundId, InboundRow, Job, JobId, JobRun, JournalEntry, KvEntry, LeasePolicy, MemoryFile, MessageId,
    Outcome, PrincipalId, SessionKey, StoredMessage, Timestamp, TurnId, TurnRecord, TurnState, WorkerId,
};

/// All data, and the moment at which the present operation runs.
pub(super) struct State {
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) policy: LeasePolicy,
    /// Wall-clock time of this operation.
    pub(super) now: Timestamp,
    /// Monotonic time of this operation: leases and coalescing are measured with it.
    pub(super) uptime: Duration,
    /// Set by an operation that gives a waiter something to do.
    pub(super) touched: bool,
    /// The last sequence number or token given out. One counter for all, so that places in different queues compare.
    tick: u64,
    pub(super) dead: HashSet<WorkerId>,
    /// The greatest epoch of any session, deleted ones included; a new session begins with it, so that nothing begun
    /// for a deleted namesake fits.
    pub(super) epochs: u64,
    pub(super) sessions: BTreeMap<SessionKey, Session>,
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) row_ids: HashMap<InboundId, u64>,
    /// Digests of (channel, account, external id). They outlive their rows.
    pub(super) seen: HashMap<[u8; 32], InboundId>,
    pub(super) turns: HashMap<TurnId, TurnRow>,
    /// Open turns in the order in which they began.
    pub(super) open: BTreeMap<u64, TurnId>,
    /// What may be forgotten, oldest first.
    pub(super) finished: VecDeque<Finished>,
    pub(super) sources: HashMap<(String, String), Source>,
    pub(super) approvals: BTreeMap<u64, Approval>,
    pub(super) approval_ids: HashMap<ApprovalId, u64>,
    pub(super) outbox: Outbox,
    pub(super) kv: BTreeMap<(PrincipalId, String), KvEntry>,
    pub(super) ledger: Ledger,
    pub(super) audit: Vec<AuditRow>,
    /// The end of each session's audit chain: its last number and hash.
    pub(super) audit_tails: HashMap<SessionKey, (u64, String)>,
    /// What the audit log came to on each day, oldest first.
    pub(super) audit_heads: Vec<AuditHead>,
    pub(super) jobs: BTreeMap<JobId, JobRow>,
    pub(super) blobs: HashMap<BlobId, Bytes>,
    /// Files of notes, by path.
    pub(super) files: BTreeMap<String, MemoryFile>,
    pub(super) vectors: Vectors,
    /// Who was joined to whom.
    pub(super) joined: BTreeMap<PrincipalId, PrincipalId>,
}

/// One conversation.
pub(super) struct Session {
    pub(super) principal: PrincipalId,
    pub(super) shared: bool,
    pub(super) title: Option<String>,
    pub(super) model: Option<String>,
    pub(super) effort: Option<Effort>,
    pub(super) parent: Option<SessionKey>,
    pub(super) epoch: u64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// When it last changed, as a sequence number.
    pub(super) changed: u64,
    /// When a turn of it was last leased, as a sequence number.
    pub(super) served: u64,
    pub(super) open_turn: Option<TurnId>,
    /// Rows that wait.
    pub(super) pending: BTreeSet<u64>,
    pub(super) messages: Vec<Kept>,
    pub(super) message_ids: HashSet<MessageId>,
    pub(super) last_seq: u64,
    pub(super) checkpoints: Vec<Checkpoint>,
}

/// A message of a history.
pub(super) struct Kept {
    /// When it was stored, as a sequence number: the order across sessions.
    pub(super) no: u64,
    /// Its size in stored form.
    pub(super) bytes: usize,
    /// It is not recalled any more.
    pub(super) forgotten: bool,
    pub(super) stored: StoredMessage,
}

/// An accepted row.
pub(super) struct Row {
    pub(super) row: InboundRow,
    /// Monotonic time of its acceptance.
    pub(super) arrived: Duration,
    pub(super) standing: Standing,
    /// Attempts without progress that it founded.
    pub(super) attempts: u32,
    /// It is held back until then, by uptime.
    pub(super) retry_at: Option<Duration>,
    /// The turn that failed on it last; the next one inherits its drafts.
    pub(super) failed_turn: Option<TurnId>,
}

/// Where a row stands.
pub(super) enum Standing {
    Pending,
    /// Founder or absorbed row of an open turn.
    Taken(TurnId),
    Settled {
        turn: Option<TurnId>,
        outcome: Outcome,
    },
    Dead {
        error: String,
        at: Timestamp,
        /// When it died, as a sequence number.
        no: u64,
    },
}

/// A turn.
pub(super) struct TurnRow {
    pub(super) session: SessionKey,
    pub(super) state: TurnState,
    /// Its key in `State::open`.
    pub(super) no: u64,
    pub(super) worker: WorkerId,
    pub(super) token: u64,
    pub(super) epoch: u64,
    /// Monotonic time from which on its lease is void.
    pub(super) until: Duration,
    pub(super) founders: Vec<u64>,
    pub(super) absorbed: Vec<u64>,
    pub(super) record: Option<TurnRecord>,
    pub(super) journal: Vec<JournalEntry>,
    /// Its questions, by key in `State::approvals`.
    pub(super) approvals: Vec<u64>,
    /// What it sent, by key in the outbox.
    pub(super) said: Vec<u64>,
    pub(super) attempts: u32,
    pub(super) stopped_by: Option<InboundId>,
    pub(super) started_at: Timestamp,
}

/// A platform account.
pub(super) struct Source {
    pub(super) worker: WorkerId,
    pub(super) token: u64,
    pub(super) until: Duration,
    pub(super) cursors: BTreeMap<String, CursorPosition>,
}

/// A job.
pub(super) struct JobRow {
    pub(super) job: Job,
    /// Who holds the right to fire it, with the token.
    pub(super) claim: Option<(WorkerId, u64)>,
    /// Its history, by the time of each run.
    pub(super) runs: BTreeMap<Timestamp, JobRun>,
}

impl State {
    pub(super) fn new(ids: Arc<dyn IdSource>, policy: LeasePolicy) -> Self {
        Self {
            ids,
            policy,
            now: Timestamp::default(),
            uptime: Duration::ZERO,
            touched: false,
            tick: 0,
            dead: HashSet::new(),
            epochs: 0,
            sessions: BTreeMap::new(),
            rows: BTreeMap::new(),
            row_ids: HashMap::new(),
            seen: HashMap::new(),
            turns: HashMap::new(),
            open: BTreeMap::new(),
            finished: VecDeque::new(),
            sources: HashMap::new(),
            approvals: BTreeMap::new(),
            approval_ids: HashMap::new(),
            outbox: Outbox::default(),
            kv: BTreeMap::new(),
            ledger: Ledger::default(),
            audit: Vec::new(),
            audit_tails: HashMap::new(),
            audit_heads: Vec::new(),
            jobs: BTreeMap::new(),
            blobs: HashMap::new(),
            files: BTreeMap::new(),
            vectors: Vectors::default(),
            joined: BTreeMap::new(),
        }
    }

    /// The next sequence number or token.
    pub(super) fn next(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// The session, made for `principal` where it is new; marked as changed and, where another one speaks, as shared.
    pub(super) fn visit(
        &mut self,
        key: &SessionKey,
        principal: &PrincipalId,
        parent: Option<&SessionKey>,
    ) -> &mut Session {
        let (no, now, epoch) = (self.next(), self.now, self.epochs);
        let session = self.sessions.entry(key.clone()).or_insert_with(|| Session {
            principal: principal.clone(),
            shared: false,
            title: None,
            model: None,
            effort: None,
            parent: parent.cloned(),
            epoch,
            created_at: now,
            updated_at: now,
            changed: no,
            served: 0,
            open_turn: None,
            pending: BTreeSet::new(),
            messages: Vec::new(),
            message_ids: HashSet::new(),
            last_seq: 0,
            checkpoints: Vec::new(),
        });
        session.shared |= session.principal != *principal;
        (session.changed, session.updated_at) = (no, now);
        session
    }

    /// What works for a shared session is shared itself.
    pub(super) fn share_with_parent(&mut self, key: &SessionKey) {
        let parent = self.sessions.get(key).and_then(|session| session.parent.as_ref());
        let shared = parent.and_then(|parent| self.sessions.get(parent)).is_some_and(|parent| parent.shared);
        if let Some(session) = self.sessions.get_mut(key) {
            session.shared |= shared;
        }
    }

    /// Marks a session as changed now.
    pub(super) fn mark_changed(&mut self, key: &SessionKey) {
        let (no, now) = (self.next(), self.now);
        if let Some(session) = self.sessions.get_mut(key) {
            (session.changed, session.updated_at) = (no, now);
        }
    }

    /// Whether `key` is one of `roots` or descends from one.
    pub(super) fn descends(&self, key: &SessionKey, roots: &[SessionKey]) -> bool {
        let mut at = Some(key);
        // A chain has no more links than there are sessions; more would be a circle.
        for _ in 0..=self.sessions.len() {
            let Some(here) = at else { return false };
            if roots.contains(here) {
                return true;
            }
            at = self.sessions.get(here).and_then(|session| session.parent.as_ref());
        }
        false
    }
}
