//! `JobStore`.

use async_trait::async_trait;

use super::{
    InMemoryStore,
    state::{JobRow, State},
    verdict::stale,
};
use crate::{
    Job, JobId, JobLease, JobRun, JobStore, JobWrite, KEPT_RUNS, PrincipalId, StoreError, Timestamp, WorkerId,
};

impl State {
    fn claim_due(
        &mut self,
        worker: WorkerId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<JobLease>, StoreError> {
        if self.dead.contains(&worker) {
            return Err(stale("the worker was declared dead"));
        }
        let dead = &self.dead;
        let free = self.jobs.values().filter(|row| row.claim.is_none_or(|(by, _)| dead.contains(&by)));
        let mut due: Vec<(Timestamp, JobId)> =
            free.filter_map(|row| Some((row.job.next_run_at.filter(|at| *at <= now)?, row.job.id))).collect();
        due.sort_unstable();
        due.truncate(limit);
        let mut claimed = Vec::with_capacity(due.len());
        for (_, id) in due {
            let token = self.next();
            if let Some(row) = self.jobs.get_mut(&id) {
                row.claim = Some((worker, token));
                claimed.push(JobLease { job: row.job.clone(), worker, token });
            }
        }
        Ok(claimed)
    }

    pub(super) fn write_job(&mut self, write: JobWrite) {
        match write {
            JobWrite::Put(job) => {
                let runs = self.jobs.remove(&job.id).map(|row| row.runs).unwrap_or_default();
                self.jobs.insert(job.id, JobRow { job, claim: None, runs });
            }
            JobWrite::Switch { id, enabled, due, next_run_at } => {
                if let Some(JobRow { job, claim, .. }) = self.jobs.get_mut(&id) {
                    (job.enabled, job.due, job.next_run_at) = (enabled, due, next_run_at);
                    *claim = None;
                }
            }
            JobWrite::Remove(id) => {
                self.jobs.remove(&id);
            }
            JobWrite::Ran(run) => {
                if let Some(row) = self.jobs.get_mut(&run.job) {
                    row.runs.entry(run.due).or_insert(run);
                    while row.runs.len() > KEPT_RUNS {
                        row.runs.pop_first();
                    }
                }
            }
        }
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

    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<JobLease>, StoreError> {
        self.with(|state| state.claim_due(worker, now, limit))
    }

    async fn release_jobs(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.with(|state| {
            let own = |row: &&mut JobRow| row.claim.is_some_and(|(by, _)| by == worker);
            state.jobs.values_mut().filter(own).for_each(|row| row.claim = None);
        });
        Ok(())
    }

    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.with(|state| state.jobs.values().filter_map(|row| row.job.next_run_at).min()))
    }

    async fn upcoming_jobs(
        &self,
        after: Option<(Timestamp, JobId)>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let place = |job: &Job| Some((job.next_run_at?, job.id));
        let mut jobs: Vec<Job> = self.with(|state| {
            let jobs = state.jobs.values().map(|row| &row.job);
            jobs.filter(|job| place(job).is_some_and(|place| Some(place) > after)).cloned().collect()
        });
        jobs.sort_by_key(place);
        jobs.truncate(limit);
        Ok(jobs)
    }

    async fn job_runs(&self, id: JobId, limit: usize) -> Result<Vec<JobRun>, StoreError> {
        Ok(self.with(|state| {
            let runs = state.jobs.get(&id).map(|row| row.runs.values().rev().take(limit).cloned().collect());
            runs.unwrap_or_default()
        }))
    }
}
