//! Where in the file's text a key stands. Only for messages and `config show`: a start without problems never looks.

use std::{ops::Range, sync::OnceLock};

use toml_edit::{ImDocument, Item, Value};

use super::KeyPath;

/// The line, from 1, that the byte at `offset` is in.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A text whose keys can be looked up. It is parsed when the first one is.
#[derive(Debug)]
pub(super) struct Places {
    text: String,
    document: OnceLock<Option<ImDocument<String>>>,
}

impl Places {
    pub(super) fn new(text: String) -> Self {
        Self { text, document: OnceLock::new() }
    }

    /// The line of `key`; when it is not there, of the nearest table around it. `None` when nothing of it is there.
    pub(super) fn line(&self, key: &KeyPath) -> Option<usize> {
        let document = self.document.get_or_init(|| ImDocument::parse(self.text.clone()).ok()).as_ref()?;
        let mut found = None;
        let mut place = Place::Item(document.as_item());
        for name in &key.0 {
            let Some((span, next)) = place.step(name) else { break };
            found = span.or(found);
            place = next;
        }
        found.map(|span| line_of(&self.text, span.start))
    }
}

enum Place<'a> {
    Item(&'a Item),
    Value(&'a Value),
}

type Step<'a> = (Option<Range<usize>>, Place<'a>);

impl<'a> Place<'a> {
    fn step(&self, name: &str) -> Option<Step<'a>> {
        match self {
            Place::Item(Item::ArrayOfTables(tables)) => {
                let table = tables.get(name.parse().ok()?)?;
                // The first key's place says more than the table's, which may have none of its own.
                let (key, item) = table.get_key_value(table.iter().next()?.0)?;
                Some((table.span().or_else(|| key.span()), Place::Item(item)))
            }
            Place::Item(Item::Value(value)) => Self::in_value(value, name),
            Place::Item(item) => {
                let (key, item) = item.as_table_like()?.get_key_value(name)?;
                Some((key.span().or_else(|| item.span()), Place::Item(item)))
            }
            Place::Value(value) => Self::in_value(value, name),
        }
    }

    fn in_value(value: &'a Value, name: &str) -> Option<Step<'a>> {
        match value {
            Value::Array(list) => {
                let value = list.get(name.parse().ok()?)?;
                Some((value.span(), Place::Value(value)))
            }
            Value::InlineTable(table) => {
                let value = table.get(name)?;
                Some((value.span(), Place::Value(value)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_however_they_are_written() {
        let text = "a.b = 1\n\n[c]\nd = [\n  1,\n  2,\n]\n[c.e]\nf = { g = 1 }\n[h.\"i j\"]\nk = \"\"\"\n\"\"\"\nl = 1\n";
        let places = Places::new(text.to_owned());
        let table = [
            ("a.b", Some(1)),
            ("c", Some(3)),
            ("c.d", Some(4)),
            ("c.d[1]", Some(6)),
            ("c.e", Some(8)),
            ("c.e.f", Some(9)),
            ("c.e.f.g", Some(9)),
            ("c.e.missing", Some(8)),
            ("missing", None),
        ];
        for (key, expected) in table {
            assert_eq!(places.line(&KeyPath::parse(key)), expected, "{key}");
        }
        let path = KeyPath(vec!["h".into(), "i j".into(), "l".into()]);
        assert_eq!(places.line(&path), Some(13));
    }
}
