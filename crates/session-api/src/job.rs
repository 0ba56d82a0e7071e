//! Scheduled jobs, as far as the store is concerned.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{InboundId, JobId, PrincipalId, StoreError, Timestamp, WorkerId};

/// A job as stored. What it does and when it is due next is the scheduler's business (the crate `schedule`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub owner: PrincipalId,
    /// Its name.
    pub name: String,
    /// The definition, as JSON text.
    pub definition: String,
    /// Whether somebody wants it to run.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The time for which its next run is: what its schedule says.
    #[serde(default)]
    pub due: Option<Timestamp>,
    /// When that run begins, which may be later than `due`; `None`: never again, or switched off.
    pub next_run_at: Option<Timestamp>,
    /// How often it ran.
    #[serde(default)]
    pub runs: u64,
}

fn yes() -> bool {
    true
}

/// A run of a job, or why there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// The job.
    pub job: JobId,
    /// The time for which it was. There is one run for each.
    pub due: Timestamp,
    /// When it was fired.
    pub fired_at: Timestamp,
    /// The row that tells what became of it; `None`: it was left out.
    pub inbound: Option<InboundId>,
    /// Why it was left out, or what is odd about it.
    pub note: Option<String>,
}

/// A change to the jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobWrite {
    /// Adds a job or replaces the one with its id. A claim on it ends.
    Put(Job),
    /// Switches a job on or off and leaves the rest of it as it is; a missing one is fine. A claim on it ends.
    Switch {
        /// Which.
        id: JobId,
        /// Whether it is to run.
        enabled: bool,
        /// The time for which its next run is.
        due: Option<Timestamp>,
        /// When that begins; `None` when it is off.
        next_run_at: Option<Timestamp>,
    },
    /// Removes a job with its history; a missing one is fine.
    Remove(JobId),
    /// Adds a run to the history of a job, of which the newest [`KEPT_RUNS`] are kept. One for the same time that stands
    /// already is left as it is, and so is the history of a job that is not there.
    Ran(JobRun),
}

/// So many runs of each job are kept.
pub const KEPT_RUNS: usize = 100;

/// The right to fire one due job, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLease {
    /// The job as it was when claimed.
    pub job: Job,
    /// Who holds it.
    pub worker: WorkerId,
    /// Fencing token.
    pub token: u64,
}

/// Reads and claims jobs. They change through [`Writes`](crate::Writes) only.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// The job with this id.
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// All jobs of `owner`, or of everybody, by name and id.
    async fn jobs(&self, owner: Option<&PrincipalId>) -> Result<Vec<Job>, StoreError>;

    /// Claims at most `limit` jobs that are due at `now` and that no living worker has claimed, the one that is due
    /// longest first. One claimant at a time; a claim ends when [`Mailbox::fire`](crate::Mailbox::fire) uses it, when the
    /// job is changed, when it is released, or when its worker dies.
    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<JobLease>, StoreError>;

    /// Ends all claims of `worker`: for one that lost track of them.
    async fn release_jobs(&self, worker: WorkerId) -> Result<(), StoreError>;

    /// When the next job is due, claimed or not; `None`: none is. Reads an index only.
    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Jobs with a next run, in the order of that and of their ids, behind `after` where it is given, at most `limit`. Reads no
    /// more than these.
    async fn upcoming_jobs(
        &self,
        after: Option<(Timestamp, JobId)>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError>;

    /// The runs of a job, newest first, at most `limit`.
    async fn job_runs(&self, id: JobId, limit: usize) -> Result<Vec<JobRun>, StoreError>;
}
