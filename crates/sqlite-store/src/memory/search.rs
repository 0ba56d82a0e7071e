//! `MemoryIndex::recall`.

use std::collections::{HashMap, HashSet};

use session_api::{
    MOST_HITS, MemoryHit, MemoryKind, MemoryPlace, MemoryQuery, Message, PrincipalId, RANKED, Ranking,
    Recalled, Role, Scope, StoreError, Timestamp, query_words,
};

use super::marks;
use crate::{
    apply::SEQ_BITS,
    encode::{Reading, json, limit, uint},
    open::SqliteStore,
    script::Script,
};

/// Texts that are read at once, best first.
const READ: usize = 64;
/// Fewest matches of each word that are looked at, where there are several.
const FEWEST: usize = 500;
/// How much further back than the newest matches of the rarer word two words are looked for together.
const TOGETHER: i64 = 3;
/// A text that the index found and that holds none of the words in its first part is worth this much of what they tell.
const ELSEWHERE: f32 = 0.5;

/// The newest texts with a word, and whether that are all. As one value: each row is a message between two threads.
const NEWEST: &str = "SELECT count(*), group_concat(no, ' ') FROM (SELECT rowid AS no FROM memory_words
    WHERE memory_words MATCH ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?)";

const MESSAGES: &str = "SELECT m.no, m.pk, s.key, s.principal, s.shared, m.body FROM json_each(?) AS best
    CROSS JOIN messages m ON m.no = best.value CROSS JOIN sessions s ON s.id = m.pk >> 32";

const NOTES: &str = "SELECT n.no, n.line, f.path, f.person, f.at, n.text FROM json_each(?) AS best
    CROSS JOIN memory_notes n ON n.no = best.value CROSS JOIN memory_files f ON f.path = n.path";

/// The newest matches of one word, newest first.
struct Matches {
    word: String,
    nos: Vec<i64>,
    cut: bool,
}

impl Matches {
    /// About how many texts hold the word: as dense as in its newest matches.
    fn estimate(&self, upto: i64) -> u64 {
        match self.nos.last() {
            Some(oldest) if self.cut => {
                let span = (upto - oldest).max(1) as f64;
                (self.nos.len() as f64 * upto as f64 / span) as u64
            }
            _ => self.nos.len() as u64,
        }
    }
}

pub(super) async fn recall(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
) -> Result<Recalled, StoreError> {
    let words = query_words(&query.text);
    let wanted = query.limit.min(MOST_HITS);
    if words.is_empty() || wanted == 0 {
        return Ok(Recalled::default());
    }
    let within = marks::of_search(scope, query);
    let (matches, upto, texts) = newest(store, &within, words).await?;
    let mut more = matches.iter().any(|matches| matches.cut);
    let counted = matches.iter().map(|matches| (matches.word.clone(), matches.estimate(upto))).collect();
    let ranking = Ranking::new(counted, texts, store.now());
    let mut scores: HashMap<i64, f32> = HashMap::new();
    for (index, matches) in matches.iter().enumerate() {
        for no in &matches.nos {
            *scores.entry(*no).or_default() += ranking.weight(index);
        }
    }
    together(store, &within, &matches, &ranking, upto, wanted, &mut scores).await?;
    let mut best: Vec<(i64, f32)> = scores.into_iter().collect();
    best.sort_by(|(no, score), (other, others)| others.total_cmp(score).then(other.cmp(no)));
    let mut found: Vec<(f32, i64, MemoryHit)> = Vec::new();
    let mut read = 0;
    for chunk in best.chunks(READ) {
        if found.len() >= wanted {
            break;
        }
        read += chunk.len();
        let told: HashMap<i64, f32> = chunk.iter().copied().collect();
        for (no, hit) in texts_of(store, scope, query, chunk).await? {
            let least = ELSEWHERE * told.get(&no).copied().unwrap_or(0.0);
            found.push((ranking.score(&hit.text, hit.at).max(least), no, hit));
        }
    }
    more |= read < best.len() || found.len() > wanted;
    found.sort_by(|(score, no, _), (others, other, _)| others.total_cmp(score).then(other.cmp(no)));
    let hits = found.into_iter().take(wanted).map(|(_, _, hit)| hit).collect();
    Ok(Recalled { hits, more, told: Vec::new() })
}

/// The newest matches of each word, how far the index has come, and how many texts it holds.
async fn newest(
    store: &SqliteStore,
    within: &str,
    words: Vec<String>,
) -> Result<(Vec<Matches>, i64, u64), StoreError> {
    let mut script = Script::new(
        "SELECT coalesce(max(upto, (SELECT max(no) FROM memory_notes)), upto), texts FROM memory_state",
    );
    let most = (RANKED / words.len().max(1)).max(FEWEST);
    for word in &words {
        script.add(NEWEST).bind(format!("{within}\"{word}\"")).bind(0_i64).bind(limit(most + 1));
    }
    let mut found = store.snapshot(script).await?;
    let file = &store.shared.layout.database;
    let state = found.first(0);
    let (upto, texts) = state.map_or(Ok((0, 0)), |row| {
        let row = Reading { file, row: &row };
        Ok((row.int(0)?, row.uint(1)?))
    })?;
    let mut matches = Vec::with_capacity(words.len());
    for (index, word) in words.into_iter().enumerate() {
        let mut nos = match found.first(index + 1) {
            Some(row) => numbers(&Reading { file, row: &row })?,
            None => Vec::new(),
        };
        let cut = nos.len() > most;
        nos.truncate(most);
        matches.push(Matches { word, nos, cut });
    }
    Ok((matches, upto, texts))
}

fn numbers(row: &Reading<'_>) -> Result<Vec<i64>, StoreError> {
    let packed = row.maybe_text(1)?.unwrap_or_default();
    Ok(packed.split(' ').filter_map(|number| number.parse().ok()).collect())
}

/// Adds texts that hold the two rarest words and are too old to be among the newest of either. Bounded: where even the
/// rarer one stands in too many texts, it looks only so far back.
async fn together(
    store: &SqliteStore,
    within: &str,
    matches: &[Matches],
    ranking: &Ranking,
    upto: i64,
    wanted: usize,
    scores: &mut HashMap<i64, f32>,
) -> Result<(), StoreError> {
    let mut known: Vec<(usize, u64)> = (0..matches.len())
        .filter(|index| !matches[*index].nos.is_empty())
        .map(|index| (index, matches[index].estimate(upto)))
        .collect();
    known.sort_by_key(|(_, estimate)| *estimate);
    let [(rarest, _), (second, _), ..] = known.as_slice() else { return Ok(()) };
    let (rarest, second) = (*rarest, *second);
    if !matches[second].cut {
        return Ok(());
    }
    let both = ranking.weight(rarest) + ranking.weight(second);
    // As many as are wanted hold both, and are newer than all that would be found.
    if scores.values().filter(|score| **score >= both).count() >= wanted {
        return Ok(());
    }
    let from = match matches[rarest].nos.last() {
        Some(oldest) if matches[rarest].cut => upto - (upto - oldest).saturating_mul(TOGETHER),
        _ => 0,
    };
    let mut script = Script::new(NEWEST);
    script.bind(format!("{within}\"{}\" AND \"{}\"", matches[rarest].word, matches[second].word));
    script.bind(from).bind(limit(FEWEST));
    let Some(row) = store.read(script).await?.first(0) else { return Ok(()) };
    for no in numbers(&Reading { file: &store.shared.layout.database, row: &row })? {
        let score = scores.entry(no).or_default();
        *score = score.max(both);
    }
    Ok(())
}

/// The texts of these, as far as they may be shown.
async fn texts_of(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
    best: &[(i64, f32)],
) -> Result<Vec<(i64, MemoryHit)>, StoreError> {
    let nos = json(&best.iter().map(|(no, _)| no).collect::<Vec<_>>())?;
    let mut script = Script::new(MESSAGES);
    script.bind(nos.as_str());
    script.add(NOTES).bind(nos);
    let mut rows = store.snapshot(script).await?;
    let file = &store.shared.layout.database;
    let mut hits = Vec::with_capacity(best.len());
    let mut once = HashSet::new();
    for row in &rows.take(0) {
        let row = Reading { file, row };
        let (owner, shared, key) = (PrincipalId(row.text(3)?), row.bool(4)?, row.text(2)?);
        let own = |person: &PrincipalId| !shared && *person == owner;
        let visible = match scope {
            Scope::All => true,
            Scope::Of(person) => own(person),
            Scope::Session(session) => session.to_string() == key,
        };
        let asked = query.person.as_ref().is_none_or(own)
            && query.session.as_ref().is_none_or(|session| session.to_string() == key);
        // What is damaged is named by the doctor.
        let Some(message) = (visible && asked).then(|| row.json::<Message>(5).ok()).flatten() else {
            continue;
        };
        let kind = if message.role == Role::Tool { MemoryKind::Result } else { MemoryKind::Message };
        let seq = uint(row.int(1)? & ((1 << SEQ_BITS) - 1));
        let place = MemoryPlace::Message { session: row.parsed(2)?, seq };
        let (role, at, text) = (Some(message.role), message.at, message.readable());
        if is_asked_for(query, kind, at) && once.insert(row.int(0)?) {
            hits.push((row.int(0)?, MemoryHit { place, kind, role, at, text }));
        }
    }
    for row in &rows.take(1) {
        let row = Reading { file, row };
        let owner = PrincipalId(row.text(3)?);
        let visible = match scope {
            Scope::All => true,
            Scope::Of(person) => *person == owner,
            Scope::Session(_) => false,
        };
        let asked = query.session.is_none() && query.person.as_ref().is_none_or(|person| *person == owner);
        let (kind, at) = (MemoryKind::Note, row.time(4)?);
        if visible && asked && is_asked_for(query, kind, at) {
            let line = u32::try_from(row.int(1)?).unwrap_or(1);
            let place = MemoryPlace::File { path: row.text(2)?, line };
            hits.push((row.int(0)?, MemoryHit { place, kind, role: None, at, text: row.text(5)? }));
        }
    }
    Ok(hits)
}

fn is_asked_for(query: &MemoryQuery, kind: MemoryKind, at: Timestamp) -> bool {
    query.kind.is_none_or(|wanted| wanted == kind)
        && query.since.is_none_or(|since| at >= since)
        && query.until.is_none_or(|until| at < until)
}
