//! Memory: finding again what was said and noted.

mod caught_up;
mod notes;

pub use caught_up::CaughtUp;
pub use notes::{NoNotes, NoteFile, NoteFiles, sections};
