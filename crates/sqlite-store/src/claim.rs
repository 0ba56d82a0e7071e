//! `Mailbox::claim_parts`: splitting, order, and what a dead sender left behind.

use std::sync::Arc;

use session_api::{OnDoubt, OutboxMessage, PartClaim, PartId, Splitter, StoreError, WorkerId};

use crate::{
    encode::{Reading, bytes, each, json, limit, uint},
    script::Script,
    transaction::Transaction,
};

/// The first unfinished message of each chat that is not in back-off, with the message of that chat of which a part is
/// being sent, and by whom. They may differ: an earlier one is resent meanwhile. What the asker sends is left out.
const HEADS: &str = "SELECT h.no, h.body, h.state, s.no, s.worker FROM outbox h
    LEFT JOIN outbox s ON s.channel = h.channel AND s.chat = h.chat AND s.worker IS NOT NULL
    WHERE h.no IN (SELECT min(no) FROM outbox WHERE channel = ? AND state < 2 GROUP BY chat)
        AND h.no > ? AND h.hold_until <= ? AND (s.worker IS NULL OR s.worker <> ?) ORDER BY h.no LIMIT ?";

/// Chats that are looked at in one step: of thousands that wait, only the first few are read.
const PAGE: usize = 64;

/// A message whose turn in its chat it is.
struct Head {
    no: i64,
    message: OutboxMessage,
    split: bool,
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
    let (mut finished, mut behind) = (false, -1);
    loop {
        let mut script = Script::new(HEADS);
        script.bind(channel).bind(behind).bind(transaction.now().0).bind(bytes(worker.0)).bind(limit(PAGE));
        let rows = transaction.run(script).await?.take(0);
        for row in &rows {
            if claims.len() >= most {
                return Ok(false);
            }
            let row = Reading { file: &file, row };
            let head = Head { no: row.int(0)?, message: row.json(1)?, split: row.int(2)? == 1 };
            behind = head.no;
            if let (Some(sending), Some(sender)) = (row.maybe_int(3)?, row.maybe_id(4)?.map(WorkerId)) {
                if transaction.lives(sender) {
                    continue;
                }
                doubt(transaction, sending).await?;
            }
            match claim_of(transaction, worker, head, splitter).await? {
                Some(claim) => claims.push(claim),
                None => finished = true,
            }
        }
        if rows.len() < PAGE {
            return Ok(finished);
        }
    }
}

/// Claims the first part of a message that is to be sent; none when it turns out to be finished.
async fn claim_of(
    transaction: &mut Transaction,
    worker: WorkerId,
    head: Head,
    splitter: &dyn Splitter,
) -> Result<Option<PartClaim>, StoreError> {
    let Head { no, message, split } = head;
    if !split {
        store_parts(transaction, no, &message, splitter).await?;
    }
    let token = transaction.no()?;
    let mut script = Script::new(
        "UPDATE parts SET state = 1, attempts = attempts + 1, token = ?
         WHERE outbox_no = ? AND idx = (SELECT min(idx) FROM parts WHERE outbox_no = ? AND state = 0)
         RETURNING id, idx, body, platform_id, attempts, doubted, state",
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
    let part = row.part(0, message.id)?;
    let doubts = row.int(5)?;
    let may_resend = doubts == 0 || (doubts == 1 && message.on_doubt == OnDoubt::ResendOnce);
    let (route, kind) = (message.route, message.kind);
    Ok(Some(PartClaim { part, route, kind, may_resend, token: uint(token) }))
}

/// The sender of a part of this message is dead: nobody knows whether the platform took it.
async fn doubt(transaction: &mut Transaction, no: i64) -> Result<(), StoreError> {
    let mut script =
        Script::new("UPDATE parts SET state = 0, doubted = doubted + 1 WHERE outbox_no = ? AND state = 1");
    script.bind(no);
    script.add("UPDATE outbox SET worker = NULL WHERE no = ?").bind(no);
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
    let mut place = 0;
    for index in 0..bodies.len().max(drafts.len()) {
        let (body, draft) = (bodies.get(index), drafts.get(index));
        let platform_id = draft.and_then(|(_, platform_id)| platform_id.clone());
        if body.is_none() && platform_id.is_none() {
            continue;
        }
        // A draft whose id was never stored may be visible or not: one doubt.
        let doubts = i64::from(draft.is_some() && platform_id.is_none());
        let id = match draft {
            Some((id, _)) => *id,
            None => PartId::new(transaction.ids()),
        };
        script.add(
            "INSERT INTO parts (outbox_no, idx, id, state, platform_id, doubted, body) VALUES (?, ?, ?, 0, ?, ?, ?)",
        );
        script.bind(no).bind(place).bind(bytes(id.0)).bind(platform_id).bind(doubts);
        script.bind(body.map(json).transpose()?);
        place += 1;
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
