//! What model calls cost, and what may still be spent.

use async_trait::async_trait;
use session_api::{
    Cap, CapOf, JOB_RESERVATION, Reservation, Reserve, Scope, StoreError, Timestamp, TurnId, UsageBy,
    UsageEntry, UsageLedger, UsageTotal,
};

use crate::{
    encode::{PURPOSES, Reading, bytes, each, int, purpose, uint},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
    writer::Grade,
};

/// Statements that [`burn`] adds.
pub(crate) const BURN: usize = 2;

/// What is still reserved for a turn counts as spent from now on.
pub(crate) fn burn(script: &mut Script, turn: TurnId) {
    script.add(
        "INSERT OR IGNORE INTO usage (reservation, at, session_id, session, turn_id, principal, purpose, provider,
            model, input, cached, output, estimated, cost)
         SELECT id, at, session_id, session, turn_id, principal, purpose, '', model,
            0, 0, 0, 1, ceiling FROM reservations WHERE turn_id = ?",
    );
    script.bind(bytes(turn.0));
    script.add("DELETE FROM reservations WHERE turn_id = ?").bind(bytes(turn.0));
}

/// Records a call and settles its reservation. One that was settled before is left as it is.
pub(crate) fn record(script: &mut Script, entry: &UsageEntry) {
    let session = entry.session.to_string();
    script.add(
        "INSERT OR IGNORE INTO usage (reservation, at, session_id, session, turn_id, principal, purpose, provider,
            model, input, cached, output, estimated, cost)
         VALUES (?, ?, (SELECT id FROM sessions WHERE key = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    script.bind(entry.reservation.map(|id| bytes(id.0))).bind(entry.at.0);
    script.bind(session.as_str()).bind(session.as_str()).bind(bytes(entry.turn.0));
    script.bind(entry.principal.0.as_str()).bind(purpose(entry.purpose)).bind(entry.provider.as_str());
    script.bind(entry.model.as_str()).bind(int(entry.input_tokens)).bind(int(entry.cached_tokens));
    script.bind(int(entry.output_tokens)).bind(entry.estimated).bind(entry.cost_micros.map(int));
    if let Some(id) = entry.reservation {
        script.add("DELETE FROM reservations WHERE turn_id = ? AND id = ?");
        script.bind(bytes(entry.turn.0)).bind(bytes(id.0));
    }
}

/// Milliseconds of the hours in `spent`.
const HOUR: i64 = 3_600_000;

/// What counts against a cap: whole hours from `spent`, the broken first one call by call, and what is reserved.
fn ask_spent(script: &mut Script, cap: &Cap) {
    let since = cap.since.0;
    match &cap.of {
        CapOf::All => {
            let whole = since.div_euclid(HOUR) + i64::from(since.rem_euclid(HOUR) != 0);
            script.add(
                "SELECT (SELECT coalesce(sum(micros), 0) FROM spent WHERE hour >= ?)
                    + (SELECT coalesce(sum(cost), 0) FROM usage WHERE at >= ? AND at < ?)
                    + (SELECT coalesce(sum(ceiling), 0) FROM reservations WHERE at >= ?)",
            );
            script.bind(whole).bind(since).bind(whole.saturating_mul(HOUR)).bind(since);
        }
        CapOf::Turn(turn) => {
            script.add(
                "SELECT coalesce((SELECT spent FROM turns WHERE id = ?), 0)
                    + (SELECT coalesce(sum(ceiling), 0) FROM reservations WHERE turn_id = ?)",
            );
            script.bind(bytes(turn.0)).bind(bytes(turn.0));
        }
        CapOf::Below(session) => {
            script.add(
                "WITH RECURSIVE tree (id, key) AS (SELECT id, key FROM sessions WHERE key = ?
                    UNION SELECT s.id, s.key FROM tree JOIN sessions s ON s.parent = tree.key)
                 SELECT (SELECT coalesce(sum(cost), 0) FROM usage WHERE session_id IN (SELECT id FROM tree) AND at >= ?)
                    + (SELECT coalesce(sum(ceiling), 0) FROM reservations
                        WHERE session_id IN (SELECT id FROM tree) AND at >= ?)",
            );
            script.bind(session.to_string()).bind(since).bind(since);
        }
    }
}

/// As [`burn`], for reservations from before `at` that belong to no turn.
fn burn_dead(script: &mut Script, at: Timestamp) {
    let old = at.0.saturating_sub(i64::try_from(JOB_RESERVATION.as_millis()).unwrap_or(i64::MAX));
    script.add(
        "INSERT OR IGNORE INTO usage (reservation, at, session_id, session, turn_id, principal, purpose, provider,
            model, input, cached, output, estimated, cost)
         SELECT id, at, session_id, session, turn_id, principal, purpose, '', model,
            0, 0, 0, 1, ceiling FROM reservations r
         WHERE at < ? AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = r.turn_id)",
    );
    script.bind(old);
    script.add(
        "DELETE FROM reservations WHERE at < ?
            AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = reservations.turn_id)",
    );
    script.bind(old);
}

async fn reserve(transaction: &mut Transaction, request: Reserve) -> Result<Reservation, StoreError> {
    let mut script = Script::default();
    burn_dead(&mut script, request.at);
    transaction.run(script).await?;
    let mut script = Script::default();
    for cap in &request.caps {
        ask_spent(&mut script, cap);
    }
    let mut found = transaction.run(script).await?;
    for (index, cap) in request.caps.iter().enumerate() {
        let row = found.first(index);
        let file = &transaction.shared.layout.database;
        let used = row.map_or(Ok(0), |row| Reading { file, row: &row }.int(0)).map(uint)?;
        if used.saturating_add(request.ceiling_micros) > cap.limit_micros {
            let (cap, limit_micros) = (cap.name.clone(), cap.limit_micros);
            return Ok(Reservation::Refused { cap, used_micros: used, limit_micros });
        }
    }
    let session = request.session.to_string();
    let mut script = Script::new(
        "INSERT OR IGNORE INTO reservations (turn_id, id, at, session_id, session, principal, purpose, model, ceiling)
         VALUES (?, ?, ?, (SELECT id FROM sessions WHERE key = ?), ?, ?, ?, ?, ?)",
    );
    script.bind(bytes(request.turn.0)).bind(bytes(request.id.0)).bind(request.at.0);
    script.bind(session.as_str()).bind(session.as_str()).bind(request.principal.0);
    script.bind(purpose(request.purpose)).bind(request.model).bind(int(request.ceiling_micros));
    transaction.finish(script).await?;
    Ok(Reservation::Granted(request.id))
}

#[async_trait]
impl UsageLedger for SqliteStore {
    async fn reserve(&self, request: Reserve) -> Result<Reservation, StoreError> {
        self.write(Grade::QUIET, move |tx| Box::pin(reserve(tx, request))).await
    }

    async fn usage_totals(
        &self,
        scope: &Scope,
        since: Timestamp,
        by: UsageBy,
    ) -> Result<Vec<UsageTotal>, StoreError> {
        let (scope_kind, scope_value) = match scope {
            Scope::All => (0, String::new()),
            Scope::Of(principal) => (1, principal.0.clone()),
            Scope::Session(key) => (2, key.to_string()),
        };
        let by = match by {
            UsageBy::Day => 0,
            UsageBy::Model => 1,
            UsageBy::Session => 2,
            UsageBy::Purpose => 3,
        };
        let mut script = Script::new(
            "SELECT CASE ?1 WHEN 0 THEN date(at / 1000, 'unixepoch') WHEN 1 THEN model WHEN 2 THEN session
                    ELSE CAST(purpose AS TEXT) END AS what,
                count(*), sum(input), sum(cached), sum(output), coalesce(sum(cost), 0), count(*) - count(cost)
             FROM usage WHERE at >= ?2 AND (?3 = 0 OR (?3 = 2 AND session = ?4)
                OR (?3 = 1 AND session_id IN (SELECT id FROM sessions WHERE principal = ?4 AND NOT shared)))
             GROUP BY what ORDER BY what",
        );
        script.bind(by).bind(since.0).bind(scope_kind).bind(scope_value);
        let rows = self.read(script).await?.take(0);
        let mut totals = each(&self.shared.layout.database, &rows, |row| {
            let mut group = row.text(0)?;
            if by == 3 {
                let number: usize = row.parsed(0)?;
                group = PURPOSES.get(number).map_or(group, |(_, name)| (*name).to_owned());
            }
            Ok(UsageTotal {
                group,
                calls: row.uint(1)?,
                input_tokens: row.uint(2)?,
                cached_tokens: row.uint(3)?,
                output_tokens: row.uint(4)?,
                cost_micros: row.uint(5)?,
                unpriced_calls: row.uint(6)?,
            })
        })?;
        totals.sort_by(|one, other| one.group.cmp(&other.group));
        Ok(totals)
    }
}
