//! Server-sent events out of bytes, in bounded memory.
//!
//! The crate `sse-stream` does the same but keeps a line of any length, so that a server could fill the memory with one
//! that never ends. This reader knows only what a model's reply needs: the data of each event.

/// Longest line and longest event, in bytes.
pub(crate) const LONGEST: usize = 1024 * 1024;

/// A line or an event is longer than [`LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Cuts bytes into events, wherever the pieces that it is fed begin and end.
#[derive(Debug, Default)]
pub(crate) struct SseReader {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// The data lines of the event that is being read, each with a line feed behind it.
    data: Vec<u8>,
    /// The last byte was a carriage return, whose line feed may follow.
    after_return: bool,
    /// The first line has been read; a byte order mark may stand before it.
    begun: bool,
}

impl SseReader {
    /// Reads the next bytes and hands the data of each complete event to `event`, until that says to stop.
    ///
    /// # Errors
    /// [`TooLong`]; nothing may be fed after it.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut event: impl FnMut(&[u8]) -> Go,
    ) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.keep(bytes);
            };
            self.after_return = bytes[end] == b'\r';
            let go = if self.line.is_empty() {
                self.take_line(&bytes[..end], &mut event)?
            } else {
                self.keep(&bytes[..end])?;
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, &mut event)?
            };
            if go == Go::Stop {
                return Ok(());
            }
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// Takes what stands at the end of the input without the blank line that should follow; many servers forget it.
    pub(crate) fn finish(&mut self, mut event: impl FnMut(&[u8]) -> Go) -> Result<(), TooLong> {
        let line = std::mem::take(&mut self.line);
        if self.take_line(&line, &mut event)? == Go::On {
            self.take_line(b"", &mut event)?;
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > LONGEST {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], event: &mut impl FnMut(&[u8]) -> Go) -> Result<Go, TooLong> {
        let line = if self.begun { line } else { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            let Some((_, data)) = self.data.split_last() else { return Ok(Go::On) };
            let go = event(data);
            self.data.clear();
            return Ok(go);
        }
        if let Some(data) = line.strip_prefix(b"data")
            && let Some(data) = if data.is_empty() { Some(data) } else { data.strip_prefix(b":") }
        {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            if self.data.len() + data.len() > LONGEST {
                return Err(TooLong);
            }
            self.data.extend_from_slice(data);
            self.data.push(b'\n');
        }
        // All other fields, and comments, mean nothing here.
        Ok(Go::On)
    }
}

/// Whether the reader goes on after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut reader = SseReader::default();
        let mut events = Vec::new();
        let mut note = |data: &[u8]| {
            events.push(String::from_utf8_lossy(data).into_owned());
            Go::On
        };
        for piece in pieces {
            reader.feed(piece, &mut note).unwrap();
        }
        reader.finish(&mut note).unwrap();
        events
    }

    #[test]
    fn lines_end_in_any_of_three_ways_and_only_data_counts() {
        for (text, expected) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec!["a", "b"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            ("data:a\n\n", vec!["a"]),
            ("data:  a\n\n", vec![" a"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            (": hello\nevent: ping\nid: 1\nretry: 5\ndata: a\ndatabase: no\n\n", vec!["a"]),
            ("data\n\n", vec![""]),
            ("\n\n\n", vec![]),
            ("data: no blank line follows", vec!["no blank line follows"]),
        ] {
            assert_eq!(events(&[text.as_bytes()]), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut reader = SseReader::default();
        let piece = vec![b'x'; LONGEST / 2];
        assert_eq!(reader.feed(&piece, |_| Go::On), Ok(()));
        assert_eq!(reader.feed(&piece, |_| Go::On), Ok(()));
        assert_eq!(reader.feed(b"x", |_| Go::On), Err(TooLong));
        let mut reader = SseReader::default();
        let line = [b"data: ".as_slice(), &piece, b"\n"].concat();
        assert_eq!(reader.feed(&line, |_| Go::On), Ok(()));
        assert_eq!(reader.feed(&line, |_| Go::On), Err(TooLong), "an event of many lines");
    }

    #[test]
    fn nothing_is_read_after_stop() {
        let mut seen = 0;
        let stop = |_: &[u8]| {
            seen += 1;
            Go::Stop
        };
        SseReader::default().feed(b"data: a\n\ndata: b\n\n", stop).unwrap();
        assert_eq!(seen, 1);
    }

    proptest! {
        #[test]
        fn cutting_the_input_anywhere_changes_nothing(
            lines in prop::collection::vec("(data: ?[a-zé]{0,5}|:|event: x|)(\r\n|\n|\r)", 0..20), cut in any::<prop::sample::Index>(),
        ) {
            let text = lines.concat();
            let at = cut.index(text.len() + 1);
            prop_assert_eq!(events(&[&text.as_bytes()[..at], &text.as_bytes()[at..]]), events(&[text.as_bytes()]));
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes: Vec<u8>) {
            let mut reader = SseReader::default();
            prop_assert!(reader.feed(&bytes, |_| Go::On).is_ok());
            prop_assert!(reader.line.len() + reader.data.len() <= bytes.len() + 1);
        }
    }
}
