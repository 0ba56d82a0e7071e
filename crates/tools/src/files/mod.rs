//! The tools that work on the files of the workspace.

mod access;
mod atomic_write;
mod edit_file;
mod eyes;
mod glob;
mod grep;
mod list_dir;
mod path;
mod read_file;
mod safe_open;
mod standing;
mod walk;
mod workspace;
mod write_file;

pub use access::{DirEntry, FileStamp};
pub use edit_file::EditFile;
pub use glob::Glob;
pub use grep::Grep;
pub use list_dir::ListDir;
pub use path::RelativePath;
pub use read_file::ReadFile;
pub use workspace::{Workspace, WorkspaceError};
pub use write_file::WriteFile;

/// Makes a file name printable on one line: control characters and what turns the writing direction are escaped.
fn printable(name: &str) -> String {
    let hostile = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(hostile) {
        name.chars()
            .map(|c| if hostile(c) { c.escape_unicode().to_string() } else { c.to_string() })
            .collect()
    } else {
        name.to_owned()
    }
}
