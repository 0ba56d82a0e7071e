//! Many stored jobs: the scheduler reads what it needs, by the page.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agent_core::ScriptedReply;
use async_trait::async_trait;
use schedule::{JobRequest, Payload, When};
use session_api::{
    Job, JobId, JobLease, JobRun, JobStore, Principal, PrincipalId, Route, SessionKey, StoreError, Stores,
    Timestamp, WorkerId,
};

use crate::support::{Platform, TestApp, core, script};

use super::{shows, start};

/// Counts what is read at once.
struct Counting {
    inner: Arc<dyn JobStore>,
    most: Arc<AtomicUsize>,
    pages: Arc<AtomicUsize>,
}

#[async_trait]
impl JobStore for Counting {
    async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.inner.job(id).await
    }

    async fn jobs(&self, owner: Option<&PrincipalId>) -> Result<Vec<Job>, StoreError> {
        let all = self.inner.jobs(owner).await?;
        self.most.fetch_max(all.len(), Ordering::SeqCst);
        Ok(all)
    }

    async fn claim_due(
        &self,
        worker: WorkerId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<JobLease>, StoreError> {
        let claimed = self.inner.claim_due(worker, now, limit).await?;
        self.most.fetch_max(claimed.len(), Ordering::SeqCst);
        Ok(claimed)
    }

    async fn release_jobs(&self, worker: WorkerId) -> Result<(), StoreError> {
        self.inner.release_jobs(worker).await
    }

    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_job_at().await
    }

    async fn upcoming_jobs(
        &self,
        after: Option<(Timestamp, JobId)>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let page = self.inner.upcoming_jobs(after, limit).await?;
        self.most.fetch_max(page.len(), Ordering::SeqCst);
        self.pages.fetch_add(1, Ordering::SeqCst);
        Ok(page)
    }

    async fn job_runs(&self, id: JobId, limit: usize) -> Result<Vec<JobRun>, StoreError> {
        self.inner.job_runs(id, limit).await
    }
}

#[tokio::test]
async fn a_start_among_many_jobs_reads_a_page_at_a_time_and_sets_every_time_right() {
    let (most, pages) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counting = |stores: Stores| {
        let jobs = Counting { inner: stores.jobs, most: most.clone(), pages: pages.clone() };
        Stores { jobs: Arc::new(jobs), ..stores }
    };
    let app = TestApp::with_mailbox(core(script(vec![ScriptedReply::text("soon")]), vec![]), counting);
    let now = app.factotum.jobs().now();
    let reply = Route::to_session(&SessionKey::new("loopback", "bot", "chat"));
    // Times that a clock ten years ahead left behind; the job whose time is the last one should run within a minute.
    for n in 0..1_000_u64 {
        let first = if n == 999 { 60 } else { 86_400 };
        let when = When::Every { seconds: 86_400, first: now.plus(Duration::from_secs(first)) };
        let payload = Payload::Prompt { text: format!("job {n}") };
        let request = JobRequest::new(when, payload, Principal::owner(), reply.clone());
        let ahead = Some(now.plus(Duration::from_secs(10 * 365 * 86_400 + n)));
        let made = app.factotum.jobs().make(request).unwrap();
        app.factotum.jobs().add(Job { due: ahead, next_run_at: ahead, ..made }).await.unwrap();
    }
    most.store(0, Ordering::SeqCst);
    let platform = Platform::sound();
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["soon"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
    assert!(pages.load(Ordering::SeqCst) >= 5 && most.load(Ordering::SeqCst) <= 200, "{pages:?} of {most:?}");
}

/// What nobody would fetch goes where the gateway tells the owner, also when the job is run by hand.
#[tokio::test]
async fn a_run_by_hand_answers_in_the_chat_that_is_told() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("by hand")]), vec![]));
    let when = When::Every { seconds: 86_400, first: app.factotum.jobs().now() };
    let payload = Payload::Prompt { text: "Report".into() };
    let nowhere = Route::to_session(&SessionKey::new("cli", "local", "jobs"));
    let request = JobRequest::new(when, payload, Principal::owner(), nowhere);
    let job = app.factotum.jobs().make(request).unwrap();
    app.factotum.jobs().add(Job { due: None, next_run_at: None, ..job.clone() }).await.unwrap();
    let notify = Route::to_session(&SessionKey::new("loopback", "bot", "chat"));
    app.factotum.jobs().run_now(&job, Some(&notify)).await.unwrap();
    let platform = Platform::sound();
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["by hand"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}
