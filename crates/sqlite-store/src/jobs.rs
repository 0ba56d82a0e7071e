//! Scheduled jobs.

use async_trait::async_trait;
use session_api::{Job, JobId, JobLease, JobStore, PrincipalId, StoreError, Timestamp, WorkerId};

use crate::{
    encode::{Reading, bytes, each, uint},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
    writer::Grade,
};

fn job(row: &Reading<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId(row.id(0)?),
        owner: PrincipalId(row.text(1)?),
        name: row.text(2)?,
        definition: row.text(3)?,
        next_run_at: row.maybe_int(4)?.map(Timestamp),
    })
}

/// Due jobs that are looked at in one go: at most the claimed ones of the living stand before the one to take.
const DUE: &str = "SELECT id, owner, name, definition, next_run_at, worker FROM jobs
    WHERE next_run_at IS NOT NULL AND next_run_at <= ? AND (worker IS NULL OR worker <> ?) ORDER BY next_run_at LIMIT 64";

async fn claim_due(
    transaction: &mut Transaction,
    worker: WorkerId,
    now: Timestamp,
) -> Result<Option<JobLease>, StoreError> {
    let mut script = Script::new(DUE);
    script.bind(now.0).bind(bytes(worker.0));
    let rows = transaction.run(script).await?.take(0);
    for row in &rows {
        let row = Reading { file: &transaction.shared.layout.database, row };
        let claimant = row.maybe_id(5)?.map(WorkerId);
        let job = job(&row)?;
        if claimant.is_some_and(|claimant| transaction.lives(claimant)) {
            continue;
        }
        let token = transaction.no()?;
        let mut script = Script::new("UPDATE jobs SET worker = ?, token = ? WHERE id = ?");
        script.bind(bytes(worker.0)).bind(token).bind(bytes(job.id.0));
        transaction.finish(script).await?;
        return Ok(Some(JobLease { job, worker, token: uint(token) }));
    }
    Ok(None)
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut script =
            Script::new("SELECT id, owner, name, definition, next_run_at FROM jobs WHERE id = ?");
        script.bind(bytes(id.0));
        let row = self.read(script).await?.first(0);
        row.map(|row| job(&Reading { file: &self.shared.layout.database, row: &row })).transpose()
    }

    async fn jobs(&self, owner: Option<&PrincipalId>) -> Result<Vec<Job>, StoreError> {
        let mut script = Script::new(
            "SELECT id, owner, name, definition, next_run_at FROM jobs WHERE ?1 IS NULL OR owner = ?1 ORDER BY name, id",
        );
        script.bind(owner.map(|owner| owner.0.as_str()));
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, job)
    }

    async fn claim_due(&self, worker: WorkerId, now: Timestamp) -> Result<Option<JobLease>, StoreError> {
        self.write(Grade::QUIET, move |tx| Box::pin(claim_due(tx, worker, now))).await
    }
}
