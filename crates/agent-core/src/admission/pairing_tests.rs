use session_api::{InMemoryStore, Job, JobId, JobWrite, LeasePolicy, ManualClock, SequentialIds};

use super::*;

#[tokio::test]
async fn the_jobs_of_somebody_who_is_a_stranger_again_are_switched_off_and_nobody_elses() {
    let (clock, ids): (Arc<ManualClock>, Arc<SequentialIds>) = Default::default();
    let store = Arc::new(InMemoryStore::new(clock.clone(), ids.clone(), LeasePolicy::default()));
    let pairing = Pairing::new(Stores::of(store.clone()), clock.clone(), ids.clone());
    let job = |owner: &str| Job {
        id: JobId::new(ids.as_ref()),
        owner: PrincipalId(owner.into()),
        name: owner.into(),
        definition: "{}".into(),
        enabled: true,
        due: Some(Timestamp(5)),
        next_run_at: Some(Timestamp(5)),
        runs: 0,
    };
    let (at, name) = (clock.now(), None);
    let kim = Paired { channel: "telegram".into(), sender: "7".into(), name, rank: Rank::Member, at };
    let also = Paired { sender: "8".into(), rank: Rank::Owner, ..kim.clone() };
    let kv = vec![
        pairing.set(paired_key("telegram", "7"), &kim, None).unwrap(),
        pairing.set(paired_key("telegram", "8"), &also, None).unwrap(),
    ];
    let jobs = ["telegram:7", "telegram:9", "owner"].map(|owner| JobWrite::Put(job(owner))).to_vec();
    pairing.write(Writes { kv, jobs, ..Writes::default() }).await.unwrap();
    pairing.revoke("telegram", "7").await.unwrap();
    pairing.revoke("telegram", "8").await.unwrap();
    let on = |jobs: Vec<Job>| jobs.into_iter().map(|job| (job.name, job.enabled)).collect::<Vec<_>>();
    let all = on(session_api::JobStore::jobs(store.as_ref(), None).await.unwrap());
    let expected = [("owner", true), ("telegram:7", false), ("telegram:9", true)];
    assert_eq!(all, expected.map(|(name, enabled)| (name.to_owned(), enabled)));
    assert_eq!(session_api::JobStore::next_job_at(store.as_ref()).await.unwrap(), Some(Timestamp(5)));
}
