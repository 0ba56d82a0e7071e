//! Which form of the table a text fits.

/// Words before a request that change nothing.
const POLITE: &[&str] =
    &["please ", "can you ", "could you ", "would you ", "tell me ", "then ", "also ", "ok ", "and "];

/// The parts of a text that the placeholders of a form stand for, in order: name and text.
pub(super) type Captures<'a> = Vec<(&'static str, &'a str)>;

/// A request without what is only manners: space, a final mark, `please`.
pub(super) fn plain(text: &str) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    loop {
        let shorter = text.trim_end_matches(['?', '!', ',', ';']).trim_end();
        // `list files in .` means the dot.
        let shorter = match shorter.strip_suffix('.') {
            Some(rest) if !rest.is_empty() && !rest.ends_with([' ', '.', '/']) => rest,
            _ => shorter,
        };
        let shorter = strip_suffix(shorter, " please").unwrap_or(shorter);
        let shorter = POLITE.iter().find_map(|word| strip_prefix(shorter, word)).unwrap_or(shorter);
        if shorter.len() == text.len() {
            return text;
        }
        text = shorter.to_owned();
    }
}

/// `text` without `prefix`, upper and lower case being the same.
pub(super) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.get(..prefix.len()).filter(|head| head.eq_ignore_ascii_case(prefix)).map(|_| &text[prefix.len()..])
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    text.get(at..).filter(|tail| tail.eq_ignore_ascii_case(suffix)).map(|_| &text[..at])
}

/// The captures if `text` fits `form`. Each placeholder takes as little as it can, the last one all that is left.
pub(super) fn fit<'a>(form: &'static str, text: &'a str) -> Option<Captures<'a>> {
    let mut captures = Captures::new();
    let (mut form, mut text) = (form, text);
    loop {
        let Some(open) = form.find('{') else {
            return (form.len() == text.len() && strip_prefix(text, form).is_some()).then_some(captures);
        };
        text = strip_prefix(text, &form[..open])?;
        let close = open + form[open..].find('}')?;
        let name = &form[open + 1..close];
        form = &form[close + 1..];
        if form.is_empty() {
            captures.push((name, filled(text)?));
            return Some(captures);
        }
        let literal = &form[..form.find('{').unwrap_or(form.len())];
        // A form that ends in words must find them at the end, one that goes on at the first place.
        let at = if literal.len() == form.len() {
            text.len()
                .checked_sub(literal.len())
                .filter(|at| strip_suffix(text, literal).is_some_and(|head| head.len() == *at))?
        } else {
            // ASCII letters change their case in place, so positions in both texts are the same.
            text.to_ascii_lowercase().find(literal)?
        };
        captures.push((name, filled(&text[..at])?));
        text = &text[at..];
    }
}

/// A placeholder stands for something.
fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// The captured text of that name.
pub(super) fn get<'a>(captures: &Captures<'a>, name: &str) -> Option<&'a str> {
    captures.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Where one request in a message may end and the next begin: the pieces between, as byte ranges. Nothing is split inside
/// of quotation marks or between the digits of a number.
pub(super) fn pieces(message: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = message.as_bytes();
    let mut ranges = Vec::new();
    let (mut start, mut at, mut quote) = (0, 0, None);
    while at < bytes.len() {
        let here = &message[at..];
        let length = match (bytes[at], quote) {
            (mark @ (b'"' | b'`'), None) => {
                quote = Some(mark);
                0
            }
            (mark, Some(open)) => {
                if mark == open {
                    quote = None;
                }
                0
            }
            (b'\n' | b';', None) => 1,
            (b',', None) => usize::from(!bytes.get(at + 1).is_some_and(u8::is_ascii_digit)),
            (b'?' | b'!' | b'.', None) => usize::from(bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace)),
            (b' ', None) => strip_prefix(here, " and ").map_or(0, |_| " and ".len() - 1),
            _ => 0,
        };
        if length > 0 {
            ranges.push(start..at);
            start = at + length;
        }
        at += length.max(here.chars().next().map_or(1, char::len_utf8));
    }
    ranges.push(start..bytes.len());
    ranges.retain(|range| !message[range.clone()].trim().is_empty());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn manners_change_nothing() {
        for (text, expected) in [
            ("  What   time is it ?", "What time is it"),
            ("Please, what time is it", "Please, what time is it"),
            ("please can you tell me the time please!", "the time"),
            ("read notes.md.", "read notes.md"),
            ("list files in .", "list files in ."),
            ("list files in ..", "list files in .."),
            ("", ""),
            ("?", ""),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn forms_fit_whole_texts_only() {
        for (form, text, expected) in [
            ("time", "TIME", Some(vec![])),
            ("time", "timer", None),
            ("read {path}", "Read Notes.md", Some(vec![("path", "Notes.md")])),
            ("read {path}", "read ", None),
            (
                "remember {key} is {value}",
                "remember Ä is this is",
                Some(vec![("key", "Ä"), ("value", "this is")]),
            ),
            ("search {text} in files", "search a in files in files", Some(vec![("text", "a in files")])),
            ("search {text} in files", "search in files", None),
        ] {
            assert_eq!(fit(form, text), expected, "{form} {text}");
        }
    }

    #[test]
    fn a_message_falls_into_pieces() {
        for (message, expected) in [
            (
                "what time is it, and what is 17.5% of 1,234.56?",
                vec!["what time is it", " what is 17.5% of 1,234.56?"],
            ),
            ("a; b\nc", vec!["a", " b", "c"]),
            ("search \"salt and pepper, please\" and b", vec!["search \"salt and pepper, please\"", " b"]),
            ("read a.md. read b.md", vec!["read a.md", " read b.md"]),
            ("x AND y", vec!["x", " y"]),
            (" , ", vec![]),
        ] {
            let found: Vec<&str> = pieces(message).into_iter().map(|range| &message[range]).collect();
            assert_eq!(found, expected, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_handled(text: String) {
            for range in pieces(&text) {
                prop_assert!(plain(&text[range]).len() <= text.len());
            }
            for form in ["{a}", "x {a} is {b}", "{a} in files"] {
                let _fits = fit(form, &text);
            }
        }
    }
}
