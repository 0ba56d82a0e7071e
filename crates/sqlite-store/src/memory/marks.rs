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

/// As [`of_scope`], for what the query narrows beside its time.
pub(super) fn of_query(query: &MemoryQuery, names: &Names) -> String {
    let key = query.session.as_ref().map(|key: &SessionKey| session(&key.to_string()));
    let marks = [key, query.kind.map(kind)];
    let mut expression: String = marks.iter().flatten().map(|mark| format!("\"{mark}\" AND ")).collect();
    expression.extend(query.person.as_ref().map(|id| any_of(id, names)));
    expression
}

/// The time that a query asks for, as marks.
#[derive(Debug, PartialEq)]
pub(super) struct Spans {
    /// One of the days, or months, as an FTS5 expression.
    pub(super) any: String,
    /// Whether nothing older than the oldest of them is asked for, and nothing newer than the newest.
    pub(super) from: bool,
    pub(super) upto: bool,
}

/// The days, or months, that may hold what was said in the time asked for; `None` where all do, or they are too many.
pub(super) fn spans(query: &MemoryQuery, now: Timestamp) -> Option<Spans> {
    let (from, upto) = (query.since.is_some(), query.until.is_some());
    let last = day(query.until.unwrap_or(now));
    let first = match query.since {
        Some(since) => day(since),
        None if upto => last.saturating_sub(MONTH * (MOST_SPANS - 1)),
        None => return None,
    };
    let (letter, first, last) = if last.saturating_sub(first) < MOST_SPANS {
        ('d', first, last)
    } else {
        ('m', first.div_euclid(MONTH), last.div_euclid(MONTH))
    };
    // What is older than 1970 has no mark that could be asked for.
    let first = first.max(0);
    if last < first || last - first >= MOST_SPANS {
        return None;
    }
    let each: Vec<String> = (first..=last).map(|span| format!("\"{MARK}{letter}{span}\"")).collect();
    Some(Spans { any: format!("({})", each.join(" OR ")), from, upto })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_days_or_months_as_far_as_it_has_ends() {
        const DAY: i64 = MILLIS_PER_DAY;
        let now = Timestamp(20_000 * DAY);
        for (since, until, expected) in [
            (None, None, None),
            (Some(100), Some(101), Some((2, "d100", true, true))),
            (Some(19_998), None, Some((3, "d19998", true, false))),
            (Some(300), Some(600), Some((11, "m10", true, true))),
            (None, Some(6_000), Some((36, "m165", false, true))),
            (None, Some(10), Some((1, "m0", false, true))),
            (Some(0), None, None),
            (Some(5), Some(4), None),
        ] {
            let at = |day: Option<i64>| day.map(|day| Timestamp(day * DAY));
            let query = MemoryQuery { since: at(since), until: at(until), ..MemoryQuery::default() };
            let found = spans(&query, now);
            let found = found.as_ref().map(|found| {
                let first = found.any.trim_start_matches(['(', '"', MARK]).split('"').next().unwrap();
                (found.any.matches(MARK).count(), first, found.from, found.upto)
            });
            assert_eq!(found, expected, "{since:?} {until:?}");
        }
    }
}
