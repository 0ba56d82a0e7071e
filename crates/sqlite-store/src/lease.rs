//! `Mailbox::lease`: which turn is next, and what its holder gets.

use session_api::{
    Draft, InboundId, InboundRow, LeaseFrom, PartId, SessionKey, StoreError, Timestamp, Turn, TurnId,
    TurnLease, TurnRecord, WorkerId,
};

use sqlx::sqlite::SqliteRow;

use crate::{
    encode::{Reading, bytes, each, uint},
    queue::{self, LOOK, Waiting},
    script::{Answers, Script},
    transaction::Transaction,
    usage,
};

/// Sessions that are tried in one call before it says that nothing is due: bounds a call, not what is found next time.
const TRIES: usize = 64;

/// What is known of a new turn before its rows are.
pub(crate) struct Founding {
    pub(crate) turn: TurnId,
    worker: WorkerId,
    token: i64,
    epoch: i64,
    expires_at: Timestamp,
    max_attempts: u32,
}

impl Founding {
    pub(crate) fn new(
        transaction: &mut Transaction,
        worker: WorkerId,
        epoch: i64,
    ) -> Result<Self, StoreError> {
        let policy = transaction.shared.policy;
        transaction.shared.wake.hasten();
        Ok(Self {
            turn: TurnId::new(transaction.ids()),
            worker,
            token: transaction.no()?,
            epoch,
            expires_at: transaction.now().plus(policy.ttl),
            max_attempts: policy.max_attempts,
        })
    }

    /// Stores the turn and opens it in its session.
    pub(crate) fn insert(
        &self,
        script: &mut Script,
        session: i64,
        founders: &[InboundId],
        runner: Option<WorkerId>,
        attempt: i64,
        now: Timestamp,
    ) {
        let founders: Vec<u8> = founders.iter().flat_map(|id| *id.0.as_bytes()).collect();
        script.add(
            "INSERT INTO turns (id, session_id, state, worker, token, wake_at, epoch, attempt, founders, runner,
                started_at) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        script.bind(bytes(self.turn.0)).bind(session).bind(bytes(self.worker.0)).bind(self.token);
        script.bind(self.expires_at.0).bind(self.epoch).bind(attempt).bind(founders);
        script.bind(runner.map(|worker| bytes(worker.0))).bind(now.0);
        script.add(
            "UPDATE sessions SET open_turn = ?, queue_no = NULL, ready_at = NULL, runner = NULL, held = NULL
             WHERE id = ?",
        );
        script.bind(bytes(self.turn.0)).bind(session);
    }

    /// The turn for its holder.
    pub(crate) fn turn(self, founders: Vec<InboundRow>, attempt: i64, now: Timestamp) -> Turn {
        let session = founders.first().map(|row| row.inbound.session.clone());
        let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
        Turn {
            lease: TurnLease {
                turn: self.turn,
                session: session.unwrap_or_else(|| SessionKey::new("", "", "")),
                worker: self.worker,
                token: uint(self.token),
                epoch: uint(self.epoch),
                expires_at: self.expires_at,
            },
            founders,
            absorbed: Vec::new(),
            record: None,
            journal: Vec::new(),
            approvals: Vec::new(),
            drafts: Vec::new(),
            attempt,
            exhausted: attempt > self.max_attempts,
            stopped_by: None,
            started_at: now,
        }
    }
}

pub(crate) async fn lease(
    transaction: &mut Transaction,
    worker: WorkerId,
    from: LeaseFrom,
) -> Result<Option<Turn>, StoreError> {
    let named = match from {
        LeaseFrom::Any => None,
        LeaseFrom::Sessions(keys) => Some(family(transaction, &keys).await?),
    };
    let now = transaction.now();
    let file = transaction.shared.layout.database.clone();
    let mut behind = -1;
    let mut freed = false;
    for _ in 0..TRIES {
        let mut script = Script::new(
            "SELECT id, session_id, runner, state FROM turns WHERE wake_at IS NOT NULL AND wake_at <= ?
             ORDER BY wake_at LIMIT 256",
        );
        script.bind(now.0);
        script.add("SELECT DISTINCT worker FROM turns WHERE state = 0 AND worker <> ?").bind(bytes(worker.0));
        next_session(&mut script, named.as_deref(), behind, worker, now);
        let mut found = transaction.run(script).await?;
        if let Some(turn) = void(transaction, &mut found, named.as_deref(), worker).await? {
            return resume(transaction, turn, worker).await.map(Some);
        }
        let Some(row) = found.first(2) else {
            // Rows that are kept for a worker which died meanwhile are anybody's.
            if !freed && free_rows_of_the_dead(transaction, worker).await? {
                freed = true;
                continue;
            }
            return Ok(None);
        };
        let session = Reading { file: &file, row: &row };
        let (id, epoch) = (session.int(0)?, session.int(2)?);
        behind = session.int(1)?;
        let waiting = each(&file, &found.take(3), Waiting::read)?;
        let founders = queue::founders(transaction, waiting, worker, now);
        if !founders.is_empty() {
            return begin(transaction, worker, id, epoch, founders, now).await.map(Some);
        }
    }
    Ok(None)
}

/// The numbers of the sessions named by `keys` and of all their descendants.
async fn family(transaction: &mut Transaction, keys: &[SessionKey]) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::new();
    let file = transaction.shared.layout.database.clone();
    for key in keys {
        let mut script = Script::new(FAMILY);
        script.bind(key.to_string());
        let rows = transaction.run(script).await?.take(0);
        ids.extend(each(&file, &rows, |row| row.int(0))?);
    }
    Ok(ids)
}

const FAMILY: &str = "WITH RECURSIVE family (key) AS (
        VALUES (?) UNION SELECT s.key FROM family f JOIN sessions s ON s.parent = f.key AND s.parent IS NOT NULL)
    SELECT s.id FROM family f JOIN sessions s ON s.key = f.key";

/// Two statements: the first session in the queue that is due, and its waiting rows.
fn next_session(script: &mut Script, named: Option<&[i64]>, behind: i64, worker: WorkerId, now: Timestamp) {
    const SESSION: &str =
        "SELECT id, queue_no, epoch FROM sessions WHERE queue_no IS NOT NULL AND queue_no > ?
        AND ready_at <= ? AND (runner IS NULL OR runner = ?) ORDER BY queue_no LIMIT 1";
    const NAMED: &str = "SELECT id, queue_no, epoch FROM sessions WHERE id IN (…) AND queue_no IS NOT NULL
        AND queue_no > ? AND ready_at <= ? AND (runner IS NULL OR runner = ?) ORDER BY queue_no LIMIT 1";
    const ROWS: &str =
        "SELECT no, body, accepted_at, hold_until, attempts, turn_id FROM inbox WHERE session_id = (
            SELECT id FROM sessions WHERE queue_no IS NOT NULL AND queue_no > ? AND ready_at <= ?
                AND (runner IS NULL OR runner = ?) ORDER BY queue_no LIMIT 1)
        AND state < 2 AND state = 0 ORDER BY no LIMIT ?";
    const NAMED_ROWS: &str = "SELECT no, body, accepted_at, hold_until, attempts, turn_id FROM inbox WHERE session_id = (
            SELECT id FROM sessions WHERE id IN (…) AND queue_no IS NOT NULL AND queue_no > ? AND ready_at <= ?
                AND (runner IS NULL OR runner = ?) ORDER BY queue_no LIMIT 1)
        AND state < 2 AND state = 0 ORDER BY no LIMIT ?";
    for (any, some) in [(SESSION, NAMED), (ROWS, NAMED_ROWS)] {
        match named {
            None => {
                script.add(any);
            }
            Some(ids) => {
                script.add_list(some, ids.len());
                for id in ids {
                    script.bind(*id);
                }
            }
        }
        script.bind(behind).bind(now.0).bind(bytes(worker.0));
    }
    script.bind(LOOK);
}

/// A turn that anybody may take: its time has run out, its questions are settled, or its worker is dead.
async fn void(
    transaction: &mut Transaction,
    found: &mut Answers,
    named: Option<&[i64]>,
    worker: WorkerId,
) -> Result<Option<TurnId>, StoreError> {
    let file = transaction.shared.layout.database.clone();
    let within = |session: i64| named.is_none_or(|ids| ids.contains(&session));
    for row in found.take(0) {
        let row = Reading { file: &file, row: &row };
        let owner = row.maybe_id(2)?.map(WorkerId);
        // A suspended turn whose row is kept for a living worker is resumed by that worker. A void lease of a hung one
        // is anybody's.
        let kept = row.int(3)? == 1 && owner.is_some_and(|owner| owner != worker && transaction.lives(owner));
        if within(row.int(1)?) && !kept {
            return Ok(Some(TurnId(row.id(0)?)));
        }
    }
    for other in each(&file, &found.take(1), |row| row.id(0).map(WorkerId))? {
        if transaction.lives(other) {
            continue;
        }
        let mut script = Script::new("SELECT id, session_id FROM turns WHERE state = 0 AND worker = ?");
        script.bind(bytes(other.0));
        for row in transaction.run(script).await?.take(0) {
            let row = Reading { file: &file, row: &row };
            if within(row.int(1)?) {
                return Ok(Some(TurnId(row.id(0)?)));
            }
        }
    }
    Ok(None)
}

/// Whether there were any.
async fn free_rows_of_the_dead(transaction: &mut Transaction, worker: WorkerId) -> Result<bool, StoreError> {
    let mut script = Script::new(
        "SELECT DISTINCT runner FROM sessions WHERE queue_no IS NOT NULL AND runner IS NOT NULL AND runner <> ?",
    );
    script.bind(bytes(worker.0));
    let rows = transaction.run(script).await?.take(0);
    let file = transaction.shared.layout.database.clone();
    let mut any = false;
    for owner in each(&file, &rows, |row| row.id(0).map(WorkerId))? {
        if !transaction.lives(owner) {
            let mut script =
                Script::new("UPDATE sessions SET runner = NULL WHERE queue_no IS NOT NULL AND runner = ?");
            script.bind(bytes(owner.0));
            transaction.run(script).await?;
            any = true;
        }
    }
    Ok(any)
}

async fn begin(
    transaction: &mut Transaction,
    worker: WorkerId,
    session: i64,
    epoch: i64,
    founders: Vec<Waiting>,
    now: Timestamp,
) -> Result<Turn, StoreError> {
    let founding = Founding::new(transaction, worker, epoch)?;
    let attempt = founders.iter().map(|row| row.attempts).max().unwrap_or(0) + 1;
    let ids: Vec<InboundId> = founders.iter().map(|row| row.row.inbound.id).collect();
    let runner = founders.first().and_then(|row| crate::encode::only(row.row.inbound.runner));
    let mut script = Script::default();
    founding.insert(&mut script, session, &ids, runner, attempt, now);
    script.add_list("UPDATE inbox SET state = 1, founder = 1, turn_id = ? WHERE no IN (…)", founders.len());
    script.bind(bytes(founding.turn.0));
    for row in &founders {
        script.bind(crate::encode::int(row.row.seq));
    }
    let failed = founders.iter().find_map(|row| row.failed);
    if let Some(failed) = failed {
        script.add("UPDATE drafts SET turn_id = ? WHERE turn_id = ?");
        script.bind(bytes(founding.turn.0)).bind(bytes(failed.0));
        script.add(DRAFTS).bind(bytes(founding.turn.0));
    }
    let mut found = transaction.finish(script).await?;
    let shown = found.take(4);
    let mut turn = founding.turn(founders.into_iter().map(|row| row.row).collect(), attempt, now);
    if failed.is_some() {
        turn.drafts = drafts(transaction, &shown)?;
    }
    Ok(turn)
}

/// Drafts of a turn that no message has taken over.
const DRAFTS: &str = "SELECT id, route, platform_id FROM drafts WHERE turn_id = ? AND NOT taken ORDER BY no";

fn drafts(transaction: &Transaction, rows: &[SqliteRow]) -> Result<Vec<Draft>, StoreError> {
    each(&transaction.shared.layout.database, rows, |row| {
        Ok(Draft { id: PartId(row.id(0)?), route: row.json(1)?, platform_id: row.maybe_text(2)? })
    })
}

/// Takes an open turn over, with all it did.
async fn resume(transaction: &mut Transaction, turn: TurnId, worker: WorkerId) -> Result<Turn, StoreError> {
    let (now, token) = (transaction.now(), transaction.no()?);
    let policy = transaction.shared.policy;
    transaction.shared.wake.hasten();
    let expires_at = now.plus(policy.ttl);
    let id = || bytes(turn.0);
    let mut script =
        Script::new("UPDATE approvals SET state = 4 WHERE turn_id = ? AND state = 0 AND expires_at <= ?");
    script.bind(id()).bind(now.0);
    usage::burn(&mut script, turn);
    script.add(
        "UPDATE turns SET state = 0, worker = ?, token = ?, wake_at = ?, attempt = attempt + 1,
            epoch = (SELECT epoch FROM sessions WHERE sessions.id = turns.session_id) WHERE id = ?
         RETURNING epoch, attempt, stopped_by, record_version, record_body, started_at,
            (SELECT key FROM sessions WHERE sessions.id = turns.session_id)",
    );
    script.bind(bytes(worker.0)).bind(token).bind(expires_at.0).bind(id());
    script.add(
        "SELECT no, body, accepted_at, founder FROM inbox
         WHERE session_id = (SELECT session_id FROM turns WHERE id = ?) AND state < 2 AND turn_id = ? ORDER BY no",
    );
    script.bind(id()).bind(id());
    script.add("SELECT no, at, body FROM journal WHERE turn_id = ? ORDER BY no").bind(id());
    script.add("SELECT state, body FROM approvals WHERE turn_id = ? ORDER BY no").bind(id());
    script.add(DRAFTS).bind(id());
    let mut found = transaction.finish(script).await?;
    let file = transaction.shared.layout.database.clone();
    let base = 1 + usage::BURN;
    let row = found.first(base).ok_or_else(|| crate::error::stale("the turn is gone"))?;
    let row = Reading { file: &file, row: &row };
    let attempt = u32::try_from(row.int(1)?).unwrap_or(u32::MAX);
    let version = row.maybe_int(3)?.and_then(|version| u32::try_from(version).ok());
    let record = version.zip(row.maybe_text(4)?).map(|(version, body)| TurnRecord { version, body });
    let rows = each(&file, &found.take(base + 1), |row| Ok((row.inbound(0)?, row.bool(3)?)))?;
    let (founders, absorbed): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, founder)| *founder);
    let plain = |rows: Vec<(InboundRow, bool)>| rows.into_iter().map(|(row, _)| row).collect();
    Ok(Turn {
        lease: TurnLease {
            turn,
            session: row.parsed(6)?,
            worker,
            token: uint(token),
            epoch: row.uint(0)?,
            expires_at,
        },
        founders: plain(founders),
        absorbed: plain(absorbed),
        record,
        journal: each(&file, &found.take(base + 2), |row| row.journal(0))?,
        approvals: each(&file, &found.take(base + 3), |row| row.approval(0, now))?,
        drafts: drafts(transaction, &found.take(base + 4))?,
        attempt,
        exhausted: attempt > policy.max_attempts,
        stopped_by: row.maybe_id(2)?.map(InboundId),
        started_at: row.time(5)?,
    })
}
