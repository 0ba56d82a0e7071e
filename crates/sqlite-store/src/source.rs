//! The right to poll a platform account, and its cursors.

use std::time::Duration;

use session_api::{CursorMove, CursorPosition, SourceLease, StoreError, WorkerId};

use crate::{
    encode::{Reading, bytes, each, int},
    error::stale,
    script::Script,
    transaction::Transaction,
};

/// `Mailbox::claim_source`.
pub(crate) async fn claim(
    transaction: &mut Transaction,
    worker: WorkerId,
    channel: String,
    account: String,
    ttl: Duration,
) -> Result<Option<SourceLease>, StoreError> {
    let mut script =
        Script::new("SELECT worker, token, expires_at FROM sources WHERE channel = ? AND account = ?");
    script.bind(channel.as_str()).bind(account.as_str());
    script.add(
        "SELECT name, generation, position FROM cursors WHERE channel = ? AND account = ? ORDER BY name",
    );
    script.bind(channel.as_str()).bind(account.as_str());
    let mut answers = transaction.run(script).await?;
    let now = transaction.now();
    let file = transaction.shared.layout.database.clone();
    let mut token = None;
    if let Some(row) = answers.first(0) {
        let reading = Reading { file: &file, row: &row };
        let (holder, expires_at) = (WorkerId(reading.id(0)?), reading.time(2)?);
        if holder == worker && expires_at > now {
            token = Some(reading.int(1)?);
        } else if holder != worker && expires_at > now && transaction.lives(holder) {
            return Ok(None);
        }
    }
    let cursors = each(&file, &answers.take(1), |row| {
        Ok((row.text(0)?, CursorPosition { generation: row.uint(1)?, position: row.uint(2)? }))
    })?;
    let token = match token {
        Some(token) => token,
        None => transaction.no()?,
    };
    let mut script = Script::new(
        "INSERT INTO sources (channel, account, worker, token, expires_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (channel, account) DO UPDATE SET worker = excluded.worker, token = excluded.token,
            expires_at = excluded.expires_at",
    );
    script.bind(channel.as_str()).bind(account.as_str()).bind(bytes(worker.0)).bind(token);
    script.bind(now.plus(ttl).0);
    transaction.finish(script).await?;
    let token = crate::encode::uint(token);
    Ok(Some(SourceLease { channel, account, worker, token, cursors }))
}

/// Checks the lease of a batch and moves the cursor.
pub(crate) async fn advance(
    transaction: &mut Transaction,
    lease: Option<&SourceLease>,
    cursor: Option<&CursorMove>,
) -> Result<(), StoreError> {
    let Some(lease) = lease else {
        return match cursor {
            Some(_) => Err(stale("a cursor moves under the lease of its source only")),
            None => Ok(()),
        };
    };
    let mut script = Script::new(
        "SELECT 1 FROM sources WHERE channel = ? AND account = ? AND worker = ? AND token = ? AND expires_at > ?",
    );
    script.bind(lease.channel.as_str()).bind(lease.account.as_str()).bind(bytes(lease.worker.0));
    script.bind(int(lease.token)).bind(transaction.now().0);
    if transaction.run(script).await?.first(0).is_none() {
        let (channel, account) = (&lease.channel, &lease.account);
        return Err(stale(format!("{channel} account {account} is polled by somebody else")));
    }
    let Some(CursorMove { name, to }) = cursor else { return Ok(()) };
    let mut script = Script::new(
        "INSERT INTO cursors (channel, account, name, generation, position) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (channel, account, name) DO UPDATE SET generation = excluded.generation,
            position = excluded.position
         WHERE (excluded.generation, excluded.position) > (generation, position)",
    );
    script.bind(lease.channel.as_str()).bind(lease.account.as_str()).bind(name.as_str());
    script.bind(int(to.generation)).bind(int(to.position));
    transaction.run(script).await.map(drop)
}
