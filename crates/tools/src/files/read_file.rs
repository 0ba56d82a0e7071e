//! `read_file`.

use std::io::{BufRead, BufReader, Read};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{
    Workspace,
    workspace::{MAX_FILE_BYTES, failed_to_read},
};
use crate::blocking::blocking;

/// Reads text files of the workspace by lines.
#[derive(Debug, Clone)]
pub struct ReadFile {
    /// Where.
    pub workspace: Workspace,
    /// Most bytes of a file in one result.
    pub max_bytes: usize,
}

/// Arguments of `read_file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFileArgs {
    /// File in the workspace.
    path: String,
    /// First line, from 1.
    #[serde(default = "one")]
    offset: u32,
    /// Most lines; 0 = all that fit.
    #[serde(default)]
    limit: u32,
    /// Number the lines.
    #[serde(default)]
    numbers: bool,
}

fn one() -> u32 {
    1
}

#[async_trait]
impl TypedTool for ReadFile {
    type Args = ReadFileArgs;
    const NAME: &'static str = "read_file";
    const DESCRIPTION: &'static str = "Read a text file of the workspace, whole or by lines.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let (workspace, max_bytes) = (self.workspace.seen_by(context), self.max_bytes);
        blocking(context, move |_| {
            let path = workspace.resolve(&args.path)?;
            let file = workspace.open_file(&path, MAX_FILE_BYTES)?;
            let size = file.metadata().map_err(|error| failed_to_read(&error, path.as_str()))?.len();
            let mut reader = BufReader::with_capacity(64 << 10, file.take(MAX_FILE_BYTES));
            let failed = |error| failed_to_read(&error, path.as_str());
            if reader.fill_buf().map_err(failed)?.iter().take(8192).any(|byte| *byte == 0) {
                let reason = format!("`{}` is a binary file of {size} bytes, not text", path.as_str());
                return Err(ToolError::Failed(reason));
            }
            let page = Page::read(&mut reader, &args, max_bytes).map_err(failed)?;
            Ok(ToolOutput::text(page.show(&args)))
        })
        .await
    }
}

/// The lines asked for, as far as there is room.
#[derive(Default)]
struct Page {
    /// Their bytes, line ends included.
    bytes: Vec<u8>,
    /// How many of them there are.
    shown: u64,
    /// Bytes left out of the last line of them, which alone was too long for the room.
    cut_off: u64,
    /// Lines of the whole file.
    total: u64,
}

impl Page {
    fn read(reader: &mut impl BufRead, args: &ReadFileArgs, room: usize) -> std::io::Result<Self> {
        let first = u64::from(args.offset.max(1));
        let last = if args.limit == 0 { u64::MAX } else { first + u64::from(args.limit) - 1 };
        let mut page = Self::default();
        let mut full = false;
        let mut line = Vec::new();
        // One line at a time, of which no more than the room is kept: a file of one line may be as long as files get.
        while let Some(length) = read_line(reader, &mut line, room.saturating_add(1))? {
            page.total += 1;
            if page.total < first || page.total > last || full {
                continue;
            }
            if page.bytes.len() + line.len() <= room {
                page.bytes.extend_from_slice(&line);
                page.shown += 1;
            } else {
                full = true;
                if page.shown == 0 {
                    line.truncate(room);
                    page.cut_off = length - line.len() as u64;
                    page.bytes.append(&mut line);
                    page.shown = 1;
                }
            }
        }
        Ok(page)
    }

    fn show(mut self, args: &ReadFileArgs) -> String {
        let first = u64::from(args.offset.max(1));
        if self.total == 0 {
            return "[the file is empty]".to_owned();
        }
        if self.shown == 0 {
            return format!("[the file has only {} lines]", self.total);
        }
        let mut notes = Vec::new();
        if first == 1 && self.bytes.starts_with(b"\xef\xbb\xbf") {
            self.bytes.drain(..3);
        }
        let text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(error) => {
                // A character cut in two by the room is no fault of the file.
                let whole = error.utf8_error().error_len().is_some() || self.cut_off == 0;
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                if whole {
                    notes.push("not UTF-8: what is no text is shown as \u{fffd}".to_owned());
                }
                text
            }
        };
        if text.contains("\r\n") {
            notes.push("lines end in CRLF".to_owned());
        }
        if self.cut_off > 0 {
            notes.push(format!("line {first} is too long: {} bytes of it left out", self.cut_off));
        }
        let last = first + self.shown - 1;
        if first > 1 || last < self.total {
            let mut note = format!("lines {first}-{last} of {}", self.total);
            if last < self.total {
                note.push_str(&format!("; continue with offset={}", last + 1));
            }
            notes.push(note);
        }
        let mut shown = if args.numbers {
            let numbered = text.split_inclusive('\n').zip(first..);
            numbered.map(|(line, number)| format!("{number}\t{line}")).collect()
        } else {
            text
        };
        if !notes.is_empty() {
            if !shown.ends_with('\n') {
                shown.push('\n');
            }
            shown.push_str(&format!("[{}]", notes.join("; ")));
        }
        shown
    }
}

/// Reads one line, keeps its first `keep` bytes in `line`, and returns its whole length; `None` at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, keep: usize) -> std::io::Result<Option<u64>> {
    line.clear();
    let mut length = 0u64;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok((length > 0).then_some(length));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(buffer.len(), |end| end + 1);
        let kept = taken.min(keep - line.len());
        line.extend_from_slice(&buffer[..kept]);
        length += taken as u64;
        reader.consume(taken);
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tool_api::contract;

    use super::*;
    use crate::testing::{Place, call};

    fn args(offset: u32, limit: u32, numbers: bool) -> ReadFileArgs {
        ReadFileArgs { path: String::new(), offset, limit, numbers }
    }

    fn show(bytes: &[u8], args: &ReadFileArgs, room: usize) -> String {
        Page::read(&mut BufReader::with_capacity(3, bytes), args, room).unwrap().show(args)
    }

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let place = Place::new();
        place.write("a.txt", "hello");
        let tool = place.tool(ReadFile { workspace: place.workspace(), max_bytes: 1000 });
        contract::check(&tool, r#"{"path":"a.txt"}"#).await;
        assert_eq!(call(&tool, r#"{"path":"a.txt"}"#).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn what_is_no_text_is_said_to_be_none() {
        let place = Place::new();
        std::fs::write(place.root().join("png"), b"\x89PNG\0\0").unwrap();
        let tool = place.tool(ReadFile { workspace: place.workspace(), max_bytes: 1000 });
        let error = call(&tool, r#"{"path":"png"}"#).await.unwrap_err();
        assert_eq!(error.to_string(), "`png` is a binary file of 6 bytes, not text");
        assert_eq!(call(&tool, r#"{"path":"."}"#).await.unwrap_err().class(), "path_invalid");
    }

    #[test]
    fn pages_are_marked() {
        let text = b"one\ntwo\nthree\nfour\n";
        assert_eq!(show(text, &args(1, 0, false), 100), "one\ntwo\nthree\nfour\n");
        assert_eq!(
            show(text, &args(2, 2, false), 100),
            "two\nthree\n[lines 2-3 of 4; continue with offset=4]"
        );
        assert_eq!(show(text, &args(3, 9, false), 100), "three\nfour\n[lines 3-4 of 4]");
        assert_eq!(show(text, &args(9, 0, false), 100), "[the file has only 4 lines]");
        assert_eq!(show(text, &args(1, 0, false), 9), "one\ntwo\n[lines 1-2 of 4; continue with offset=3]");
        assert_eq!(show(text, &args(2, 1, true), 99), "2\ttwo\n[lines 2-2 of 4; continue with offset=3]");
        assert_eq!(show(b"", &args(1, 0, false), 100), "[the file is empty]");
        assert_eq!(
            show(b"abcdef\nx", &args(1, 0, false), 4),
            "abcd\n[line 1 is too long: 3 bytes of it left out; lines 1-1 of 2; continue with offset=2]"
        );
    }

    #[test]
    fn odd_bytes_are_shown_honestly() {
        assert_eq!(show("\u{feff}hé".as_bytes(), &args(1, 0, false), 99), "hé");
        assert_eq!(show(b"a\r\nb", &args(1, 0, false), 99), "a\r\nb\n[lines end in CRLF]");
        assert!(show(b"caf\xe9", &args(1, 0, false), 99).contains("not UTF-8"));
        assert!(!show("aé".as_bytes(), &args(1, 0, false), 2).contains("not UTF-8"));
    }

    proptest! {
        #[test]
        fn pages_put_together_are_the_file(lines in proptest::collection::vec("[a-zü ]{0,9}", 1..20), limit in 1u32..6) {
            let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let mut whole = Vec::new();
            let mut offset = 1;
            while (offset as usize) <= lines.len() {
                let page = Page::read(&mut text.as_bytes(), &args(offset, limit, false), 1000).unwrap();
                whole.extend_from_slice(&page.bytes);
                offset += u32::try_from(page.shown).unwrap();
            }
            prop_assert_eq!(whole, text.into_bytes());
        }

        #[test]
        fn no_page_is_larger_than_the_room(text in any::<Vec<u8>>(), room in 1usize..40, offset in 0u32..5) {
            let page = Page::read(&mut text.as_slice(), &args(offset, 0, false), room).unwrap();
            prop_assert!(page.bytes.len() <= room);
            let _shown = page.show(&args(offset, 0, true));
        }
    }
}
