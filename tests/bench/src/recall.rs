//! Finding one message among many by its words.

use std::path::Path;

use anyhow::{Result, ensure};
use factotum::SystemIds;
use session_api::{
    MemoryIndex as _, MemoryQuery, Message, MessageId, Part, Principal, PrincipalId, Role, Scope, SessionKey,
    SessionStore as _, Timestamp, TurnId,
};
use sqlite_store::SqliteStore;

use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::jobs::with_store;
use crate::machine::Stopwatch;

/// Messages that are stored by one call, and taken up by one.
const BATCH: usize = 1_000;
const TAKEN: usize = 128;
/// Sessions among which the messages are spread; every tenth is a member's.
const SESSIONS: u64 = 2_000;
/// Different words. The first is the most common one: word n stands 1/n times as often.
const WORDS: u64 = 50_000;
/// Searches of each kind.
const SEARCHES: usize = 200;
const START: i64 = 1_763_700_000_000;
/// A message every half minute.
const APART: i64 = 30_000;

/// A generator of numbers with a seed, so that each run has the same texts.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    /// 1 much more often than 2, and so on.
    fn rank(&mut self, end: u64) -> u64 {
        let unit = self.below(1 << 24) as f64 / (1 << 24) as f64;
        (end as f64).powf(unit) as u64
    }
}

fn word(number: u64) -> String {
    const SOUNDS: [&str; 16] =
        ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "za"];
    let mut left = number * 7_919 + 16;
    let mut word = String::new();
    while left > 0 {
        word.push_str(SOUNDS[usize::try_from(left % 16).unwrap_or(0)]);
        left /= 16;
    }
    word
}

fn han(numbers: &mut Numbers) -> char {
    u32::try_from(0x4E00 + numbers.rank(3_000)).ok().and_then(char::from_u32).unwrap_or('一')
}

fn text(numbers: &mut Numbers) -> String {
    if numbers.below(20) == 0 {
        return (0..30).map(|_| han(numbers)).collect();
    }
    let words: Vec<String> = (0..30).map(|_| word(numbers.rank(WORDS))).collect();
    words.join(" ")
}

fn session(number: u64) -> (SessionKey, PrincipalId) {
    let person = if number.is_multiple_of(10) { format!("test:{number}") } else { "owner".into() };
    (SessionKey::new("test", "bot", format!("chat{number}")), PrincipalId(person))
}

fn message(numbers: &mut Numbers, at: i64) -> Message {
    Message {
        id: MessageId::new(&SystemIds),
        role: Role::User,
        principal: None,
        turn: TurnId::new(&SystemIds),
        at: Timestamp(at),
        parts: vec![Part::text(text(numbers))],
    }
}

/// `COUNT` messages, and a database that is opened again; from a million on it is first filled up to two gigabytes.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let home = tempfile::Builder::new().prefix("recall-").tempdir_in(&setting.dir)?;
    let mut figures = with_store(home.path(), async |store| {
        let mut figures = fill(store, setting.count).await?;
        figures.extend(search(store, setting.count).await?);
        if setting.count >= 1_000_000 {
            pad(store, home.path()).await?;
        }
        Ok(figures)
    })?;
    figures.push(reopen(home.path())?);
    Ok(figures)
}

async fn fill(store: &SqliteStore, count: usize) -> Result<Vec<Figure>> {
    let mut numbers = Numbers(1);
    let (mut stored, mut at) = (0, START);
    let watch = Stopwatch::start();
    while stored < count {
        let (key, person) = session(numbers.below(SESSIONS));
        let batch = BATCH.min(count - stored);
        let messages = (0..batch).map(|_| {
            at += APART;
            message(&mut numbers, at)
        });
        store.import_session(&key, &person, messages.collect()).await?;
        stored += batch;
    }
    let storing = count as f64 / watch.elapsed().as_secs_f64();
    let watch = Stopwatch::start();
    let mut held = Samples::default();
    let mut taken = 0;
    loop {
        let batch = Stopwatch::start();
        let progress = store.index_messages(TAKEN).await?;
        held.add(batch.elapsed());
        taken += progress.taken;
        if !progress.left {
            break;
        }
    }
    ensure!(taken == count, "{taken} of {count} messages were taken up");
    let rate = count as f64 / watch.elapsed().as_secs_f64();
    let rate = Figure::new(format!("messages/s taken up, of {count}"), "/s", rate);
    let rate = rate.beside("stored by import", storing).goal(Goal::AtLeast(1_000.0));
    Ok(vec![rate, Figure::millis(format!("taking up {TAKEN} of them at once"), &held)])
}

async fn search(store: &SqliteStore, count: usize) -> Result<Vec<Figure>> {
    let mut numbers = Numbers(2);
    let end = START + APART * i64::try_from(count).unwrap_or(i64::MAX);
    let owner = Scope::Of(Principal::owner().id);
    let mut figures = Vec::new();
    let mut all = Samples::default();
    for kind in
        ["a common word", "a rare word", "three words", "eight words", "Chinese", "one session", "one week"]
    {
        let mut samples = Samples::default();
        for round in 0..SEARCHES + 20 {
            let mut some = |count: usize| -> String {
                let words: Vec<String> = (0..count).map(|_| word(numbers.rank(WORDS))).collect();
                words.join(" ")
            };
            let text = match kind {
                "a common word" => word(1 + numbers.below(20)),
                "a rare word" => word(WORDS / 2 + numbers.below(WORDS / 2)),
                "eight words" => some(8),
                "Chinese" => String::from_iter([han(&mut numbers), han(&mut numbers), han(&mut numbers)]),
                _ => some(3),
            };
            let since = end - i64::try_from(numbers.below(u64::try_from(end - START)?))?;
            let query = MemoryQuery {
                text,
                limit: 10,
                session: (kind == "one session").then(|| session(numbers.below(SESSIONS)).0),
                since: (kind == "one week").then_some(Timestamp(since)),
                until: (kind == "one week").then_some(Timestamp(since + 7 * 86_400_000)),
                ..MemoryQuery::default()
            };
            let scope = if kind == "one session" { &Scope::All } else { &owner };
            let watch = Stopwatch::start();
            store.recall(scope, &query).await?;
            // The first ones fill caches.
            if round >= 20 {
                samples.add(watch.elapsed());
            }
        }
        all.append(&samples);
        figures.push(Figure::millis(format!("search: {kind}"), &samples).goal(Goal::AtMost(20.0)));
    }
    let every = Figure::new(format!("search among {count}: 99 of 100 within"), "ms", all.percentile(99));
    figures.push(every.beside("the median", all.median()).goal(Goal::AtMost(20.0)));
    Ok(figures)
}

/// Long messages, until the database has two gigabytes.
async fn pad(store: &SqliteStore, home: &Path) -> Result<()> {
    let mut numbers = Numbers(3);
    let (key, person) = session(1);
    let long = "log ".repeat(25_000);
    while std::fs::metadata(home.join("factotum.db"))?.len() < 2 << 30 {
        let long = || Message { parts: vec![Part::text(long.as_str())], ..message(&mut numbers, START) };
        let messages: Vec<Message> = std::iter::repeat_with(long).take(100).collect();
        store.import_session(&key, &person, messages).await?;
    }
    Ok(())
}

fn reopen(home: &Path) -> Result<Figure> {
    let size = std::fs::metadata(home.join("factotum.db"))?.len();
    let mut samples = Samples::default();
    for _ in 0..10 {
        let watch = Stopwatch::start();
        with_store(home, async |store| {
            store.sessions(&Scope::All, 1).await?;
            samples.add(watch.elapsed());
            Ok(())
        })?;
    }
    let what = format!("opening a database of {} MB, to the first answer", size >> 20);
    Ok(Figure::millis(what, &samples).goal(Goal::AtMost(100.0)))
}
