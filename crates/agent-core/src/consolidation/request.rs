//! What is to be consolidated, and the words for it.

use std::{collections::BTreeMap, fmt::Write as _};

use sha2::{Digest, Sha256};

use super::{Snapshot, Version, VersionState};

const INSTRUCTIONS: &str = include_str!("../../prompts/consolidation.md");

/// Most bytes of notes that are worked in at once; the rest waits for the next time.
pub(super) const MOST_NOTES_BYTES: usize = 64 << 10;

/// Work that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposal {
    /// What the model is told.
    pub(super) text: String,
    /// The texts of the notes in it.
    pub(super) notes: Vec<String>,
    /// The digest of each note that has gone into the memory when it is done.
    pub(super) done: BTreeMap<String, String>,
    /// A digest of all that goes in.
    pub(super) key: String,
    /// How often the same work failed before.
    pub(super) attempts: u32,
}

/// What there is to do in a folder; `None`: nothing. A note counts as done while it is what it was when it was worked in.
/// `today`: whether the note of the running day is taken as well.
#[must_use]
pub(super) fn proposal(
    snapshot: &Snapshot,
    versions: &[Version],
    max_bytes: usize,
    today: bool,
) -> Option<Proposal> {
    let last = versions
        .iter()
        .rev()
        .find(|version| matches!(version.state, VersionState::Applied | VersionState::Restored));
    let mut done = last.map(|version| version.notes.clone()).unwrap_or_default();
    let mut new = Vec::new();
    let mut bytes = 0;
    for note in &snapshot.notes {
        let fresh = done.get(&note.name) != Some(&note.digest);
        if !fresh || note.text.trim().is_empty() || (!today && note.name >= snapshot.today) {
            continue;
        }
        bytes += note.text.len();
        // One that is too long for itself is cut by nobody: it is taken alone, as far as a model can read it.
        if bytes > MOST_NOTES_BYTES && !new.is_empty() {
            break;
        }
        new.push(note);
    }
    if new.is_empty() && snapshot.memory.text.len() <= max_bytes {
        return None;
    }
    // What is not there any more needs no remembering.
    done.retain(|name, _| snapshot.notes.iter().any(|note| note.name == *name));
    let mut text = INSTRUCTIONS.replace("{max_bytes}", &max_bytes.to_string());
    let _ = write!(text, "\n===== the memory file =====\n{}\n", snapshot.memory.text.trim_end());
    let mut hasher = Sha256::new();
    hasher.update(&snapshot.memory.digest);
    for note in &new {
        let _ = write!(text, "\n===== notes: {} =====\n{}\n", note.name, note.text.trim_end());
        hasher.update(format!("\0{}\0{}", note.name, note.digest));
        done.insert(note.name.clone(), note.digest.clone());
    }
    hasher.update(format!("\0{max_bytes}"));
    let key = hex::encode(&hasher.finalize()[..12]);
    let failed = |version: &&Version| version.state == VersionState::Failed && version.key == key;
    let attempts = versions.iter().find(failed).map_or(0, |version| version.attempts);
    let notes = new.into_iter().map(|note| note.text.clone()).collect();
    Some(Proposal { text, notes, done, key, attempts })
}

/// Most bytes of what is told about tools.
const MOST_LESSONS: usize = 2 << 10;

impl Proposal {
    /// Adds what tools came to, as material beside the notes. It is no reason to consolidate, and no other work.
    pub(super) fn reflect_on(&mut self, lessons: &[String]) {
        let mut told = String::new();
        for lesson in lessons {
            if told.len() + lesson.len() < MOST_LESSONS {
                let _ = writeln!(told, "{lesson}");
            }
        }
        if !told.is_empty() {
            let _ = write!(
                self.text,
                "\n===== tools lately; what is worth knowing goes under “Lessons” =====\n{told}"
            );
            self.notes.push(told);
        }
    }
}
