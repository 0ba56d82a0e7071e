//! `Mailbox::accept`, and rows that come in from inside.

use session_api::{
    Acceptance, Accepted, Ack, Batch, Inbound, InboundId, InboundKind, Outcome, RunNow, RunOverrides,
    SourceLease, StoreError, Turn, TurnId, WhenBusy,
};
use sha2::{Digest, Sha256};

use crate::{
    answers, apply,
    encode::{Reading, bytes, json, kind, only, outcome, rank},
    error::invalid,
    lease,
    script::Script,
    source,
    transaction::Transaction,
};

/// A session as `accept` needs to know it.
pub(crate) struct Known {
    pub(crate) id: i64,
    /// Whether a turn is open.
    open: bool,
    /// The open turn, where it waits for answers.
    suspended: Option<TurnId>,
    /// Whether rows wait.
    queued: bool,
    /// Whether what waits is held by a back-off.
    held: bool,
    epoch: i64,
}

const SESSION: &str = "SELECT s.id, s.open_turn IS NOT NULL, CASE t.state WHEN 1 THEN t.id END,
        s.queue_no IS NOT NULL, coalesce(s.held, 0), s.epoch
    FROM sessions s LEFT JOIN turns t ON t.id = s.open_turn WHERE s.key = ?";

/// What became of one row, and the turn where it was to be run at once and could be.
pub(crate) type Taken = (Acceptance, Option<Turn>);

pub(crate) async fn accept(
    transaction: &mut Transaction,
    lease: Option<SourceLease>,
    batch: Batch,
    run_now: Option<RunNow>,
) -> Result<Accepted, StoreError> {
    let Batch { rows: batch, cursor, mut writes } = batch;
    apply::stands_alone(&writes)?;
    if run_now.is_some() && batch.len() != 1 {
        return Err(invalid(format!(
            "only a batch of one row can be run at once, not one of {}",
            batch.len()
        )));
    }
    source::advance(transaction, lease.as_ref(), cursor.as_ref()).await?;
    let mut rows = Vec::with_capacity(batch.len());
    let mut turn = None;
    // The last row finishes the operation, where nothing is written behind it.
    let size = if writes.is_empty() { batch.len() } else { usize::MAX };
    for (inbound, number) in batch.into_iter().zip(1..) {
        let (acceptance, leased) = take(transaction, inbound, run_now, number == size).await?;
        rows.push(acceptance);
        turn = turn.or(leased);
    }
    if !writes.is_empty() {
        transaction.enter().await?;
        let mut script = Script::default();
        apply::apply(transaction, &mut script, None, &mut writes).await?;
        transaction.finish(script).await?;
    }
    Ok(Accepted { rows, ack: Ack::committed(), turn })
}

/// Stores one row, or finds that it is here already. With `last` it finishes the operation.
pub(crate) async fn take(
    transaction: &mut Transaction,
    inbound: Inbound,
    run_now: Option<RunNow>,
    last: bool,
) -> Result<Taken, StoreError> {
    let key = inbound.session.to_string();
    let now = transaction.now();
    let mut script = Script::new("SELECT inbound FROM seen WHERE hash = ?");
    script.bind(fingerprint(&inbound));
    script.add("SELECT id FROM inbox WHERE id = ?").bind(bytes(inbound.id.0));
    script.add(SESSION).bind(key.as_str());
    answers::ask(&mut script, &inbound, &key, now);
    let mut found = transaction.run(script).await?;
    let file = transaction.shared.layout.database.clone();
    if let Some(row) = found.first(0).or_else(|| found.first(1)) {
        let first = InboundId(Reading { file: &file, row: &row }.id(0)?);
        return Ok((Acceptance::Duplicate(first), None));
    }
    let known = match found.first(2) {
        Some(row) => {
            let row = Reading { file: &file, row: &row };
            Known {
                id: row.int(0)?,
                open: row.bool(1)?,
                suspended: row.maybe_id(2)?.map(TurnId),
                queued: row.bool(3)?,
                held: row.bool(4)?,
                epoch: row.int(5)?,
            }
        }
        None => create(transaction, &inbound, &key).await?,
    };
    let effects = answers::told(&file, &mut found, 3, &inbound, known.suspended)?;
    let no = transaction.no()?;
    let settles = matches!(inbound.kind, InboundKind::Answer { .. } | InboundKind::Stop);
    let settled = settles && !effects.is_empty();
    let runs = run_now.filter(|_| !settled && !known.open && !known.queued);
    let founded = match runs {
        Some(RunNow(worker)) => Some(lease::Founding::new(transaction, worker, known.epoch)?),
        None => None,
    };

    let mut script = Script::new("INSERT INTO seen (hash, inbound) VALUES (?, ?)");
    script.bind(fingerprint(&inbound)).bind(bytes(inbound.id.0));
    let state = if settled { 2 } else { i64::from(founded.is_some()) };
    insert(&mut script, &inbound, known.id, no, state, founded.as_ref().map(|f| f.turn), now.0)?;
    touch(&mut script, &inbound, &known, (!settled && founded.is_none()).then_some(no), no, now);
    for effect in &effects {
        answers::apply(&mut script, effect, &inbound, now);
    }
    if let Some(founding) = &founded {
        founding.insert(&mut script, known.id, &[inbound.id], only(inbound.runner), 1, now);
    }
    if last {
        transaction.finish(script).await?;
    } else {
        transaction.run(script).await?;
    }
    let turn = founded.map(|founding| {
        let seq = crate::encode::uint(no);
        let row = session_api::InboundRow { seq, inbound, accepted_at: now };
        founding.turn(vec![row], 1, now)
    });
    Ok((Acceptance::New, turn))
}

/// The hash under which an external id is remembered for ever.
fn fingerprint(inbound: &Inbound) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for field in [&inbound.session.channel, &inbound.session.account, &inbound.external_id] {
        // Length first: ("a", "bc") is not ("ab", "c").
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    // Half of it is far more than accidents need, and half the tree.
    hasher.finalize().iter().take(16).copied().collect()
}

async fn create(transaction: &mut Transaction, inbound: &Inbound, key: &str) -> Result<Known, StoreError> {
    let parent = inbound.parent.as_ref().map(ToString::to_string);
    new_session(transaction, key, &inbound.principal.id.0, parent).await
}

/// Adds a session. Its epoch is one that no earlier session of this name had.
pub(crate) async fn new_session(
    transaction: &mut Transaction,
    key: &str,
    principal: &str,
    parent: Option<String>,
) -> Result<Known, StoreError> {
    let (no, now) = (transaction.no()?, transaction.now().0);
    let mut script = Script::new(
        "INSERT INTO sessions (key, parent, principal, epoch, changed, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
    );
    script.bind(key).bind(parent).bind(principal).bind(no).bind(no).bind(now).bind(now);
    let row = transaction.run(script).await?.first(0);
    let file = &transaction.shared.layout.database;
    let id = row.map_or(Ok(0), |row| Reading { file, row: &row }.int(0))?;
    Ok(Known { id, open: false, suspended: None, queued: false, held: false, epoch: no })
}

fn insert(
    script: &mut Script,
    inbound: &Inbound,
    session: i64,
    no: i64,
    state: i64,
    turn: Option<TurnId>,
    now: i64,
) -> Result<(), StoreError> {
    // What came in to settle something is settled by that, and quietly.
    let outcome = (state == 2).then(|| match inbound.kind {
        InboundKind::Stop => outcome(Outcome::Stopped),
        _ => outcome(Outcome::Quiet),
    });
    let coalesce = inbound.coalesce.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2));
    let plain = inbound.overrides == RunOverrides::default() && inbound.busy == WhenBusy::Steer;
    script.add(
        "INSERT INTO inbox (no, id, session_id, state, kind, runner, plain, coalesce_ms, turn_id, founder, outcome,
            accepted_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    script.bind(no).bind(bytes(inbound.id.0)).bind(session).bind(state).bind(kind(inbound.kind));
    script.bind(only(inbound.runner).map(|worker| bytes(worker.0))).bind(plain).bind(coalesce);
    script.bind(turn.map(|turn| bytes(turn.0))).bind(turn.is_some()).bind(outcome).bind(now);
    script.bind(json(inbound)?);
    Ok(())
}

/// Whether a session is shared from a row on: its own, and whoever sent it, tell, and so does the session that started it.
const SHARED: &str = "shared OR principal <> ? OR ?
    OR coalesce((SELECT family.shared FROM sessions family WHERE family.key = sessions.parent), 0)";

/// Notes in the session that somebody spoke, and that a row waits.
fn touch(
    script: &mut Script,
    inbound: &Inbound,
    known: &Known,
    waits: Option<i64>,
    no: i64,
    now: session_api::Timestamp,
) {
    let principal = inbound.principal.id.0.as_str();
    // A back-off holds neither commands nor locks; the wait for more messages ends with what cannot join them.
    let gathers = inbound.kind == InboundKind::Message && inbound.coalesce.is_some();
    let passes = if known.held { inbound.kind.passes_back_off() } else { !gathers };
    if known.queued && passes && waits.is_some() {
        script
            .add_where(
                "UPDATE sessions SET shared = {scope}, changed = ?, updated_at = ?, ready_at = 0 WHERE id = ?",
                SHARED,
            )
            .bind(principal)
            .bind(inbound.shared)
            .bind(no)
            .bind(now.0)
            .bind(known.id);
        return;
    }
    let first = waits.filter(|_| !known.open && !known.queued);
    if first.is_some() {
        script
            .add_where(
                "UPDATE sessions SET shared = {scope}, changed = ?, updated_at = ?,
                    queue_no = ?, ready_at = ?, runner = ?, held = 0 WHERE id = ?",
                SHARED,
            )
            .bind(principal)
            .bind(inbound.shared)
            .bind(no)
            .bind(now.0)
            .bind(first)
            .bind(now.plus(inbound.coalesce.unwrap_or_default()).0)
            .bind(only(inbound.runner).map(|worker| bytes(worker.0)))
            .bind(known.id);
        return;
    }
    script
        .add_where("UPDATE sessions SET shared = {scope}, changed = ?, updated_at = ? WHERE id = ?", SHARED)
        .bind(principal)
        .bind(inbound.shared)
        .bind(no)
        .bind(now.0)
        .bind(known.id);
}

/// The rank of whoever sent a row, as a number.
pub(crate) fn rank_of(inbound: &Inbound) -> i64 {
    rank(inbound.principal.rank)
}
