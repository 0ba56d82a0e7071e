//! The places in the index among which a time lies.

use std::collections::HashSet;

use session_api::{MemoryQuery, StoreError};

use super::marks;
use crate::{
    encode::{Reading, json},
    open::SqliteStore,
    script::Script,
};

/// The oldest text with a mark, and the newest.
const OLDEST: &str = "SELECT rowid FROM memory_words WHERE memory_words MATCH ? ORDER BY rowid LIMIT 1";
const YOUNGEST: &str =
    "SELECT rowid FROM memory_words WHERE memory_words MATCH ? ORDER BY rowid DESC LIMIT 1";

/// How many of these messages are of a time.
const TIMELY: &str = "SELECT count(*) FROM json_each(?) AS found
    CROSS JOIN messages m INDEXED BY messages_no ON m.no = found.value
    WHERE m.body ->> '$.at' >= ? AND m.body ->> '$.at' < ?";

/// The places in the index within which all lies that is asked for.
pub(super) struct Range {
    pub(super) from: i64,
    pub(super) to: i64,
    /// The time that is asked for, as marks; `None` where they tell no more than the places do.
    pub(super) marks: Option<String>,
}

/// Messages are stored in the order in which they were said, nearly all of them: so a time is a range of places, which costs less
/// than marks. `None`: there is nothing of that time.
pub(super) async fn range(store: &SqliteStore, query: &MemoryQuery) -> Result<Option<Range>, StoreError> {
    let mut range = Range { from: 0, to: i64::MAX, marks: None };
    let Some(spans) = marks::spans(query, store.now()) else { return Ok(Some(range)) };
    let mut script = Script::new(OLDEST);
    script.bind(spans.any.as_str());
    script.add(YOUNGEST).bind(spans.any.as_str());
    let mut found = store.snapshot(script).await?;
    let mut place = |index: usize| {
        let row = found.first(index);
        row.map(|row| Reading { file: &store.shared.layout.database, row: &row }.int(0)).transpose()
    };
    let (oldest, youngest) = (place(0)?, place(1)?);
    if spans.from && spans.upto && oldest.is_none() {
        return Ok(None);
    }
    range.from = oldest.filter(|_| spans.from).unwrap_or(0);
    range.to = youngest.filter(|_| spans.upto).unwrap_or(i64::MAX);
    range.marks = spans.from.then_some(spans.any);
    Ok(Some(range))
}

/// Whether most of these are of the time that is asked for.
pub(super) async fn timely(
    store: &SqliteStore,
    query: &MemoryQuery,
    range: &Range,
    sample: &HashSet<i64>,
) -> Result<bool, StoreError> {
    if range.marks.is_none() || sample.is_empty() {
        return Ok(true);
    }
    let mut script = Script::new(TIMELY);
    script.bind(json(sample)?);
    script.bind(query.since.map_or(i64::MIN, |since| since.0));
    script.bind(query.until.map_or(i64::MAX, |until| until.0));
    let row = store.read(script).await?.first(0);
    let count =
        row.map(|row| Reading { file: &store.shared.layout.database, row: &row }.uint(0)).transpose()?;
    Ok(count.unwrap_or(0) * 2 >= sample.len() as u64)
}
