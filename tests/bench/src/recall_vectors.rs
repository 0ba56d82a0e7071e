//! Finding one text among many by its vector.

use anyhow::{Result, ensure};
use factotum::SystemIds;
use session_api::{
    MemoryQuery, Message, MessageId, Part, Principal, PrincipalId, Role, Scope, SessionKey,
    SessionStore as _, Timestamp, TurnId, VectorIndex as _,
};
use sqlite_store::SqliteStore;

use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::jobs::with_store;
use crate::machine::{Stopwatch, load_average, own_memory};

const STORED: usize = 100_000;
/// Parts of a vector.
const PARTS: usize = 384;
const BATCH: usize = 1_000;
const SEARCHES: usize = 300;
/// Every tenth session is a member's.
const SESSIONS: usize = 500;

/// A vector in a direction of its own; the same at each run.
fn vector(number: u64) -> Vec<f32> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    };
    (0..PARTS).map(|_| next()).collect()
}

/// 100,000 vectors, searched within what a person may see; and what that leaves in this process's memory.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let home = tempfile::Builder::new().prefix("vectors-").tempdir_in(&setting.dir)?;
    let mut figures = vec![with_store(home.path(), fill)?];
    figures.extend(with_store(home.path(), search)?);
    Ok(figures)
}

async fn fill(store: &SqliteStore) -> Result<Figure> {
    let per_session = STORED / SESSIONS;
    for session in 0..SESSIONS {
        let person = if session % 10 == 0 { format!("test:{session}") } else { "owner".into() };
        let message = |number: usize| Message {
            id: MessageId::new(&SystemIds),
            role: Role::User,
            principal: None,
            turn: TurnId::new(&SystemIds),
            at: Timestamp(1_763_700_000_000),
            parts: vec![Part::text((session * per_session + number).to_string())],
        };
        let key = SessionKey::new("test", "bot", format!("chat{session}"));
        store.import_session(&key, &PrincipalId(person), (0..per_session).map(message).collect()).await?;
    }
    let watch = Stopwatch::start();
    loop {
        let without = store.texts_without_vector("bench", BATCH).await?;
        let made = |(no, text): &(u64, String)| (*no, Some(vector(text.parse().unwrap_or(0))));
        store.keep_vectors(without.mark, without.texts.iter().map(made).collect()).await?;
        if !without.left {
            break;
        }
    }
    let rate = STORED as f64 / watch.elapsed().as_secs_f64();
    Ok(Figure::new(format!("vectors/s kept, of {STORED} of {PARTS}"), "/s", rate))
}

async fn search(store: &SqliteStore) -> Result<Vec<Figure>> {
    let owner = Scope::Of(Principal::owner().id);
    let query = MemoryQuery { limit: 10, ..MemoryQuery::default() };
    // What any search needs is opened before the memory is looked at.
    store.sessions(&Scope::All, 1).await?;
    let before = own_memory()?;
    let mut samples = Samples::default();
    for round in 0..SEARCHES + 20 {
        let number = (round * 331 + 200) % STORED;
        let watch = Stopwatch::start();
        let nearest = store.nearest(&owner, &query, &vector(u64::try_from(number)?), 0.0).await?;
        // The first ones fill caches.
        if round >= 20 {
            samples.add(watch.elapsed());
        }
        let own = number / (STORED / SESSIONS) % 10 != 0;
        let found = nearest.hits.first().is_some_and(|hit| hit.text == number.to_string());
        ensure!(found == own, "text {number} was found by the owner: {found}");
    }
    let grown = own_memory()? - before;
    let load = format!("load {:.1}", load_average()?);
    let what = format!("search among {STORED} vectors of {PARTS}");
    let figure = Figure::millis(&what, &samples).note(load);
    let all = Figure::new(format!("{what}: 99 of 100 within"), "ms", samples.percentile(99));
    let memory = Figure::new("memory that these searches leave behind", "MiB", grown);
    Ok(vec![figure, all.goal(Goal::AtMost(30.0)), memory])
}
