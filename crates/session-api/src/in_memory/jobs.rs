//! `JobStore`.

use async_trait::async_trait;

use super::{InMemoryStore, state::State, verdict::stale};
use crate::{Job, JobId, JobLease, JobStore, PrincipalId, StoreError, Timestamp, WorkerId};

impl State {
    fn claim_due(&mut self, worker: WorkerId, now: Timestamp) -> Result<Option<JobLease>, StoreError> {
        if self.dead.contains(&worker) {
            return Err(stale("the worker was declared dead"));
        }
        let token = self.next();
        let dead = &self.dead;
        let free = self.jobs.values_mut().filter(|row| row.claim.is_none_or(|(by, _)| dead.contains(&by)));
        let due = free.filter_map(|row| Some((row.job.next_run_at.filter(|at| *at <= now)?, row)));
        let longest = due.min_by_key(|(at, row)| (*at, row.job.id));
        Ok(longest.map(|(_, row)| {
            row.claim = Some((worker, token));
            JobLease { job: row.job.clone(), worker, token }
        }))
    }
}

#[async_trait]
impl JobStore for InMemoryStore {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.with(|state| state.jobs.get(&id).map(|row| row.job.clone())))
    }

    async fn jobs(&self, owner: Option<&PrincipalId>) -> Result<Vec<Job>, StoreError> {
        let mut jobs: Vec<Job> = self.with(|state| {
            let jobs = state.jobs.values().map(|row| &row.job);
            jobs.filter(|job| owner.is_none_or(|only| job.owner == *only)).cloned().collect()
        });
        jobs.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(jobs)
    }

    async fn claim_due(&self, worker: WorkerId, now: Timestamp) -> Result<Option<JobLease>, StoreError> {
        self.with(|state| state.claim_due(worker, now))
    }
}
