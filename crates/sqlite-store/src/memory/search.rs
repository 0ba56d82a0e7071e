//! `MemoryIndex::recall`.

use std::collections::{HashMap, HashSet};

use session_api::{
    MOST_HITS, MemoryHit, MemoryKind, MemoryPlace, MemoryQuery, Message, PrincipalId, RANKED, Ranking,
    Recalled, Role, Scope, StoreError, Timestamp, query_words,
};

use super::{
    marks,
    range::{Range, range, timely},
};
use crate::{
    apply::SEQ_BITS,
    encode::{Reading, json, limit, uint},
    history::{IN_SCOPE, bind_scope},
    open::SqliteStore,
    script::{Answers, Script},
};

/// Texts that are read at once, best first: so many for each that is wanted, and no fewer than that.
const READ: usize = 4;
const FEWEST_READ: usize = 32;
/// Fewest matches of each word that are looked at, where there are several.
const FEWEST: usize = 500;
/// So many matches tell how many of all lie in the scope.
const SAMPLE: usize = 64;
/// Of a word with no more matches than this all are read, whatever the query narrows.
const FEW: usize = 256;
/// A text that the index found and that holds none of the words in its first part is worth this much of what they tell.
const ELSEWHERE: f32 = 0.5;

/// The newest texts with a word, and whether that are all. As one value: each row is a message between two threads.
const NEWEST: &str = "SELECT count(*), group_concat(no, ' ') FROM (SELECT rowid AS no FROM memory_words
    WHERE memory_words MATCH ? AND rowid >= ? AND rowid <= ? ORDER BY rowid DESC LIMIT ?)";

const MESSAGES: &str = "SELECT m.no, m.pk, s.key, s.principal, s.shared, m.body FROM json_each(?) AS best
    CROSS JOIN messages m ON m.no = best.value CROSS JOIN sessions s ON s.id = m.pk >> 32";

/// Which of these messages lie in a scope: reads two indexes and no message.
const INSIDE: &str = "SELECT 0, group_concat(m.no, ' ') FROM json_each(?) AS found
    CROSS JOIN messages m INDEXED BY messages_no ON m.no = found.value
    CROSS JOIN sessions s ON s.id = m.pk >> 32 WHERE {scope}";

const NOTES: &str = "SELECT n.no, n.line, f.path, f.person, f.at, n.text FROM json_each(?) AS best
    CROSS JOIN memory_notes n ON n.no = best.value CROSS JOIN memory_files f ON f.path = n.path";

/// The newest matches of one word, newest first.
struct Matches {
    word: String,
    nos: Vec<i64>,
    cut: bool,
}

impl Matches {
    fn of(word: String, mut nos: Vec<i64>, most: usize) -> Self {
        let cut = nos.len() > most;
        nos.truncate(most);
        Self { word, nos, cut }
    }

    /// About how many of all texts up to `upto` hold the word: as dense as in those matches, of which the newest is no newer
    /// than `newest`.
    fn estimate(&self, newest: i64, upto: i64) -> u64 {
        match self.nos.last() {
            Some(oldest) if self.cut => {
                let span = (newest - oldest).max(1) as f64;
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
    // Two readers: neither has to wait for the other.
    let (known, range) = tokio::join!(known_as(store, scope, query), range(store, query));
    let ((names, files), Some(range)) = (known?, range?) else { return Ok(Recalled::default()) };
    let Newest { matches, upto, texts, within } = newest(store, scope, query, &names, &range, words).await?;
    let read_at_once = (READ * wanted).max(FEWEST_READ);
    let mut more = matches.iter().any(|matches| matches.cut);
    let counted = matches
        .iter()
        .map(|matches| (matches.word.clone(), matches.estimate(range.to.min(upto), upto)))
        .collect();
    let ranking = Ranking::new(counted, texts, store.now());
    let mut scores: HashMap<i64, f32> = HashMap::new();
    for (index, matches) in matches.iter().enumerate() {
        for no in &matches.nos {
            *scores.entry(*no).or_default() += ranking.weight(index);
        }
    }
    together(store, &Whole { within: &within, range: &range, upto, wanted }, &matches, &ranking, &mut scores)
        .await?;
    let mut best: Vec<(i64, f32)> = scores.into_iter().collect();
    best.sort_by(|(no, score), (other, others)| others.total_cmp(score).then(other.cmp(no)));
    let mut found: Vec<(f32, i64, MemoryHit)> = Vec::new();
    let mut read = 0;
    for chunk in best.chunks(read_at_once) {
        if found.len() >= wanted {
            break;
        }
        read += chunk.len();
        let told: HashMap<i64, f32> = chunk.iter().copied().collect();
        for (no, hit) in texts_of(store, scope, query, &files, chunk).await? {
            let least = ELSEWHERE * told.get(&no).copied().unwrap_or(0.0);
            found.push((ranking.score(&hit.text, hit.at).max(least), no, hit));
        }
    }
    more |= read < best.len() || found.len() > wanted;
    found.sort_by(|(score, no, _), (others, other, _)| others.total_cmp(score).then(other.cmp(no)));
    let hits = found.into_iter().take(wanted).map(|(_, _, hit)| hit).collect();
    Ok(Recalled { hits, more, told: Vec::new() })
}

/// Under which other names what belongs to the people of a search was taken up, and whose the files of those are that are
/// joined to them now.
pub(super) async fn known_as(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
) -> Result<(marks::Names, HashMap<PrincipalId, PrincipalId>), StoreError> {
    let (mut names, mut files) = (marks::Names::new(), HashMap::new());
    let reader = match scope {
        Scope::Of(person) => Some(person),
        Scope::All | Scope::Session(_) => None,
    };
    for person in reader.into_iter().chain(&query.person) {
        let mut script = Script::new("SELECT person FROM joined WHERE id = ? AND NOT parted");
        script.bind(person.0.as_str());
        script.add("SELECT id, parted FROM joined WHERE person = ?").bind(person.0.as_str());
        let mut found = store.snapshot(script).await?;
        if let Some(row) = found.first(0) {
            let row = Reading { file: &store.shared.layout.database, row: &row };
            files.insert(person.clone(), PrincipalId(row.text(0)?));
        }
        for row in &found.take(1) {
            let row = Reading { file: &store.shared.layout.database, row };
            let name = PrincipalId(row.text(0)?);
            if !row.bool(1)? {
                files.insert(name.clone(), person.clone());
            }
            names.entry(person.clone()).or_default().push(name);
        }
    }
    Ok((names, files))
}

/// What the index says.
struct Newest {
    matches: Vec<Matches>,
    /// How far the index has come, and how many texts it holds.
    upto: i64,
    texts: u64,
    /// What the words were looked for together with.
    within: String,
}

/// The newest matches of each word. What lies outside the scope may be among them.
///
/// A mark that most texts have costs much and narrows little: so each word is first looked for by itself, and what lies
/// outside the scope is sorted out afterwards. Where that leaves little of much, or the query narrows it further, it is
/// looked for together with the marks.
async fn newest(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
    names: &marks::Names,
    range: &Range,
    words: Vec<String>,
) -> Result<Newest, StoreError> {
    let mut script = Script::new(
        "SELECT coalesce(max(upto, (SELECT max(no) FROM memory_notes)), upto), texts FROM memory_state",
    );
    let most = (RANKED / words.len().max(1)).max(FEWEST);
    // One conversation is so small a part that its mark comes first in any case.
    let named = query.session.is_some() || matches!(scope, Scope::Session(_));
    let mut lead = String::new();
    if named {
        if query.session.is_none() {
            lead.push_str(&marks::of_scope(scope, names));
        }
        lead.push_str(&marks::of_query(query, names));
        lead.extend(range.marks.iter().flat_map(|marks| [marks.as_str(), " AND "]));
    }
    for word in &words {
        script.add(NEWEST).bind(format!("{lead}\"{word}\"")).bind(range.from).bind(range.to);
        script.bind(limit(most + 1));
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
        let nos = found.first(index + 1).map(|row| numbers(&Reading { file, row: &row })).transpose()?;
        matches.push(Matches::of(word, nos.unwrap_or_default(), most));
    }
    if named {
        return Ok(Newest { matches, upto, texts, within: lead });
    }
    let all: HashSet<i64> = matches.iter().flat_map(|matches| matches.nos.iter().copied()).collect();
    let sample: HashSet<i64> = all.iter().copied().step_by(all.len().div_ceil(SAMPLE).max(1)).collect();
    let (known, timely) = tokio::join!(inside(store, scope, &sample), timely(store, query, range, &sample));
    let (known, timely) = (known?, timely?);
    // The few that lie outside are left out when they are read.
    let inside =
        if known.len() * 5 >= sample.len() * 4 { all.clone() } else { inside(store, scope, &all).await? };
    let dense = inside.len() * 4 >= all.len();
    let mut narrow = marks::of_query(query, names);
    if let (false, Some(marks)) = (timely, &range.marks) {
        narrow.push_str(marks);
        narrow.push_str(" AND ");
    }
    let within = if dense { narrow.clone() } else { marks::of_scope(scope, names) + &narrow };
    let is_enough = |matches: &Matches| {
        let left = matches.nos.iter().filter(|no| inside.contains(no)).count();
        if matches.cut { dense && narrow.is_empty() } else { narrow.is_empty() || left <= FEW }
    };
    let mut again = Script::default();
    for matches in matches.iter().filter(|matches| !is_enough(matches)) {
        again.add(NEWEST).bind(format!("{within}\"{}\"", matches.word)).bind(range.from).bind(range.to);
        again.bind(limit(most + 1));
    }
    let mut found = if again.is_empty() { Answers::default() } else { store.snapshot(again).await? };
    let mut place = 0;
    for matches in &mut matches {
        if is_enough(matches) {
            matches.nos.retain(|no| inside.contains(no));
            continue;
        }
        let nos = found.first(place).map(|row| numbers(&Reading { file, row: &row })).transpose()?;
        *matches = Matches::of(std::mem::take(&mut matches.word), nos.unwrap_or_default(), most);
        place += 1;
    }
    Ok(Newest { matches, upto, texts, within })
}

/// Which of these lie in a scope. Notes are let through: there are few, and who may see them is checked when they are read.
async fn inside(store: &SqliteStore, scope: &Scope, all: &HashSet<i64>) -> Result<HashSet<i64>, StoreError> {
    if matches!(scope, Scope::All) || all.is_empty() {
        return Ok(all.clone());
    }
    let mut script = Script::default();
    script.add_where(INSIDE, IN_SCOPE).bind(json(all)?);
    bind_scope(&mut script, scope);
    script.add("SELECT 0, group_concat(n.no, ' ') FROM json_each(?) AS found CROSS JOIN memory_notes n ON n.no = found.value");
    script.bind(json(all)?);
    let mut found = store.snapshot(script).await?;
    let mut inside = HashSet::with_capacity(all.len());
    for index in 0..2 {
        if let Some(row) = found.first(index) {
            inside.extend(numbers(&Reading { file: &store.shared.layout.database, row: &row })?);
        }
    }
    Ok(inside)
}

fn numbers(row: &Reading<'_>) -> Result<Vec<i64>, StoreError> {
    let packed = row.maybe_text(1)?.unwrap_or_default();
    Ok(packed.split(' ').filter_map(|number| number.parse().ok()).collect())
}

/// What all words are looked for within.
struct Whole<'a> {
    within: &'a str,
    range: &'a Range,
    upto: i64,
    wanted: usize,
}

/// Adds texts that hold the two rarest words and are too old to be among the newest of either. Bounded: where even the
/// rarer one stands in too many texts, it looks only half as far again beyond its newest.
async fn together(
    store: &SqliteStore,
    whole: &Whole<'_>,
    matches: &[Matches],
    ranking: &Ranking,
    scores: &mut HashMap<i64, f32>,
) -> Result<(), StoreError> {
    let Whole { within, range, upto, wanted } = *whole;
    let newest = range.to.min(upto);
    let mut known: Vec<(usize, u64)> = (0..matches.len())
        .filter(|index| !matches[*index].nos.is_empty())
        .map(|index| (index, matches[index].estimate(newest, upto)))
        .collect();
    known.sort_by_key(|(_, estimate)| *estimate);
    let [(rarest, _), (second, _), ..] = known.as_slice() else { return Ok(()) };
    let (rarest, second) = (*rarest, *second);
    if !matches[second].cut || (!matches[rarest].cut && matches[rarest].nos.len() <= FEWEST_READ) {
        return Ok(());
    }
    let both = ranking.weight(rarest) + ranking.weight(second);
    // As many as are wanted hold both, and are newer than all that would be found.
    if scores.values().filter(|score| **score >= both).count() >= wanted {
        return Ok(());
    }
    let from = match matches[rarest].nos.last() {
        Some(oldest) if matches[rarest].cut => newest - (newest - oldest).saturating_mul(3) / 2,
        _ => 0,
    };
    let mut script = Script::new(NEWEST);
    script.bind(format!("{within}\"{}\" AND \"{}\"", matches[rarest].word, matches[second].word));
    script.bind(from.max(range.from)).bind(range.to).bind(limit(FEWEST));
    let Some(row) = store.read(script).await?.first(0) else { return Ok(()) };
    for no in numbers(&Reading { file: &store.shared.layout.database, row: &row })? {
        let score = scores.entry(no).or_default();
        *score = score.max(both);
    }
    Ok(())
}

/// The texts of these, as far as they may be shown.
pub(super) async fn texts_of(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
    files: &HashMap<PrincipalId, PrincipalId>,
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
        let owner = files.get(&owner).cloned().unwrap_or(owner);
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
