//! Applies a [`Writes`].

use std::collections::HashSet;

use session_api::{
    ApprovalWrite, Delivery, Inbound, JobWrite, KEPT_RUNS, KvWrite, Message, MessageId, OutboxMessage,
    PersonWrite, SessionWrite, StoreError, TurnId, TurnRecord, Writes,
};
use sqlx::sqlite::SqliteRow;

use crate::{
    accept, audit,
    encode::{bytes, int, json, rank},
    erase,
    error::invalid,
    fence::Held,
    script::Script,
    transaction::Transaction,
    usage,
};

/// Whose writes they are.
pub(crate) struct Under<'a> {
    pub(crate) turn: TurnId,
    pub(crate) held: &'a Held,
}

/// Refuses messages outside a commit.
pub(crate) fn no_messages(writes: &Writes) -> Result<(), StoreError> {
    if writes.messages.is_empty() {
        return Ok(());
    }
    Err(invalid("messages are added by a commit only"))
}

/// Refuses what may not be written outside a turn or a job.
pub(crate) fn stands_alone(writes: &Writes) -> Result<(), StoreError> {
    if writes.stands_alone() {
        return Ok(());
    }
    Err(invalid("only messages to send, values, model calls and audit rows are written here"))
}

/// Writes everything but `messages`, `session` and `record`, which have functions of their own. What needs no look
/// at the store goes into `script`; the rest is written at once.
pub(crate) async fn apply(
    transaction: &mut Transaction,
    script: &mut Script,
    under: Option<&Under<'_>>,
    writes: &mut Writes,
) -> Result<(), StoreError> {
    for inbound in std::mem::take(&mut writes.inbound) {
        from_inside(transaction, inbound).await?;
    }
    audit::append(transaction, script, std::mem::take(&mut writes.audit)).await?;
    for message in &writes.outbox {
        let no = transaction.no()?;
        outbox(script, message, no)?;
    }
    for job in &writes.jobs {
        job_write(script, job);
    }
    for entry in &writes.usage {
        usage::record(script, entry);
    }
    for write in &writes.people {
        person(script, write);
    }
    let now = transaction.now();
    for write in &writes.kv {
        kv(script, write, now.0);
    }
    for ApprovalWrite::Ask(approval) in &writes.approvals {
        let Some(Under { turn, held }) = under else {
            return Err(invalid("a question belongs to a turn"));
        };
        if approval.turn != *turn {
            return Err(invalid("a question belongs to the turn that asks it"));
        }
        script.add(
            "INSERT OR IGNORE INTO approvals (no, id, turn_id, session_id, state, needs, expires_at, body)
             VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
        );
        script.bind(transaction.no()?).bind(bytes(approval.id.0)).bind(bytes(turn.0)).bind(held.session);
        script.bind(rank(approval.needs)).bind(approval.expires_at.0).bind(json(approval)?);
    }
    Ok(())
}

async fn from_inside(transaction: &mut Transaction, inbound: Inbound) -> Result<(), StoreError> {
    // One that stands already is left as it is.
    accept::take(transaction, inbound, None, false).await.map(drop)
}

fn outbox(script: &mut Script, message: &OutboxMessage, no: i64) -> Result<(), StoreError> {
    let route = &message.route;
    // What is fetched by its reader is settled when it is stored.
    let state = match message.delivery {
        Delivery::Push => 0,
        Delivery::Pull => 2,
    };
    script.add(
        "INSERT OR IGNORE INTO outbox (no, id, session, turn_id, state, channel, chat, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    script.bind(no).bind(bytes(message.id.0)).bind(message.session.to_string());
    script.bind(message.turn.map(|turn| bytes(turn.0))).bind(state).bind(route.channel.as_str());
    // The chat as the platform limits it: threads of one chat share its pace.
    script.bind(format!("{}\u{1f}{}", route.account, route.chat)).bind(json(message)?);
    if !message.drafts.is_empty() {
        script.add_list("UPDATE drafts SET taken = 1 WHERE id IN (…)", message.drafts.len());
        for id in &message.drafts {
            script.bind(bytes(id.0));
        }
    }
    Ok(())
}

fn job_write(script: &mut Script, job: &JobWrite) {
    match job {
        JobWrite::Put(job) => {
            script.add(
                "INSERT INTO jobs (id, owner, name, definition, enabled, due, next_run_at, runs)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                    definition = excluded.definition, enabled = excluded.enabled, due = excluded.due,
                    next_run_at = excluded.next_run_at, runs = excluded.runs, worker = NULL",
            );
            script.bind(bytes(job.id.0)).bind(job.owner.0.as_str()).bind(job.name.as_str());
            script.bind(job.definition.as_str()).bind(i64::from(job.enabled)).bind(job.due.map(|at| at.0));
            script.bind(job.next_run_at.map(|at| at.0)).bind(int(job.runs));
        }
        JobWrite::Switch { id, enabled, due, next_run_at } => {
            script.add("UPDATE jobs SET enabled = ?, due = ?, next_run_at = ?, worker = NULL WHERE id = ?");
            script.bind(i64::from(*enabled)).bind(due.map(|at| at.0)).bind(next_run_at.map(|at| at.0));
            script.bind(bytes(id.0));
        }
        JobWrite::Ran(run) => {
            let job = || bytes(run.job.0);
            script.add(
                "INSERT OR IGNORE INTO job_runs (job, due, fired_at, inbound, note)
                 SELECT id, ?, ?, ?, ? FROM jobs WHERE id = ?",
            );
            script.bind(run.due.0).bind(run.fired_at.0).bind(run.inbound.map(|id| bytes(id.0)));
            script.bind(run.note.clone()).bind(job());
            script.add(
                "DELETE FROM job_runs WHERE job = ? AND due <
                    (SELECT due FROM job_runs WHERE job = ? ORDER BY due DESC LIMIT 1 OFFSET ?)",
            );
            script.bind(job()).bind(job()).bind(int(KEPT_RUNS as u64 - 1));
        }
        JobWrite::Remove(id) => {
            script.add("DELETE FROM jobs WHERE id = ?").bind(bytes(id.0));
        }
    }
}

/// Who is who.
fn person(script: &mut Script, write: &PersonWrite) {
    match write {
        PersonWrite::Join { from, into } => {
            let (from, into) = (from.0.as_str(), into.0.as_str());
            for sql in [
                "UPDATE sessions SET principal = ? WHERE principal = ?",
                "UPDATE jobs SET owner = ? WHERE owner = ?",
                "UPDATE OR IGNORE kv SET owner = ? WHERE owner = ?",
                "UPDATE joined SET person = ? WHERE person = ?",
            ] {
                script.add(sql).bind(into).bind(from);
            }
            script.add("DELETE FROM kv WHERE owner = ?").bind(from);
            script.add("INSERT OR REPLACE INTO joined (id, person) VALUES (?, ?)").bind(from).bind(into);
        }
        PersonWrite::Part { from } => {
            script.add("UPDATE joined SET parted = 1 WHERE id = ?").bind(from.0.as_str());
        }
    }
}

pub(crate) fn kv(script: &mut Script, write: &KvWrite, now: i64) {
    match write {
        KvWrite::Set { owner, key, value, expires_at } => {
            script.add("INSERT OR REPLACE INTO kv (owner, key, value, updated_at, expires_at) VALUES (?, ?, ?, ?, ?)");
            script.bind(owner.0.as_str()).bind(key.as_str()).bind(value.as_str()).bind(now);
            script.bind(expires_at.map(|at| at.0));
        }
        KvWrite::Delete { owner, key } => {
            script.add("DELETE FROM kv WHERE owner = ? AND key = ?");
            script.bind(owner.0.as_str()).bind(key.as_str());
        }
    }
}

/// Changes to the session itself. `fresh` makes an empty checkpoint behind `last_seq`.
pub(crate) fn session(
    transaction: &mut Transaction,
    script: &mut Script,
    held: &Held,
    last_seq: i64,
    change: SessionWrite,
) -> Result<(), StoreError> {
    let SessionWrite { title, model, effort, fresh, trim, undo } = change;
    if let Some(upto) = trim {
        let upto = int(upto).min(last_seq);
        erase::trim(script, held.session, upto, transaction.no()?);
    }
    if let Some(title) = title {
        script.add("UPDATE sessions SET title = ? WHERE id = ?").bind(title).bind(held.session);
    }
    if let Some(model) = model {
        script.add("UPDATE sessions SET model = ? WHERE id = ?").bind(model).bind(held.session);
    }
    if let Some(undo) = undo {
        script.add(
            "UPDATE sessions SET epoch = ?
             WHERE id = ? AND EXISTS (SELECT 1 FROM checkpoints c WHERE c.session_id = sessions.id AND c.id = ?)",
        );
        script.bind(transaction.no()?).bind(held.session).bind(bytes(undo.0));
        script.add(
            "DELETE FROM checkpoints WHERE session_id = ?
                AND no >= (SELECT no FROM checkpoints WHERE session_id = ? AND id = ?)",
        );
        script.bind(held.session).bind(held.session).bind(bytes(undo.0));
    }
    if let Some(effort) = effort {
        let effort = effort.map(|effort| effort.as_str().to_owned());
        script.add("UPDATE sessions SET effort = ? WHERE id = ?").bind(effort).bind(held.session);
    }
    if fresh {
        let id = MessageId::new(transaction.ids());
        script.add(
            "INSERT INTO checkpoints (session_id, no, id, upto, summary, at) VALUES (?, ?, ?, ?, '', ?)",
        );
        script.bind(held.session).bind(transaction.no()?).bind(bytes(id.0)).bind(last_seq);
        script.bind(transaction.now().0);
    }
    Ok(())
}

/// The turn's record, where there is a new one.
pub(crate) fn record(script: &mut Script, turn: TurnId, record: Option<TurnRecord>) {
    if let Some(TurnRecord { version, body }) = record {
        script.add("UPDATE turns SET record_version = ?, record_body = ? WHERE id = ?");
        script.bind(i64::from(version)).bind(body).bind(bytes(turn.0));
    }
}

/// Bits of `messages.pk` that hold the message's place in its session.
pub(crate) const SEQ_BITS: u32 = 32;

/// The key of a message.
pub(crate) fn pk(session: i64, seq: i64) -> i64 {
    (session << SEQ_BITS) | seq
}

/// Asks, as the next statement, which of these messages stand already.
pub(crate) fn ask_standing(script: &mut Script, messages: &[Message]) {
    script.add_list("SELECT id FROM messages WHERE id IN (…)", messages.len());
    for message in messages {
        script.bind(bytes(message.id.0));
    }
}

/// Adds messages behind `last_seq`, leaving out those that `standing` names; how many were added.
pub(crate) fn messages(
    transaction: &mut Transaction,
    script: &mut Script,
    session: i64,
    last_seq: i64,
    messages: &[Message],
    standing: &[SqliteRow],
) -> Result<i64, StoreError> {
    let file = transaction.shared.layout.database.clone();
    let mut standing: HashSet<_> =
        crate::encode::each(&file, standing, |row| row.id(0))?.into_iter().collect();
    let mut added = 0;
    for message in messages {
        // The second of two with one id is left out as well.
        if !standing.insert(message.id.0) {
            continue;
        }
        added += 1;
        script.add("INSERT INTO messages (pk, id, no, body) VALUES (?, ?, ?, ?)");
        script.bind(pk(session, last_seq + added)).bind(bytes(message.id.0)).bind(transaction.no()?);
        script.bind(json(message)?);
    }
    Ok(added)
}
