//! The audit log: written, read, checked, and what of it can be taken away.

use std::collections::HashMap;

use async_trait::async_trait;
use session_api::{AuditEntry, AuditHead, AuditLog, AuditRow, AuditVerdict, SessionKey, StoreError};

use crate::{
    encode::{Reading, each, int, json, limit, uint},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
};

/// Rows checked between two looks at the store, so that a long check holds up no checkpoint.
const PAGE: usize = 1000;

fn audit_row(row: &Reading<'_>) -> Result<AuditRow, StoreError> {
    Ok(AuditRow { no: row.uint(0)?, hash: row.text(1)?, entry: row.json(2)?, erased: row.maybe_text(3)? })
}

/// Appends to the chains: each needs its last hash first. The head of the day goes with the last of them.
pub(crate) async fn append(
    transaction: &mut Transaction,
    script: &mut Script,
    entries: Vec<AuditEntry>,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut ends: HashMap<String, (i64, String)> = HashMap::new();
    let mut head = newest_head(transaction).await?;
    for entry in entries {
        let session = entry.session.to_string();
        let (place, previous) = match ends.remove(&session) {
            Some(end) => end,
            None => chain_end(transaction, &session).await?,
        };
        let (no, place) = (transaction.no()?, place + 1);
        let hash = entry.chain_hash(&previous, uint(place), &entry.payload_digest());
        script.add("INSERT INTO audit (no, session, place, hash, body) VALUES (?, ?, ?, ?, ?)");
        script.bind(no).bind(session.as_str()).bind(place).bind(hash.as_str()).bind(json(&entry)?);
        let after = AuditHead::after(head.as_ref(), &entry, uint(place), &hash);
        script.add("INSERT OR REPLACE INTO audit_heads (day, rows, hash, last) VALUES (?, ?, ?, ?)");
        script.bind(after.day).bind(int(after.rows)).bind(after.hash.as_str()).bind(no);
        head = Some(after);
        ends.insert(session, (place, hash));
    }
    Ok(())
}

async fn newest_head(transaction: &mut Transaction) -> Result<Option<AuditHead>, StoreError> {
    let script =
        Script::new("SELECT day, rows, hash FROM audit_heads WHERE day >= 0 ORDER BY day DESC LIMIT 1");
    let row = transaction.run(script).await?.first(0);
    let file = &transaction.shared.layout.database;
    row.map(|row| head(&Reading { file, row: &row })).transpose()
}

fn head(row: &Reading<'_>) -> Result<AuditHead, StoreError> {
    Ok(AuditHead { day: row.int(0)?, rows: row.uint(1)?, hash: row.text(2)? })
}

async fn chain_end(transaction: &mut Transaction, session: &str) -> Result<(i64, String), StoreError> {
    let mut script =
        Script::new("SELECT place, hash FROM audit WHERE session = ? ORDER BY place DESC LIMIT 1");
    script.bind(session);
    let row = transaction.run(script).await?.first(0);
    let file = &transaction.shared.layout.database;
    row.map_or(Ok((0, String::new())), |row| {
        let row = Reading { file, row: &row };
        Ok((row.int(0)?, row.text(1)?))
    })
}

/// Takes the payloads of a session's rows away, and says so. A row that cannot be read stays as it is: the chain tells of it.
pub(crate) async fn erase(transaction: &mut Transaction, session: SessionKey) -> Result<(), StoreError> {
    let (mut place, mut erased) = (0, 0);
    loop {
        let mut script = Script::new(
            "SELECT place, body FROM audit WHERE session = ? AND place > ? AND erased IS NULL
             ORDER BY place LIMIT ?",
        );
        script.bind(session.to_string()).bind(place).bind(limit(PAGE));
        let rows = transaction.run(script).await?.take(0);
        let mut script = Script::default();
        for row in &rows {
            let row = Reading { file: &transaction.shared.layout.database, row };
            place = row.int(0)?;
            let Ok(mut entry) = row.json::<AuditEntry>(1) else { continue };
            let digest = entry.payload_digest();
            entry.payload.clear();
            script.add("UPDATE audit SET body = ?, erased = ? WHERE session = ? AND place = ?");
            script.bind(json(&entry)?).bind(digest).bind(session.to_string()).bind(place);
            erased += 1;
        }
        if erased > 0 {
            transaction.run(script).await?;
        }
        if rows.len() < PAGE {
            break;
        }
    }
    if erased > 0 {
        let mut script = Script::default();
        let entry = AuditEntry::of_erasure(session, transaction.now(), erased);
        append(transaction, &mut script, vec![entry]).await?;
        transaction.run(script).await?;
    }
    Ok(())
}

impl SqliteStore {
    /// The heads, oldest first, each with the last row that it covers, and the newest row that there is.
    async fn audit_heads(&self) -> Result<(Vec<(AuditHead, i64)>, i64), StoreError> {
        let mut script = Script::new("SELECT coalesce(max(no), 0) FROM audit");
        script.add("SELECT day, rows, hash, last FROM audit_heads ORDER BY day");
        let mut answers = self.snapshot(script).await?;
        let file = &self.shared.layout.database;
        let newest = answers.first(0).map_or(Ok(0), |row| Reading { file, row: &row }.int(0))?;
        let heads = each(file, &answers.take(1), |row| Ok((head(row)?, row.int(3)?)))?;
        Ok((heads, newest))
    }

    /// The first day whose rows are not those of its head.
    async fn cut(&self) -> Result<Result<Option<AuditHead>, AuditVerdict>, StoreError> {
        let (heads, newest) = self.audit_heads().await?;
        let covered = heads.last().map_or(0, |(_, last)| *last);
        if newest > covered {
            let mut script = Script::new("SELECT count(*) FROM audit WHERE no > ?");
            script.bind(covered);
            let row = self.read(script).await?.first(0);
            let found =
                row.map_or(Ok(0), |row| Reading { file: &self.shared.layout.database, row: &row }.uint(0))?;
            return Ok(Err(AuditVerdict::Cut { head: None, found }));
        }
        let (mut no, mut before): (i64, Option<AuditHead>) = (0, None);
        for (head, last) in heads {
            let (mut found, mut now) = (0, before.clone());
            while no < last {
                let mut script = Script::new(
                    "SELECT no, place, hash, body FROM audit WHERE no > ? AND no <= ? ORDER BY no LIMIT ?",
                );
                script.bind(no).bind(last).bind(limit(PAGE));
                let rows = self.read(script).await?.take(0);
                for row in &rows {
                    let row = Reading { file: &self.shared.layout.database, row };
                    no = row.int(0)?;
                    found += 1;
                    if head.day >= 0 {
                        let (place, hash) = (row.uint(1)?, row.text(2)?);
                        now = Some(AuditHead::after(now.as_ref(), &row.json(3)?, place, &hash));
                    }
                }
                if rows.len() < PAGE {
                    no = last;
                }
            }
            let holds = if head.day < 0 { found == head.rows } else { now.as_ref() == Some(&head) };
            if !holds {
                return Ok(Err(AuditVerdict::Cut { head: Some(head), found }));
            }
            before = now;
        }
        Ok(Ok(before))
    }
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn audit_rows(
        &self,
        session: Option<&SessionKey>,
        most: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let script = match session {
            Some(key) => {
                let mut script = Script::new(
                    "SELECT place, hash, body, erased FROM audit WHERE session = ? ORDER BY place DESC LIMIT ?",
                );
                script.bind(key.to_string()).bind(limit(most));
                script
            }
            None => {
                let mut script =
                    Script::new("SELECT place, hash, body, erased FROM audit ORDER BY no DESC LIMIT ?");
                script.bind(limit(most));
                script
            }
        };
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, audit_row)
    }

    async fn audit_about(&self, subject: &str, most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let mut script = Script::new(
            "SELECT place, hash, body, erased FROM audit WHERE subject = ? ORDER BY no DESC LIMIT ?",
        );
        script.bind(subject).bind(limit(most));
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, audit_row)
    }

    async fn audit_verify(&self) -> Result<AuditVerdict, StoreError> {
        let (mut session, mut place, mut previous) = (String::new(), 0i64, String::new());
        let mut checked = 0;
        loop {
            let mut script = Script::new(
                "SELECT place, hash, body, erased, session FROM audit WHERE (session, place) > (?, ?)
                 ORDER BY session, place LIMIT ?",
            );
            script.bind(session.as_str()).bind(place).bind(limit(PAGE));
            let rows = self.read(script).await?.take(0);
            for row in &rows {
                let row = Reading { file: &self.shared.layout.database, row };
                let name = row.text(4)?;
                if name != session {
                    (session, place) = (name, 0);
                    previous.clear();
                }
                // A body that cannot be read is a broken chain, too: this is where that is said.
                let Some(read) = audit_row(&row).ok().filter(|row| row.follows(&previous, uint(place + 1)))
                else {
                    return Ok(AuditVerdict::Broken { session: row.parsed(4)?, no: row.uint(0)? });
                };
                (place, previous) = (place + 1, read.hash);
                checked += 1;
            }
            if rows.len() < PAGE {
                break;
            }
        }
        Ok(match self.cut().await? {
            Ok(head) => AuditVerdict::Intact { rows: checked, head },
            Err(cut) => cut,
        })
    }
}
