//! Words that no text holds: they say in the index whose a text is, of which session, kind and day. With them a search
//! passes over what lies outside, instead of reading it. They only narrow: whether a text may be shown is decided by
//! what stands in the store at that moment.

use std::collections::HashMap;

use session_api::{MemoryKind, MemoryQuery, PrincipalId, Scope, SessionKey, Timestamp};

/// A letter of the private use area: it is no letter to those who take texts apart, and one to the index.
const MARK: char = '\u{e000}';
/// Days of a longer time that is searched by itself.
const MONTH: i64 = 30;
/// Most days, or months, of a time that is searched.
const MOST_SPANS: i64 = 36;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// FNV-1a: two names of one number would cost time, not truth.
fn number(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn person(id: &PrincipalId) -> String {
    format!("{MARK}p{}", number(&id.0))
}

fn session(key: &str) -> String {
    format!("{MARK}s{}", number(key))
}

fn kind(kind: MemoryKind) -> String {
    format!("{MARK}k{}", kind as u8)
}

fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(MILLIS_PER_DAY)
}

/// The marks of a text.
pub(super) fn of_text(
    owner: Option<&PrincipalId>,
    of_session: Option<&str>,
    of_kind: MemoryKind,
    at: Timestamp,
) -> String {
    let mut marks = kind(of_kind);
    let day = day(at);
    marks.push_str(&format!(" {MARK}d{day} {MARK}m{}", day.div_euclid(MONTH)));
    for mark in [owner.map(person), of_session.map(session)].into_iter().flatten() {
        marks.push(' ');
        marks.push_str(&mark);
    }
    marks
}

/// The names of people who were joined to others, by whose they are now.
pub(super) type Names = HashMap<PrincipalId, Vec<PrincipalId>>;

fn any_of(id: &PrincipalId, names: &Names) -> String {
    let mut marks = format!("(\"{}\"", person(id));
    for other in names.get(id).into_iter().flatten() {
        marks.push_str(&format!(" OR \"{}\"", person(other)));
    }
    marks.push_str(") AND ");
    marks
}

/// What a word is to be found together with, as the beginning of an FTS5 expression.
///
/// `names`: who is named in scope or query, each with the names under which what is theirs may have been taken up.
pub(super) fn of_scope(scope: &Scope, names: &Names) -> String {
    match scope {
        Scope::All => String::new(),
        Scope::Of(id) => any_of(id, names),
        Scope::Session(key) => format!("\"{}\" AND ", session(&key.to_string())),
    }
}

/// As [`of_scope`], for what the query narrows.
pub(super) fn of_query(query: &MemoryQuery, names: &Names) -> String {
    let key = query.session.as_ref().map(|key: &SessionKey| session(&key.to_string()));
    let marks = [key, query.kind.map(kind)];
    let mut expression: String = marks.iter().flatten().map(|mark| format!("\"{mark}\" AND ")).collect();
    expression.extend(query.person.as_ref().map(|id| any_of(id, names)));
    expression.push_str(&spans(query));
    expression
}

/// The days, or months, that may hold what was said in the time asked for; nothing where these are too many.
fn spans(query: &MemoryQuery) -> String {
    if query.since.is_none() && query.until.is_none() {
        return String::new();
    }
    let first = day(query.since.unwrap_or(Timestamp(i64::MIN)));
    let last = day(query.until.unwrap_or(Timestamp(i64::MAX)));
    let (letter, first, last) = if last.saturating_sub(first) < MOST_SPANS {
        ('d', first, last)
    } else {
        ('m', first.div_euclid(MONTH), last.div_euclid(MONTH))
    };
    if last < first || last - first >= MOST_SPANS {
        return String::new();
    }
    let each: Vec<String> = (first..=last).map(|span| format!("\"{MARK}{letter}{span}\"")).collect();
    format!("({}) AND ", each.join(" OR "))
}
