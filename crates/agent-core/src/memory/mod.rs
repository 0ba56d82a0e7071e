//! Memory: finding again what was said and noted.

mod caught_up;
mod notes;
mod vectors;
mod working;

pub use caught_up::CaughtUp;
pub use notes::{NoNotes, NoteFile, NoteFiles, sections};
pub use vectors::{Vectors, VectorsConfig, VectorsError, WithVectors};
pub use working::WithWorkingMemory;
