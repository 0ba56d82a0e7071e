//! Memory: finding again what was said and noted.

mod caught_up;
mod notes;
mod working;

pub use caught_up::CaughtUp;
pub use notes::{NoNotes, NoteFile, NoteFiles, sections};
pub use working::WithWorkingMemory;
