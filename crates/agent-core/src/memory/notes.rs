//! Files of notes: whose they are, and what they hold.

use async_trait::async_trait;
use session_api::{MemorySection, PrincipalId, Timestamp};

/// A section ends with an empty line from this size on, and with any line from that size on.
const ENOUGH: usize = 400;
const LONG: usize = 1_500;

/// A file of notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteFile {
    /// Its path in the workspace, with `/`.
    pub path: String,
    /// Whose it is.
    pub person: PrincipalId,
    /// Changes whenever the file does.
    pub stamp: String,
    /// When it last changed.
    pub at: Timestamp,
}

/// Brings the files of notes. People edit them by hand at any time; one may be gone when it is read.
#[async_trait]
pub trait NoteFiles: Send + Sync {
    /// All of them, by path.
    async fn list(&self) -> Vec<NoteFile>;

    /// The text of one; `None` when it is gone or cannot be read.
    async fn read(&self, path: &str) -> Option<String>;
}

/// No files.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNotes;

#[async_trait]
impl NoteFiles for NoNotes {
    async fn list(&self) -> Vec<NoteFile> {
        Vec::new()
    }

    async fn read(&self, _path: &str) -> Option<String> {
        None
    }
}

/// The pieces of a text that are found by themselves: each heading and each item of a list begins one, and what is long is
/// parted where lines end.
#[must_use]
pub fn sections(text: &str) -> Vec<MemorySection> {
    let mut sections = Vec::new();
    let mut piece = String::new();
    let mut first = 1;
    let mut end = |piece: &mut String, line: u32| {
        let text = piece.trim();
        if !text.is_empty() {
            sections.push(MemorySection { line, text: text.to_owned() });
        }
        piece.clear();
    };
    for (number, line) in (1..).zip(text.lines()) {
        let full = piece.len() >= LONG || (piece.len() >= ENOUGH && line.trim().is_empty());
        if full || ["#", "- ", "* "].iter().any(|begin| line.starts_with(begin)) {
            end(&mut piece, first);
        }
        if piece.is_empty() {
            if line.trim().is_empty() {
                continue;
            }
            first = number;
        }
        piece.push_str(line);
        piece.push('\n');
    }
    end(&mut piece, first);
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_parted_at_headings_and_where_it_gets_long() {
        let long = format!("{}\n", "word ".repeat(90)).repeat(5);
        let text = format!("\n# One\ntext\n\nmore\n## Two\n{long}\nend\n\n");
        let parts = sections(&text);
        let lines: Vec<u32> = parts.iter().map(|part| part.line).collect();
        assert_eq!(lines, [2, 6, 11, 13]);
        assert_eq!(parts[0].text, "# One\ntext\n\nmore");
        assert_eq!(parts[3].text, "end");
        let items: Vec<String> =
            sections("# Day\n- one\n  more\n- two\n").into_iter().map(|part| part.text).collect();
        assert_eq!(items, ["# Day", "- one\n  more", "- two"]);
        assert!(sections("").is_empty() && sections("\n \n").is_empty());
    }
}
