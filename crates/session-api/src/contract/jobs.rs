//! `JobStore` and `Mailbox::fire`.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, founders, inbound_to, member, message, saying, session, step, uuid},
};
use crate::{
    Batch, InboundId, Job, JobId, JobLease, JobRun, JobWrite, KEPT_RUNS, PrincipalId, Timestamp, Writes,
};

fn job(owner: &str, name: &str, due: Option<i64>) -> Job {
    Job {
        id: JobId(uuid()),
        owner: PrincipalId(owner.into()),
        name: name.into(),
        definition: "{}".into(),
        enabled: true,
        due: due.map(Timestamp),
        next_run_at: due.map(Timestamp),
        runs: 0,
    }
}

fn run(job: &Job, due: i64) -> JobRun {
    let inbound = Some(InboundId(uuid()));
    JobRun { job: job.id, due: Timestamp(due), fired_at: Timestamp(due), inbound, note: None }
}

/// Writes jobs with a step of a turn in session 1, which is then over.
async fn write(rig: &Rig, jobs: Vec<JobWrite>) {
    let turn = rig.start("schedule").await;
    rig.mailbox().journal(&turn.lease, step("call-1"), Writes { jobs, ..Writes::default() }).await.must();
    rig.commit(&turn, Writes::default()).await;
}

async fn put(rig: &Rig, jobs: &[&Job]) {
    write(rig, jobs.iter().map(|job| JobWrite::Put((*job).clone())).collect()).await;
}

async fn claim(rig: &Rig, now: i64) -> Option<JobLease> {
    rig.stores.jobs.claim_due(rig.worker, Timestamp(now), 1).await.must().pop()
}

/// Writes jobs outside of any turn.
async fn write_alone(rig: &Rig, jobs: Vec<JobWrite>) {
    let batch = Batch { writes: Writes { jobs, ..Writes::default() }, ..Batch::default() };
    rig.mailbox().accept(None, batch, None).await.must();
}

/// A job is found as it was put last, until it is removed.
pub async fn a_job_is_put_replaced_and_removed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = job("owner", "report", Some(10));
    put(&rig, &[&first]).await;
    assert_eq!(rig.stores.jobs.job(first.id).await.must(), Some(first.clone()));
    let second = Job { name: "other".into(), next_run_at: None, ..first.clone() };
    put(&rig, &[&second]).await;
    assert_eq!(rig.stores.jobs.job(first.id).await.must(), Some(second));
    for _ in 0..2 {
        write(&rig, vec![JobWrite::Remove(first.id)]).await;
        assert_eq!(rig.stores.jobs.job(first.id).await.must(), None);
    }
}

/// Jobs are listed by name, of one owner or of all.
pub async fn jobs_are_listed_by_owner_and_name(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    put(&rig, &[&job("ann", "b", None), &job("bob", "c", None), &job("ann", "a", None)]).await;
    let names = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.name).collect::<Vec<_>>();
    assert_eq!(names(rig.stores.jobs.jobs(None).await.must()), ["a", "b", "c"]);
    assert_eq!(names(rig.stores.jobs.jobs(Some(&member("ann").id)).await.must()), ["a", "b"]);
}

/// The job that is due longest is claimed first; what is not due or switched off is not claimed.
pub async fn the_job_due_longest_is_claimed_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let (late, early) = (job("owner", "late", Some(20)), job("owner", "early", Some(10)));
    put(&rig, &[&late, &early, &job("owner", "future", Some(31)), &job("owner", "off", None)]).await;
    let claimed = claim(&rig, 30).await.must();
    assert_eq!((claimed.job, claimed.worker), (early, rig.worker));
    assert_eq!(claim(&rig, 30).await.must().job, late);
    assert_eq!(claim(&rig, 30).await, None);
}

/// A claim stands while its worker lives.
pub async fn a_job_of_a_living_worker_is_not_claimed(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    put(&rig, &[&job("owner", "report", Some(10))]).await;
    claim(&rig, 10).await.must();
    assert_eq!(claim(&rig, 99).await, None);
    assert_eq!(claim(&other, 99).await, None);
}

/// A claim ends with its worker's death, and the next one fences it off.
pub async fn a_claim_of_a_dead_worker_is_void(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    put(&rig, &[&job("owner", "report", Some(10))]).await;
    let old = claim(&rig, 10).await.must();
    h.kill(rig.worker).await;
    let new = claim(&other, 10).await.must();
    assert!(new.token > old.token);
    let writes = Writes { inbound: vec![inbound_to(&session(2), "twice")], ..Writes::default() };
    other.mailbox().fire(&old, writes).await.stale();
    other.is_idle().await;
    other.mailbox().fire(&new, Writes::default()).await.must();
}

/// Firing stores the row and the next time in one commit, and uses the claim up.
pub async fn a_job_fires_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let due = job("owner", "report", Some(10));
    put(&rig, &[&due]).await;
    let claimed = claim(&rig, 10).await.must();
    let next = Job { next_run_at: Some(Timestamp(20)), ..due.clone() };
    let writes = |text: &str| Writes {
        inbound: vec![inbound_to(&session(2), text)],
        jobs: vec![JobWrite::Put(next.clone())],
        ..Writes::default()
    };
    rig.mailbox().fire(&claimed, writes("fired")).await.must();
    rig.mailbox().fire(&claimed, writes("fired twice")).await.stale();
    assert_eq!(founders(&rig.lease().await), ["fired"]);
    rig.is_idle().await;
    assert_eq!(rig.stores.jobs.job(due.id).await.must(), Some(next));
    assert_eq!(claim(&rig, 19).await, None);
    assert!(claim(&rig, 20).await.is_some());
}

/// A fire that makes no sense changes nothing and leaves the claim.
pub async fn an_invalid_fire_changes_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let due = job("owner", "report", Some(10));
    put(&rig, &[&due]).await;
    let turn = rig.start("hello").await;
    let claimed = claim(&rig, 10).await.must();
    let bad = Writes {
        inbound: vec![inbound_to(&session(2), "never")],
        jobs: vec![JobWrite::Remove(due.id)],
        ..saying(vec![message(&turn, "no history here")])
    };
    rig.mailbox().fire(&claimed, bad).await.invalid();
    rig.is_idle().await;
    assert_eq!(rig.stores.jobs.job(due.id).await.must(), Some(due));
    rig.mailbox().fire(&claimed, Writes::default()).await.must();
}

/// At most as many as asked for are claimed at once, each with a token of its own.
pub async fn several_jobs_are_claimed_at_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let jobs: Vec<Job> = (1..=5).map(|due| job("owner", &format!("job {due}"), Some(due))).collect();
    put(&rig, &jobs.iter().collect::<Vec<_>>()).await;
    let first = rig.stores.jobs.claim_due(rig.worker, Timestamp(9), 3).await.must();
    let claimed: Vec<&Job> = first.iter().map(|lease| &lease.job).collect();
    assert_eq!(claimed, jobs[..3].iter().collect::<Vec<_>>());
    assert!(first.windows(2).all(|pair| pair[0].token != pair[1].token));
    assert_eq!(rig.stores.jobs.claim_due(rig.worker, Timestamp(9), 3).await.must().len(), 2);
    for lease in &first {
        rig.mailbox().fire(lease, Writes::default()).await.must();
    }
}

/// Whoever changes a job ends the claim on it: what was decided about the old one is refused.
pub async fn a_change_ends_a_claim(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let due = job("owner", "report", Some(10));
    let off = JobWrite::Switch { id: due.id, enabled: false, due: None, next_run_at: None };
    for change in [JobWrite::Put(Job { name: "other".into(), ..due.clone() }), off, JobWrite::Remove(due.id)]
    {
        write_alone(&rig, vec![JobWrite::Put(due.clone())]).await;
        let claimed = claim(&rig, 10).await.must();
        write_alone(&rig, vec![change]).await;
        let writes = Writes { jobs: vec![JobWrite::Put(due.clone())], ..Writes::default() };
        rig.mailbox().fire(&claimed, writes).await.stale();
    }
    assert_eq!(rig.stores.jobs.job(due.id).await.must(), None);
}

/// Jobs are written outside of any turn as well, and whoever waits for a change notices.
pub async fn a_job_is_written_without_a_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let version = rig.mailbox().changed(0).await.must();
    let due = job("owner", "report", Some(10));
    write_alone(&rig, vec![JobWrite::Put(due.clone())]).await;
    assert!(rig.mailbox().changed(version).await.must() > version);
    assert_eq!(rig.stores.jobs.job(due.id).await.must(), Some(due));
}

/// A switch leaves the rest of a job as it is.
pub async fn a_job_is_switched_off_and_on(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let due = Job { runs: 7, ..job("owner", "report", Some(10)) };
    put(&rig, &[&due]).await;
    let switch = |enabled, at: Option<i64>| {
        let at = at.map(Timestamp);
        vec![JobWrite::Switch { id: due.id, enabled, due: at, next_run_at: at }]
    };
    write(&rig, switch(false, None)).await;
    let off = Job { enabled: false, due: None, next_run_at: None, ..due.clone() };
    assert_eq!(rig.stores.jobs.job(due.id).await.must(), Some(off));
    assert_eq!(claim(&rig, 99).await, None);
    write(&rig, switch(true, Some(20))).await;
    let on = Job { due: Some(Timestamp(20)), next_run_at: Some(Timestamp(20)), ..due.clone() };
    assert_eq!(claim(&rig, 99).await.must().job, on);
    write(&rig, vec![JobWrite::Switch { id: JobId(uuid()), enabled: true, due: None, next_run_at: None }])
        .await;
    assert_eq!(rig.stores.jobs.jobs(None).await.must().len(), 1);
}

/// Released claims are free for everybody, and void.
pub async fn released_jobs_are_claimed_again(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    put(&rig, &[&job("owner", "a", Some(10)), &job("owner", "b", Some(11))]).await;
    let (first, kept) = (claim(&rig, 10).await.must(), claim(&other, 11).await.must());
    rig.stores.jobs.release_jobs(rig.worker).await.must();
    rig.mailbox().fire(&first, Writes::default()).await.stale();
    assert_eq!(claim(&other, 10).await.must().job, first.job);
    other.mailbox().fire(&kept, Writes::default()).await.must();
}

/// The next time is that of the job that is due first, claimed or not.
pub async fn the_next_time_is_known(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(rig.stores.jobs.next_job_at().await.must(), None);
    put(
        &rig,
        &[&job("owner", "late", Some(20)), &job("owner", "early", Some(10)), &job("owner", "off", None)],
    )
    .await;
    assert_eq!(rig.stores.jobs.next_job_at().await.must(), Some(Timestamp(10)));
    claim(&rig, 10).await.must();
    assert_eq!(rig.stores.jobs.next_job_at().await.must(), Some(Timestamp(10)));
}

/// A job's runs are listed newest first, one for each time; the oldest go, and all of them with their job.
pub async fn runs_are_kept_with_their_job(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let (one, other) = (job("owner", "one", None), job("owner", "other", None));
    put(&rig, &[&one, &other]).await;
    let runs: Vec<JobRun> = (1..=KEPT_RUNS as i64 + 3).map(|due| run(&one, due)).collect();
    write_alone(&rig, runs.iter().cloned().map(JobWrite::Ran).collect()).await;
    let twice = JobRun { note: Some("again".into()), ..run(&one, KEPT_RUNS as i64) };
    let stray = JobRun { job: JobId(uuid()), ..run(&one, 1) };
    let left_out = JobRun { inbound: None, note: Some("missed".into()), ..run(&other, 5) };
    let more = [twice, stray.clone(), left_out.clone()].map(JobWrite::Ran).to_vec();
    write_alone(&rig, more).await;
    let newest: Vec<JobRun> = runs.iter().rev().take(KEPT_RUNS).cloned().collect();
    assert_eq!(rig.stores.jobs.job_runs(one.id, 1000).await.must(), newest);
    assert_eq!(rig.stores.jobs.job_runs(one.id, 2).await.must(), newest[..2]);
    assert_eq!(rig.stores.jobs.job_runs(other.id, 9).await.must(), [left_out]);
    assert_eq!(rig.stores.jobs.job_runs(stray.job, 9).await.must(), []);
    // A replaced job keeps its history.
    write_alone(&rig, vec![JobWrite::Put(Job { name: "new".into(), ..one.clone() })]).await;
    assert_eq!(rig.stores.jobs.job_runs(one.id, 1).await.must(), newest[..1]);
    write_alone(&rig, vec![JobWrite::Remove(one.id)]).await;
    assert_eq!(rig.stores.jobs.job_runs(one.id, 9).await.must(), []);
}

/// Jobs with a next run are read in pages, in the order of their times and ids; others are not among them.
pub async fn upcoming_jobs_come_in_pages(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let jobs: Vec<Job> = (0..7).map(|n| job("owner", &n.to_string(), Some(i64::from(n / 3)))).collect();
    let off = job("owner", "off", None);
    put(&rig, &jobs.iter().rev().chain([&off]).collect::<Vec<_>>()).await;
    let mut expected: Vec<(i64, JobId)> = jobs.iter().filter_map(|job| Some((job.due?.0, job.id))).collect();
    expected.sort_unstable();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = rig.stores.jobs.upcoming_jobs(after, 3).await.must();
        assert!(page.len() <= 3, "{page:?}");
        let Some(last) = page.last() else { break };
        after = last.next_run_at.map(|at| (at, last.id));
        found.extend(page.iter().filter_map(|job| Some((job.next_run_at?.0, job.id))));
    }
    assert_eq!(found, expected);
}
