//! `JobStore` and `Mailbox::fire`.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, founders, inbound_to, member, message, saying, session, step, uuid},
};
use crate::{Job, JobId, JobLease, JobWrite, PrincipalId, Timestamp, Writes};

fn job(owner: &str, name: &str, due: Option<i64>) -> Job {
    Job {
        id: JobId(uuid()),
        owner: PrincipalId(owner.into()),
        name: name.into(),
        definition: "{}".into(),
        next_run_at: due.map(Timestamp),
    }
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
    rig.stores.jobs.claim_due(rig.worker, Timestamp(now)).await.must()
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
