//! How far a goal is: what its rounds wrote down.

use serde::{Deserialize, Serialize};
use session_api::{JobId, KvWrite, Outside, PrincipalId};

/// So many notes are kept, the newest: a goal does not grow with its rounds.
const KEPT: usize = 12;
/// Longest note in characters.
const LONGEST: usize = 600;

/// What the rounds of a goal wrote down.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalNotes {
    /// What was done, oldest first.
    pub notes: Vec<String>,
    /// Whether it is reached.
    pub reached: bool,
    /// Through what the rounds that wrote them had read text from outside.
    #[serde(skip_serializing_if = "Outside::is_empty")]
    pub outside: Outside,
}

impl GoalNotes {
    /// The name under which its owner keeps them.
    #[must_use]
    pub fn key(goal: JobId) -> String {
        format!("goal:{goal}")
    }

    /// Reads what is stored; what cannot be read counts as nothing.
    #[must_use]
    pub fn read(stored: Option<&str>) -> Self {
        stored.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// With one note more.
    #[must_use]
    pub fn with(mut self, note: &str, reached: bool) -> Self {
        self.notes.push(note.trim().chars().take(LONGEST).collect());
        self.notes.drain(..self.notes.len().saturating_sub(KEPT));
        self.reached |= reached;
        self
    }

    /// The write that stores them.
    #[must_use]
    pub fn write(&self, goal: JobId, owner: &PrincipalId) -> KvWrite {
        // Strings have a JSON form.
        let value = serde_json::to_string(self).unwrap_or_default();
        KvWrite::Set { owner: owner.clone(), key: Self::key(goal), value, expires_at: None }
    }

    /// The write that forgets them.
    #[must_use]
    pub fn forget(goal: JobId, owner: &PrincipalId) -> KvWrite {
        KvWrite::Delete { owner: owner.clone(), key: Self::key(goal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_do_not_grow_without_end() {
        let mut notes = GoalNotes::default();
        for n in 0..100 {
            notes = notes.with(&format!("note {n} {}", "x".repeat(2_000)), n == 50);
        }
        assert_eq!(notes.notes.len(), KEPT);
        assert!(
            notes.notes[KEPT - 1].starts_with("note 99")
                && notes.notes.iter().all(|note| note.len() <= LONGEST)
        );
        assert!(notes.reached);
        let text = serde_json::to_string(&notes).unwrap();
        assert_eq!(GoalNotes::read(Some(&text)), notes);
        assert_eq!(GoalNotes::read(Some("broken")), GoalNotes::default());
    }
}
