//! Scheduled jobs, as far as the store is concerned.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{JobId, PrincipalId, StoreError, Timestamp, WorkerId};

/// A job as stored. What it does and when it is due next is the scheduler's business (agent-core).
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
    /// When it is due; `None`: never again, or switched off.
    pub next_run_at: Option<Timestamp>,
}

/// A change to the jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobWrite {
    /// Adds a job or replaces the one with its id.
    Put(Job),
    /// Removes a job; a missing one is fine.
    Remove(JobId),
}

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

    /// Claims the job that is due longest at `now` and that no living worker has claimed. One claimant at a time; a
    /// claim ends when [`Mailbox::fire`](crate::Mailbox::fire) uses it or its worker dies.
    async fn claim_due(&self, worker: WorkerId, now: Timestamp) -> Result<Option<JobLease>, StoreError>;
}
