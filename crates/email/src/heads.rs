//! The header block of a mail, taken apart by ourselves: what decides about trust is read here, from the raw bytes, and
//! not through the guesses of a parser that is made to be generous.

/// All header fields, in the mail's order: names in lower case, values unfolded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads(Vec<(String, String)>);

/// Most header fields that are looked at; real mails have below a hundred.
const MOST: usize = 2000;

impl Heads {
    /// The fields before the first empty line. Bytes that are no UTF-8 become replacement characters.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in raw.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || fields.len() == MOST {
                break;
            }
            let text = String::from_utf8_lossy(line);
            if text.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(text.trim());
                }
                continue;
            }
            // A line without a colon (mbox's `From `) is no field; the next one may be one.
            let (name, value) = text.split_once(':').unwrap_or(("", &text));
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        Self(fields)
    }

    /// All values of this (lower-case) name, topmost first.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The topmost value of this (lower-case) name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is a field of this (lower-case) name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
}

/// Goes on behind the end of a comment whose opening bracket was read; `None` when it never ends.
pub(crate) fn skip_comment(chars: &mut std::str::Chars<'_>) -> Option<()> {
    let mut depth = 1;
    while depth > 0 {
        match chars.next()? {
            '\\' => {
                chars.next()?;
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unfolded_and_end_at_the_empty_line() {
        let heads = Heads::of(
            b"From x\r\nSubject: a\r\n b\r\n\tc\r\nX-Y : 1\r\nx-y:2\r\nbad\xFFname: z\r\n\r\nTo: body\r\n",
        );
        assert_eq!(heads.first("subject"), Some("a b c"));
        assert_eq!(heads.all("x-y").collect::<Vec<_>>(), ["1", "2"]);
        assert!(!heads.has("to"));
        assert!(Heads::of(b" folded\r\n").first("").is_none());
    }
}
