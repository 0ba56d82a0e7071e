//! Scheduled jobs.

use async_trait::async_trait;
use session_api::{
    InboundId, Job, JobId, JobLease, JobRun, JobStore, PrincipalId, StoreError, Timestamp, WorkerId,
};

use crate::{
    encode::{Reading, bytes, each, int, uint},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
    writer::Grade,
};

const JOB: &str =
    "SELECT id, owner, name, definition, enabled, due, next_run_at, runs FROM jobs WHERE id = ?";

fn job(row: &Reading<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId(row.id(0)?),
        owner: PrincipalId(row.text(1)?),
        name: row.text(2)?,
        definition: row.text(3)?,
        enabled: row.bool(4)?,
        due: row.maybe_int(5)?.map(Timestamp),
        next_run_at: row.maybe_int(6)?.map(Timestamp),
        runs: uint(row.int(7)?),
    })
}

/// Due jobs that are looked at in one go. Those that other living workers have claimed stand among them; there is one
/// such worker at most, which fires what it claimed at once.
const DUE: &str = "SELECT id, owner, name, definition, enabled, due, next_run_at, runs, worker FROM jobs
    WHERE next_run_at IS NOT NULL AND next_run_at <= ? AND (worker IS NULL OR worker <> ?)
    ORDER BY next_run_at LIMIT ?";

/// A range of the index on the next times, which holds the ids too.
pub(crate) const UPCOMING: &str =
    "SELECT id, owner, name, definition, enabled, due, next_run_at, runs FROM jobs
    WHERE next_run_at IS NOT NULL AND (next_run_at, id) > (?, ?) ORDER BY next_run_at, id LIMIT ?";

async fn claim_due(
    transaction: &mut Transaction,
    worker: WorkerId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<JobLease>, StoreError> {
    let mut script = Script::new(DUE);
    script.bind(now.0).bind(bytes(worker.0)).bind(int(limit as u64).saturating_add(64));
    let rows = transaction.run(script).await?.take(0);
    let mut claimed = Vec::new();
    let mut script = Script::default();
    for row in &rows {
        if claimed.len() == limit {
            break;
        }
        let file = transaction.shared.layout.database.clone();
        let row = Reading { file: &file, row };
        let claimant = row.maybe_id(8)?.map(WorkerId);
        let job = job(&row)?;
        if claimant.is_some_and(|claimant| transaction.lives(claimant)) {
            continue;
        }
        let token = transaction.no()?;
        script.add("UPDATE jobs SET worker = ?, token = ? WHERE id = ?");
        script.bind(bytes(worker.0)).bind(token).bind(bytes(job.id.0));
        claimed.push(JobLease { job, worker, token: uint(token) });
    }
    if !claimed.is_empty() {
        transaction.finish(script).await?;
    }
    Ok(claimed)
}

async fn release(transaction: &mut Transaction, worker: WorkerId) -> Result<(), StoreError> {
    let mut script = Script::new("UPDATE jobs SET worker = NULL WHERE worker = ?");
    script.bind(bytes(worker.0));
    transaction.finish(script).await.map(drop)
}

fn run(row: &Reading<'_>) -> Result<JobRun, StoreError> {
    Ok(JobRun {
        job: JobId(row.id(0)?),
        due: Timestamp(row.int(1)?),
        fired_at: Timestamp(row.int(2)?),
        inbound: row.maybe_id(3)?.map(InboundId),
        note: row.maybe_text(4)?,
    })
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut script = Script::new(JOB);
        script.bind(bytes(id.0));
        let row = self.read(script).await?.first(0);
        row.map(|row| job(&Reading { file: &self.shared.layout.database, row: &row })).transpose()
    }

    async fn jobs(&self, owner: Option<&PrincipalId>) -> Result<Vec<Job>, StoreError> {
        let mut script = Script::new(
            "SELECT id, owner, name, definition, enabled, due, next_run_at, runs FROM jobs
             WHERE ?1 IS NULL OR owner = ?1 ORDER BY name, id",
        );
        script.bind(owner.map(|owner| owner.0.as_str()));
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, job)
    }

    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<JobLease>, StoreError> {
        self.write(Grade::QUIET, move |tx| Box::pin(claim_due(tx, worker, now, limit))).await
    }

    async fn release_jobs(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.write(Grade::QUIET, move |tx| Box::pin(release(tx, worker))).await
    }

    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(next_run_at) FROM jobs WHERE next_run_at IS NOT NULL";
        let row = self.read(Script::new(sql)).await?.first(0);
        let file = &self.shared.layout.database;
        let at = row.map(|row| Reading { file, row: &row }.maybe_int(0)).transpose()?;
        Ok(at.flatten().map(Timestamp))
    }

    async fn upcoming_jobs(
        &self,
        after: Option<(Timestamp, JobId)>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let (at, id) = after.map_or((i64::MIN, Vec::new()), |(at, id)| (at.0, bytes(id.0)));
        let mut script = Script::new(UPCOMING);
        script.bind(at).bind(id).bind(int(limit as u64));
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, job)
    }

    async fn job_runs(&self, id: JobId, limit: usize) -> Result<Vec<JobRun>, StoreError> {
        let sql =
            "SELECT job, due, fired_at, inbound, note FROM job_runs WHERE job = ? ORDER BY due DESC LIMIT ?";
        let mut script = Script::new(sql);
        script.bind(bytes(id.0)).bind(int(limit as u64));
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, run)
    }
}
