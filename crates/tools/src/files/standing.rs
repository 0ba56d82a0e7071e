//! Files that later turns are told: instructions, memory, skills, profiles.

use super::Workspace;

/// Such files in the workspace itself.
const FILES: [&str; 4] = ["agents.md", "heartbeat.md", "soul.md", "user.md"];
/// The beginning of the names of those for one channel.
const OF_CHANNEL: &str = "context-";
/// Such folders.
const FOLDERS: [&str; 4] = ["memory", "people", "profiles", "skills"];

impl Workspace {
    /// Whether `text` names a file that later turns are told. Letter case is ignored, as some file systems do. What is no
    /// path is none: no tool takes it.
    pub(super) fn is_standing(&self, text: &str) -> bool {
        let Ok(path) = self.plain(text) else { return false };
        let path = path.as_str().to_lowercase();
        match path.split_once('/') {
            Some((folder, _)) => FOLDERS.contains(&folder),
            None => FILES.contains(&path.as_str()) || (path.starts_with(OF_CHANNEL) && path.ends_with(".md")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Place;

    #[test]
    fn standing_files_are_known_however_they_are_written() {
        let place = Place::new();
        let workspace = place.workspace();
        let absolute = format!("{}/AGENTS.md", workspace.path().display());
        for path in [
            "AGENTS.md",
            "./agents.MD",
            "a/../SOUL.md",
            "HEARTBEAT.md",
            "USER.md",
            "CONTEXT-telegram.md",
            "memory/MEMORY.md",
            "memory//2026-01-01.md",
            "skills/x/SKILL.md",
            "profiles/x.yaml",
            "people/1/USER.md",
            absolute.as_str(),
        ] {
            assert!(workspace.is_standing(path), "{path}");
        }
        for path in
            ["notes.md", "src/AGENTS.md.txt", "a/memory.md", "CONTEXT.md", "docs/x/AGENTS.md", "../AGENTS.md"]
        {
            assert!(!workspace.is_standing(path), "{path}");
        }
    }
}
