//! Sets right the times of jobs that an earlier version of the zones, or a clock that ran ahead, left behind.

use std::time::Duration;

use schedule::{JobDefinition, due};
use session_api::{Batch, Job, JobId, JobWrite, StoreError, Timestamp, Writes};

use super::Shared;

/// Jobs that are looked at in one go, and corrected in one commit.
const PAGE: usize = 200;

/// A look through all jobs, a page at a time, so that it costs no memory and holds up nothing that is due.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// The job that was looked at last. One whose time was corrected may come again; it is right then.
    after: Option<(Timestamp, JobId)>,
    /// Whether all were looked at.
    pub(super) done: bool,
}

impl Check {
    /// Looks at the next page.
    pub(super) async fn page(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let ports = &shared.ports;
        let jobs = ports.stores.jobs.upcoming_jobs(self.after, PAGE).await?;
        let changes: Vec<JobWrite> = jobs.iter().filter_map(|job| corrected(shared, job)).collect();
        if !changes.is_empty() {
            let writes = Writes { jobs: changes, ..Writes::default() };
            ports.stores.mailbox.accept(None, Batch { writes, ..Batch::default() }, None).await?;
        }
        self.done = jobs.len() < PAGE;
        self.after = jobs.last().and_then(|job| Some((job.next_run_at?, job.id))).or(self.after);
        // Lets others have the thread.
        ports.clock.sleep(Duration::ZERO).await;
        Ok(())
    }
}

fn corrected(shared: &Shared, job: &Job) -> Option<JobWrite> {
    let (ports, now) = (&shared.ports, shared.ports.clock.now());
    if !job.enabled || job.due.is_none_or(|due| due <= now) {
        return None;
    }
    // One that cannot be read is told of when it is due.
    let definition = JobDefinition::of(job).ok()?;
    let timetable = definition.when.timetable(&shared.factotum.core().zones).ok()?;
    let right = due::corrected(job, &timetable, now)?;
    tracing::info!(job = job.name, was = ?job.due, is = %right, "the next time of a job was corrected");
    let chance = ports.ids.next_uuid();
    let begins = due::put_off(&timetable, right, definition.jitter_seconds, chance.as_bytes());
    Some(JobWrite::Switch { id: job.id, enabled: true, due: Some(right), next_run_at: Some(begins) })
}
