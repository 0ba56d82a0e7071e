//! Jobs while gateways are killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it set it up"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use it::{Gateway, Setup, sound, until};
use schedule::{JobRequest, Payload, When, Zones};
use servers::{ModelServer, Reply, Script, TempHome};
use session_api::{
    Batch, Clock, IdSource, InboundState, Job, JobStore as _, JobWrite, Mailbox as _, ManualClock, Outcome,
    Principal, Route, SessionKey, Timestamp, WorkerId, Writes,
};
use sqlite_store::{OpenOptions, SqliteStore};

/// Ids of this test: apart from those of the gateways.
#[derive(Default)]
struct Ids(std::sync::atomic::AtomicU64);

impl IdSource for Ids {
    fn next_uuid(&self) -> uuid::Uuid {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        uuid::Uuid::from_u128((0xA11_u128 << 100) | u128::from(n))
    }
}

#[expect(clippy::disallowed_methods, reason = "the gateways go by the machine's clock")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// Does something with the store of `home`, as one more process beside the gateways.
fn with_store<T>(home: &TempHome, worker: u128, work: impl AsyncFnOnce(&SqliteStore) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now()));
        let options = OpenOptions::new(home.path(), WorkerId(uuid::Uuid::from_u128(worker)));
        let (store, writer) = SqliteStore::open(options, clock, Arc::new(Ids::default())).await.unwrap();
        tokio::select! {
            done = work(&store) => done,
            ended = writer.run() => panic!("the writer ended: {ended:?}"),
        }
    })
}

/// Every third job calls a tool without a model, the others ask it.
fn job(ids: &Ids, number: usize, at: Timestamp) -> Job {
    let payload = match number % 3 {
        0 => Payload::Tool {
            name: "calculate_expression".into(),
            arguments: serde_json::json!({"expression": format!("{number} + 0")}),
        },
        _ => Payload::Prompt { text: format!("w-{number}") },
    };
    let reply = Route::to_session(&SessionKey::new("cli", "local", "jobs"));
    let request = JobRequest {
        name: format!("job {number}"),
        ..JobRequest::new(When::At { at }, payload, Principal::owner(), reply)
    };
    request.into_job(now(), &Zones::utc(), ids).unwrap()
}

#[test]
fn each_job_is_fired_once_and_answered_once_whoever_is_killed() {
    kill_while_due(100, 8, Duration::from_secs(24));
}

/// As above, for longer.
#[test]
#[ignore = "two minutes; `cargo xtask crash` runs it"]
fn five_hundred_jobs_stand_forty_kills() {
    kill_while_due(500, 40, Duration::from_secs(120));
}

/// Kills whoever works so often while so many jobs come due over `span`; each time the other one takes over.
fn kill_while_due(count: usize, kills: usize, span: Duration) {
    let server = ModelServer::start(Script::by(|request, _| {
        let words = it::words(request);
        Reply::text(&format!("did {}", words.first().cloned().unwrap_or_default()))
    }));
    let home = Setup::of(&server).home();
    let mut gateways = vec![Gateway::start(&home), Gateway::launch(&home, None)];
    let begun = now().plus(Duration::from_secs(5));
    let jobs: Vec<Job> = with_store(&home, 0xBEEF, async |store| {
        let ids = Ids::default();
        let step = span / u32::try_from(count).unwrap();
        let jobs: Vec<Job> =
            (0..count).map(|n| job(&ids, n, begun.plus(step * u32::try_from(n).unwrap()))).collect();
        let writes = Writes { jobs: jobs.iter().cloned().map(JobWrite::Put).collect(), ..Writes::default() };
        store.accept(None, Batch { writes, ..Batch::default() }, None).await.unwrap();
        jobs
    });
    let pace = span / u32::try_from(kills).unwrap();
    for kill in 0..kills {
        let due = begun.plus(pace * u32::try_from(kill).unwrap());
        std::thread::sleep(due.since(now()));
        let primary = until("somebody to work", || gateways.iter().position(|one| one.role() == "primary"));
        gateways.remove(primary).kill9();
        gateways.push(Gateway::launch(&home, None));
    }
    let settled = |store: &SqliteStore| {
        let store = store.clone();
        let jobs = jobs.clone();
        async move {
            let mut found: BTreeMap<String, Vec<InboundState>> = BTreeMap::new();
            for job in &jobs {
                for run in store.job_runs(job.id, 9).await.unwrap() {
                    let view = store.inbound(run.inbound.unwrap()).await.unwrap().unwrap();
                    found.entry(job.name.clone()).or_default().push(view.state);
                }
            }
            found
        }
    };
    let found = with_store(&home, 0xCAFE, async |store| {
        for _ in 0..600 {
            let found = settled(store).await;
            let done = |states: &Vec<InboundState>| {
                states.iter().all(|state| matches!(state, InboundState::Settled(_)))
            };
            if found.len() == count && found.values().all(done) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        settled(store).await
    });
    for (number, job) in jobs.iter().enumerate() {
        let states = found.get(&job.name).map_or(&[][..], Vec::as_slice);
        let [InboundState::Settled(settled)] = states else { panic!("{}: {states:?}", job.name) };
        assert_eq!(settled.outcome, Outcome::Replied, "{}", job.name);
        let said: Vec<_> = settled.replies.iter().flat_map(|reply| &reply.parts).collect();
        let expected = if number % 3 == 0 { format!("{number}") } else { format!("did w-{number}") };
        assert!(said.len() == 1 && said[0].as_text() == Some(expected.as_str()), "{}: {said:?}", job.name);
    }
    drop(gateways);
    sound(&home);
}
