//! `VectorIndex::nearest`.

use std::{
    collections::{HashMap, HashSet},
    io,
    ops::Range,
    sync::Arc,
};

use session_api::{
    MOST_HITS, MemoryHit, MemoryKind, MemoryQuery, Nearest, PrincipalId, Scope, StoreError, nearness,
    of_unit_length,
};

use super::{
    feed::BEHIND,
    file::{Head, Rounded, Scanned, VectorFile, Wanted},
    sync::{floats, off_thread, synced},
};
use crate::{
    encode::{Reading, json},
    history::{IN_SCOPE, bind_scope},
    memory::search::{known_as, texts_of},
    open::SqliteStore,
    script::Script,
};

/// Rounded vectors of so many times what is asked for, and of so many at least, are looked at once more as they are.
const AGAIN: usize = 3;
const FEWEST: usize = 64;
/// How much rounding may move a cosine.
const BLUR: f32 = 0.02;
/// Of so many records whose vectors went beyond as many that did not, the file is made anew.
const TOO_MANY_GONE: usize = 1_000;

const SESSIONS: &str = "SELECT group_concat(s.id, ' ') FROM sessions s
    WHERE s.key = coalesce(?, s.key) AND (? IS NULL OR (s.principal = ? AND NOT s.shared)) AND {scope}";

const NOTES: &str = "SELECT f.person, group_concat(n.no, ' ') FROM memory_files f
    JOIN memory_notes n ON n.path = f.path GROUP BY f.path";

const VECTORS: &str = "SELECT v.no, v.vector FROM json_each(?) AS near
    CROSS JOIN memory_vectors v ON v.no = near.value";

/// What a search may compare.
#[derive(Default)]
struct Allowed {
    /// The sessions, one bit each; `None`: all of them.
    sessions: Option<Vec<u64>>,
    /// The sections.
    notes: HashSet<i64>,
    kind: Option<MemoryKind>,
    since: Option<i64>,
    until: Option<i64>,
}

impl Allowed {
    fn lets(&self, head: &Head) -> bool {
        if self.kind.is_some_and(|kind| kind != head.kind) {
            return false;
        }
        if head.kind == MemoryKind::Note {
            // When its file changed last is known to the database alone.
            return self.notes.contains(&head.no);
        }
        self.since.is_none_or(|since| head.at >= since)
            && self.until.is_none_or(|until| head.at < until)
            && self.sessions.as_ref().is_none_or(|sessions| {
                let session = usize::try_from(head.session).unwrap_or(usize::MAX);
                sessions.get(session / 64).is_some_and(|bits| bits >> (session % 64) & 1 == 1)
            })
    }
}

pub(super) async fn nearest(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
    vector: &[f32],
    least: f32,
) -> Result<Nearest, StoreError> {
    let wanted = query.limit.min(MOST_HITS);
    let Some(vector) = of_unit_length(vector.to_vec()).filter(|_| wanted > 0) else {
        return Ok(Nearest::default());
    };
    let row = store.read(Script::new(BEHIND)).await?.first(0);
    let row =
        row.map(|row| Reading { file: &store.shared.layout.database, row: &row }.bool(0)).transpose()?;
    let mut behind = row.unwrap_or(false);
    let (_, files) = known_as(store, scope, query).await?;
    let allowed = allowed(store, scope, query, &files).await?;
    let Some((file, whole)) = synced(store).await? else { return Ok(Nearest { hits: Vec::new(), behind }) };
    behind |= !whole;
    let most = (wanted * AGAIN).max(FEWEST);
    let Some(scanned) = scanned(store, file, &vector, least - BLUR, most, allowed).await? else {
        return Ok(Nearest { hits: Vec::new(), behind: true });
    };
    let mut near = as_they_are(store, &vector, &scanned).await?;
    near.retain(|(_, nearness)| *nearness >= least);
    near.sort_by(|(no, near), (other, nearer)| nearer.total_cmp(near).then(other.cmp(no)));
    let mut hits: Vec<MemoryHit> = Vec::with_capacity(wanted);
    for chunk in near.chunks(wanted) {
        let found: HashMap<i64, MemoryHit> =
            texts_of(store, scope, query, &files, chunk).await?.into_iter().collect();
        let mut found = found;
        hits.extend(chunk.iter().filter_map(|(no, _)| found.remove(no)));
        if hits.len() >= wanted {
            break;
        }
    }
    hits.truncate(wanted);
    Ok(Nearest { hits, behind })
}

async fn allowed(
    store: &SqliteStore,
    scope: &Scope,
    query: &MemoryQuery,
    files: &HashMap<PrincipalId, PrincipalId>,
) -> Result<Allowed, StoreError> {
    let mut allowed = Allowed {
        kind: query.kind,
        since: query.since.map(|since| since.0),
        until: query.until.map(|until| until.0),
        ..Allowed::default()
    };
    let file = &store.shared.layout.database;
    let limited = *scope != Scope::All || query.session.is_some() || query.person.is_some();
    if limited && query.kind != Some(MemoryKind::Note) {
        let mut script = Script::default();
        script.add_where(SESSIONS, IN_SCOPE);
        script.bind(query.session.as_ref().map(ToString::to_string));
        let person = query.person.as_ref().map(|person| person.0.as_str());
        script.bind(person).bind(person);
        bind_scope(&mut script, scope);
        let mut bits: Vec<u64> = Vec::new();
        if let Some(row) = store.read(script).await?.first(0) {
            for session in numbers(&Reading { file, row: &row }, 0)? {
                let session = usize::try_from(session).unwrap_or(0);
                if bits.len() <= session / 64 {
                    bits.resize(session / 64 + 1, 0);
                }
                bits[session / 64] |= 1 << (session % 64);
            }
        }
        allowed.sessions = Some(bits);
    }
    let notes = query.kind.is_none_or(|kind| kind == MemoryKind::Note);
    if notes && query.session.is_none() && !matches!(scope, Scope::Session(_)) {
        for row in &store.read(Script::new(NOTES)).await?.take(0) {
            let row = Reading { file, row };
            let owner = PrincipalId(row.text(0)?);
            let owner = files.get(&owner).unwrap_or(&owner);
            let visible = !matches!(scope, Scope::Of(person) if person != owner)
                && query.person.as_ref().is_none_or(|person| person == owner);
            if visible {
                allowed.notes.extend(numbers(&row, 1)?);
            }
        }
    }
    Ok(allowed)
}

fn numbers(row: &Reading<'_>, index: usize) -> Result<Vec<i64>, StoreError> {
    let packed = row.maybe_text(index)?.unwrap_or_default();
    Ok(packed.split(' ').filter_map(|number| number.parse().ok()).collect())
}

/// The nearest by their rounded vectors, by two threads at the same time. `None`: the file is damaged; it is let go, and made
/// anew by the next look.
async fn scanned(
    store: &SqliteStore,
    file: VectorFile,
    vector: &[f32],
    least: f32,
    most: usize,
    allowed: Allowed,
) -> Result<Option<Vec<(i64, f32)>>, StoreError> {
    let middle = file.records() / 2;
    let (whole, shared) = (file.records(), Arc::new((file, Rounded::of(vector), allowed)));
    let half = |among: Range<usize>| {
        let shared = shared.clone();
        off_thread(store, move |_| {
            let (file, vector, allowed) = &*shared;
            file.scan(among, &Wanted { vector, least, most }, |head| allowed.lets(head))
        })
    };
    let (one, other) = tokio::join!(half(0..middle), half(middle..whole));
    let failed = |error: io::Error| StoreError::Unavailable {
        what: format!("{}: {error}", store.shared.layout.vectors().display()),
        source: Some(Box::new(error)),
    };
    let found = match (one?, other?) {
        (Ok(one), Ok(other)) => Some((one, other)),
        (Err(error), _) | (_, Err(error)) if error.kind() != io::ErrorKind::InvalidData => {
            return Err(failed(error));
        }
        _ => None,
    };
    let too_many = |(one, other): &(Scanned, Scanned)| one.gone + other.gone > whole / 2 + TOO_MANY_GONE;
    if found.as_ref().is_none_or(too_many) {
        // Whoever reads it goes on; the next look makes a new one.
        off_thread(store, std::fs::remove_file).await?.map_err(failed)?;
    }
    Ok(found.map(|(one, other)| [one.near, other.near].concat()))
}

/// How near these are by the vectors themselves. Those that went meanwhile are left out.
async fn as_they_are(
    store: &SqliteStore,
    vector: &[f32],
    near: &[(i64, f32)],
) -> Result<Vec<(i64, f32)>, StoreError> {
    let mut script = Script::new(VECTORS);
    script.bind(json(&near.iter().map(|(no, _)| no).collect::<Vec<_>>())?);
    let rows = store.read(script).await?.take(0);
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let row = Reading { file: &store.shared.layout.database, row };
        let stored = floats(row.raw(1)?);
        if stored.len() == vector.len() {
            found.push((row.int(0)?, nearness(vector, &stored)));
        }
    }
    Ok(found)
}
