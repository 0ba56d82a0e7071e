//! `grep`.

use std::{fmt::Write, fs::File, io::Read};

use async_trait::async_trait;
use globset::GlobMatcher;
use regex::bytes::{Regex, RegexBuilder};
use rustix::fs::{Mode, OFlags};
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{
    Workspace,
    glob::compile,
    list_dir::here,
    printable,
    safe_open::open_plain,
    walk::{Go, walk},
    workspace::regular,
};
use crate::blocking::blocking;

/// Larger files are not searched, and counted.
const MAX_SEARCHED: u64 = 8 << 20;
/// Bytes of a line that are shown.
const MAX_LINE: usize = 400;
/// Most lines around a match.
const MAX_CONTEXT: u8 = 10;
/// Longest pattern in bytes.
const MAX_PATTERN: usize = 1000;

/// Searches the text of the workspace's files.
#[derive(Debug, Clone)]
pub struct Grep {
    /// Where.
    pub workspace: Workspace,
    /// Most bytes of text in one result.
    pub max_bytes: usize,
}

/// Arguments of `grep`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrepArgs {
    /// Regular expression, matched line by line.
    pattern: String,
    /// File or directory to search.
    #[serde(default = "here")]
    path: String,
    /// Only files of this pattern: `*.rs` by name, `src/**` by path.
    #[serde(default)]
    glob: String,
    /// Ignore letter case.
    #[serde(default)]
    ignore_case: bool,
    /// Lines around each match, up to 10.
    #[serde(default)]
    context: u8,
    /// Most matching lines.
    #[serde(default = "hundred")]
    limit: u16,
}

fn hundred() -> u16 {
    100
}

#[async_trait]
impl TypedTool for Grep {
    type Args = GrepArgs;
    const NAME: &'static str = "grep";
    const DESCRIPTION: &'static str = "Search text in workspace files. Results are path:line:text.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let (workspace, max_bytes) = (self.workspace.seen_by(context), self.max_bytes);
        blocking(context, move |stop| {
            let mut search = Search::new(&args, max_bytes)?;
            let start = workspace.resolve(&args.path)?;
            let mut notes = Vec::new();
            match workspace.open_file(&start, u64::MAX) {
                Ok(file) => {
                    search.file(start.as_str(), file);
                }
                Err(error) if error.class() != "path_invalid" => return Err(error),
                // No file; it may be a directory, and else its own error says what it is.
                Err(_) => {
                    let directory = workspace.open_dir(&start)?;
                    let prefix = if start.is_root() { String::new() } else { format!("{}/", start.as_str()) };
                    let left_out = walk(directory, stop, &mut |found| {
                        let path = format!("{prefix}{}", found.path);
                        if found.is_dir || !search.wants(found.path, found.name) || workspace.hides(&path) {
                            return Ok(Go::On);
                        }
                        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                        let opened = open_plain(found.directory, found.name, flags, Mode::empty());
                        let Some(file) = opened.ok().and_then(|fd| regular(fd, found.path, u64::MAX).ok())
                        else {
                            search.unreadable += 1;
                            return Ok(Go::On);
                        };
                        Ok(search.file(&path, file))
                    })?;
                    notes = left_out.notes();
                }
            }
            Ok(ToolOutput::text(search.show(notes)))
        })
        .await
    }
}

/// A search under way.
struct Search {
    regex: Regex,
    only: Option<(GlobMatcher, bool)>,
    context: usize,
    limit: usize,
    room: usize,
    text: String,
    matches: usize,
    files: usize,
    cut: bool,
    binary: usize,
    large: usize,
    unreadable: usize,
    buffer: Vec<u8>,
}

impl Search {
    fn new(args: &GrepArgs, room: usize) -> Result<Self, ToolError> {
        if args.pattern.len() > MAX_PATTERN {
            return Err(ToolError::InvalidArguments(format!("a pattern has at most {MAX_PATTERN} bytes")));
        }
        let regex = RegexBuilder::new(&args.pattern)
            .case_insensitive(args.ignore_case)
            .multi_line(true)
            .crlf(true)
            .size_limit(1 << 20)
            .dfa_size_limit(4 << 20)
            .build()
            .map_err(|error| ToolError::InvalidArguments(format!("the pattern is wrong: {error}")))?;
        let only = match args.glob.as_str() {
            "" => None,
            glob => Some((compile(glob)?, glob.contains('/'))),
        };
        Ok(Self {
            regex,
            only,
            context: usize::from(args.context.min(MAX_CONTEXT)),
            limit: usize::from(args.limit.max(1)),
            room,
            text: String::new(),
            matches: 0,
            files: 0,
            cut: false,
            binary: 0,
            large: 0,
            unreadable: 0,
            buffer: Vec::new(),
        })
    }

    fn wants(&self, path: &str, name: &str) -> bool {
        match &self.only {
            None => true,
            Some((glob, true)) => glob.is_match(path),
            Some((glob, false)) => glob.is_match(name),
        }
    }

    fn file(&mut self, path: &str, file: File) -> Go {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let read = file.take(MAX_SEARCHED + 1).read_to_end(&mut bytes);
        if read.is_err() {
            self.unreadable += 1;
        } else if bytes.len() as u64 > MAX_SEARCHED {
            self.large += 1;
        } else if bytes.iter().take(8192).any(|byte| *byte == 0) {
            self.binary += 1;
        } else {
            self.lines(&printable(path), &bytes);
        }
        self.buffer = bytes;
        if self.cut { Go::Stop } else { Go::On }
    }

    fn lines(&mut self, path: &str, bytes: &[u8]) {
        // One pass over the whole file tells most files, which have no match, from the others. Only `\A` and `\z` match
        // in a line and not in the file.
        let by_line_only = [r"\A", r"\z"].iter().any(|anchor| self.regex.as_str().contains(anchor));
        if !by_line_only && !self.regex.is_match(bytes) {
            return;
        }
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').map(trim_end).collect();
        let mut shown_to = 0;
        let mut matched = false;
        for (index, line) in lines.iter().enumerate() {
            let Some(found) = self.regex.find(line) else { continue };
            if self.matches == self.limit || self.text.len() >= self.room {
                self.cut = true;
                return;
            }
            self.matches += 1;
            self.files += usize::from(!std::mem::replace(&mut matched, true));
            let from = index.saturating_sub(self.context).max(shown_to);
            if self.context > 0 && from > shown_to && shown_to > 0 {
                self.text.push_str("--\n");
            }
            for (offset, before) in lines[from.min(index)..index].iter().enumerate() {
                self.line(path, '-', from + offset, before, 0);
            }
            // Shown already as what follows the match before: its mark is the only difference.
            if index >= shown_to {
                self.line(path, ':', index, line, found.start());
            }
            shown_to = shown_to.max(index + 1);
            while shown_to < lines.len()
                && shown_to <= index + self.context
                && !self.regex.is_match(lines[shown_to])
            {
                self.line(path, '-', shown_to, lines[shown_to], 0);
                shown_to += 1;
            }
        }
    }

    /// One line of the result, with what is around byte `at` when it is long.
    fn line(&mut self, path: &str, mark: char, index: usize, line: &[u8], at: usize) {
        let from = if line.len() > MAX_LINE {
            at.saturating_sub(MAX_LINE / 4).min(line.len() - MAX_LINE)
        } else {
            0
        };
        let to = line.len().min(from + MAX_LINE);
        let shown = String::from_utf8_lossy(&line[from..to]);
        let (head, tail) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
        // Writing to a string cannot fail.
        let _ok = writeln!(self.text, "{path}{mark}{}{mark}{head}{shown}{tail}", index + 1);
    }

    fn show(self, mut notes: Vec<String>) -> String {
        let mut text = self.text;
        if self.cut {
            notes.insert(
                0,
                format!(
                    "cut after {} matching lines in {} files; narrow the search",
                    self.matches, self.files
                ),
            );
        } else if self.matches == 0 {
            notes.insert(0, "nothing matches".to_owned());
        }
        for (count, what) in
            [(self.binary, "binary"), (self.large, "too large"), (self.unreadable, "unreadable")]
        {
            if count > 0 {
                notes.push(format!("{count} files not searched: {what}"));
            }
        }
        if !notes.is_empty() {
            text.push_str(&format!("[{}]", notes.join("; ")));
        }
        text
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use tool_api::contract;

    use super::*;
    use crate::testing::{Place, call};

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let place = Place::new();
        place.write("a.txt", "hello");
        let tool = place.tool(Grep { workspace: place.workspace(), max_bytes: 1000 });
        contract::check(&tool, r#"{"pattern":"h.llo"}"#).await;
    }

    #[tokio::test]
    async fn matches_are_shown_with_their_place() {
        let place = Place::new();
        place.write("a.txt", "one\ntwo\r\nthree\nfour\nfive\nTWO\n");
        place.write("src/b.rs", "fn two() {}\n");
        std::fs::write(place.root().join("bin"), b"two\0").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.root().join("link")).unwrap();
        let tool = place.tool(Grep { workspace: place.workspace(), max_bytes: 10_000 });
        let table = [
            (r#"{"pattern":"two"}"#, "a.txt:2:two\nsrc/b.rs:1:fn two() {}\n[1 files not searched: binary]"),
            (r#"{"pattern":"two$","path":"a.txt"}"#, "a.txt:2:two\n"),
            (r#"{"pattern":"^TWO","ignore_case":true,"glob":"*.txt"}"#, "a.txt:2:two\na.txt:6:TWO\n"),
            (r#"{"pattern":"two","glob":"src/**"}"#, "src/b.rs:1:fn two() {}\n"),
            (r#"{"pattern":"two","path":"src"}"#, "src/b.rs:1:fn two() {}\n"),
            (
                r#"{"pattern":"two|three|TWO","path":"a.txt","context":1}"#,
                "a.txt-1-one\na.txt:2:two\na.txt:3:three\na.txt-4-four\na.txt-5-five\na.txt:6:TWO\n",
            ),
            (
                r#"{"pattern":"one|five","path":"a.txt","context":1}"#,
                "a.txt:1:one\na.txt-2-two\n--\na.txt-4-four\na.txt:5:five\na.txt-6-TWO\n",
            ),
            (r#"{"pattern":"\\d","path":"a.txt"}"#, "[nothing matches]"),
            (
                r#"{"pattern":"o","path":"a.txt","limit":1}"#,
                "a.txt:1:one\n[cut after 1 matching lines in 1 files; narrow the search]",
            ),
        ];
        for (args, expected) in table {
            assert_eq!(call(&tool, args).await.as_deref(), Ok(expected), "{args}");
        }
        for (args, class) in [
            (r#"{"pattern":"("}"#, "invalid_arguments"),
            (r#"{"pattern":"x","path":"link"}"#, "path_outside"),
            (r#"{"pattern":"x","path":".."}"#, "path_outside"),
            (r#"{"pattern":"x","path":"none"}"#, "failed"),
            (r#"{"pattern":"((a{100}){100}){100}"}"#, "invalid_arguments"),
        ] {
            assert_eq!(call(&tool, args).await.unwrap_err().class(), class, "{args}");
        }
    }

    #[tokio::test]
    async fn a_long_line_is_shown_around_its_match() {
        let place = Place::new();
        place.write("a.txt", &format!("{}needle{}", "é".repeat(1000), "x".repeat(1000)));
        let tool = place.tool(Grep { workspace: place.workspace(), max_bytes: 10_000 });
        let text = call(&tool, r#"{"pattern":"needle"}"#).await.unwrap();
        assert!(text.contains("needle") && text.starts_with("a.txt:1:…") && text.ends_with("…\n"), "{text}");
        assert!(text.len() < 3 * MAX_LINE, "{}", text.len());
    }
}
