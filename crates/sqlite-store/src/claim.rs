//! `Mailbox::claim_parts`: splitting, order, and what a dead sender left behind.

use std::sync::Arc;

use session_api::{
    OnDoubt, OutPart, OutboxMessage, PartClaim, PartId, PartState, Splitter, StoreError, WorkerId,
};

use crate::{
    encode::{Reading, bytes, each, json, limit, uint},
    script::Script,
    transaction::Transaction,
};

/// The first unfinished message of each chat that is not in back-off and not being sent by the asker.
const HEADS: &str = "SELECT no, body, state, worker FROM outbox
    WHERE no IN (SELECT min(no) FROM outbox WHERE channel = ? AND state < 2 GROUP BY chat)
        AND hold_until <= ? AND (worker IS NULL OR worker <> ?) ORDER BY no";

/// A message whose turn in its chat it is.
struct Head {
    no: i64,
    message: OutboxMessage,
    split: bool,
    /// Whose sending was begun and not ended.
    sender: Option<WorkerId>,
}

pub(crate) async fn claim(
    transaction: &mut Transaction,
    worker: WorkerId,
    channels: Vec<String>,
    most: usize,
    splitter: Arc<dyn Splitter>,
) -> Result<Vec<PartClaim>, StoreError> {
    let mut claims = Vec::new();
    for channel in channels {
        // Once more when a message turned out to be finished: the next one of its chat has its turn now.
        while claim_heads(transaction, worker, &channel, most, splitter.as_ref(), &mut claims).await? {}
    }
    Ok(claims)
}

/// Claims what stands first in each chat of a channel. Says whether a message was found finished.
async fn claim_heads(
    transaction: &mut Transaction,
    worker: WorkerId,
    channel: &str,
    most: usize,
    splitter: &dyn Splitter,
    claims: &mut Vec<PartClaim>,
) -> Result<bool, StoreError> {
    let file = transaction.shared.layout.database.clone();
    let mut script = Script::new(HEADS);
    script.bind(channel).bind(transaction.now().0).bind(bytes(worker.0));
    let rows = transaction.run(script).await?.take(0);
    let mut finished = false;
    for row in &rows {
        if claims.len() >= most {
            return Ok(false);
        }
        let row = Reading { file: &file, row };
        let head = Head {
            no: row.int(0)?,
            message: row.json(1)?,
            split: row.int(2)? == 1,
            sender: row.maybe_id(3)?.map(WorkerId),
        };
        if head.sender.is_some_and(|sender| transaction.lives(sender)) {
            continue;
        }
        match claim_of(transaction, worker, head, splitter).await? {
            Some(claim) => claims.push(claim),
            None => finished = true,
        }
    }
    Ok(finished)
}

/// Claims the first part of a message that is to be sent; none when it turns out to be finished.
async fn claim_of(
    transaction: &mut Transaction,
    worker: WorkerId,
    head: Head,
    splitter: &dyn Splitter,
) -> Result<Option<PartClaim>, StoreError> {
    let Head { no, message, split, sender } = head;
    if sender.is_some() {
        doubt(transaction, no, message.on_doubt).await?;
    }
    if !split {
        store_parts(transaction, no, &message, splitter).await?;
    }
    let token = transaction.no()?;
    let mut script = Script::new(
        "UPDATE parts SET state = 1, attempts = attempts + 1, token = ?
         WHERE outbox_no = ? AND idx = (SELECT min(idx) FROM parts WHERE outbox_no = ? AND state = 0)
         RETURNING id, idx, body, platform_id, attempts, doubted",
    );
    script.bind(token).bind(no).bind(no);
    script.add(
        "UPDATE outbox SET (state, worker) = (SELECT CASE count(*) WHEN 0 THEN 2 ELSE 1 END,
            CASE count(*) WHEN 0 THEN NULL ELSE ? END FROM parts WHERE outbox_no = outbox.no AND state = 1)
         WHERE no = ?",
    );
    script.bind(bytes(worker.0)).bind(no);
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(None) };
    let row = Reading { file: &transaction.shared.layout.database, row: &row };
    let body = row.maybe_text(2)?.is_some().then(|| row.json(2)).transpose()?;
    let part = OutPart {
        id: PartId(row.id(0)?),
        message: message.id,
        index: u32::try_from(row.int(1)?).unwrap_or(u32::MAX),
        body,
        platform_id: row.maybe_text(3)?,
        state: PartState::Sending,
        attempts: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        doubted: row.bool(5)?,
    };
    Ok(Some(PartClaim { part, route: message.route, kind: message.kind, token: uint(token) }))
}

/// A sending was cut off: nobody knows whether the platform took the part.
pub(crate) async fn doubt(
    transaction: &mut Transaction,
    no: i64,
    on_doubt: OnDoubt,
) -> Result<(), StoreError> {
    let resend = on_doubt == OnDoubt::ResendOnce;
    let mut script = Script::new(
        "UPDATE parts SET state = CASE WHEN ? AND NOT doubted THEN 0 ELSE 4 END, doubted = 1
         WHERE outbox_no = ? AND state = 1",
    );
    script.bind(resend).bind(no);
    transaction.run(script).await.map(drop)
}

/// Splits a message and stores its parts. Drafts of its turn that it names are edited, those left over deleted.
async fn store_parts(
    transaction: &mut Transaction,
    no: i64,
    message: &OutboxMessage,
    splitter: &dyn Splitter,
) -> Result<(), StoreError> {
    let drafts = shown(transaction, message).await?;
    let bodies = splitter.split(message);
    let mut script = Script::default();
    for index in 0..bodies.len().max(drafts.len()) {
        let (body, draft) = (bodies.get(index), drafts.get(index));
        let platform_id = draft.and_then(|(_, platform_id)| platform_id.clone());
        if body.is_none() && platform_id.is_none() {
            continue;
        }
        // A draft whose id was never stored may be visible or not.
        let doubted = draft.is_some() && platform_id.is_none();
        let unknown = doubted && message.on_doubt == OnDoubt::NeverAndTell;
        let id = match draft {
            Some((id, _)) => *id,
            None => PartId::new(transaction.ids()),
        };
        script.add(
            "INSERT INTO parts (outbox_no, idx, id, state, platform_id, doubted, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        );
        script.bind(no).bind(limit(index)).bind(bytes(id.0)).bind(if unknown { 4 } else { 0 });
        script.bind(platform_id).bind(doubted).bind(body.map(json).transpose()?);
    }
    if !drafts.is_empty() {
        script.add_list("DELETE FROM drafts WHERE id IN (…)", drafts.len());
        for (id, _) in &drafts {
            script.bind(bytes(id.0));
        }
    }
    transaction.run(script).await.map(drop)
}

/// The drafts that a message names, in its order, as far as they are known.
async fn shown(
    transaction: &mut Transaction,
    message: &OutboxMessage,
) -> Result<Vec<(PartId, Option<String>)>, StoreError> {
    if message.drafts.is_empty() {
        return Ok(Vec::new());
    }
    let mut script = Script::default();
    script.add_list("SELECT id, platform_id FROM drafts WHERE id IN (…)", message.drafts.len());
    for id in &message.drafts {
        script.bind(bytes(id.0));
    }
    let rows = transaction.run(script).await?.take(0);
    let file = &transaction.shared.layout.database;
    let known = each(file, &rows, |row| Ok((PartId(row.id(0)?), row.maybe_text(1)?)))?;
    let of = |id: &PartId| known.iter().find(|(known, _)| known == id).cloned();
    Ok(message.drafts.iter().filter_map(of).collect())
}
