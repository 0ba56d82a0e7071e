//! Versions of a memory file: one JSON file each in `.versions/` of its folder.
//!
//! A version is on the disk before the memory file is replaced, and says so; whoever comes next after a kill finishes what
//! was begun. Every step is idempotent.

use std::collections::HashSet;

use agent_core::{NewVersion, Version, VersionState};
use tool_api::ToolError;
use tools::{MEMORY_FILE, MemoryFolder, digest_of};

/// So many versions are kept.
const KEPT: usize = 100;
/// The folder of the versions, in the memory folder.
const FOLDER: &str = ".versions";
/// What people read of all that.
const HISTORY: &str = "HISTORY.md";
/// The largest version: two memory files and the names of the notes.
const MOST_BYTES: u64 = 4 << 20;

/// The versions of one memory folder.
pub(super) struct Versions {
    folder: MemoryFolder,
}

impl Versions {
    pub(super) fn new(folder: MemoryFolder) -> Self {
        Self { folder }
    }

    /// All versions, oldest first. One that cannot be read is left out.
    pub(super) fn list(&self) -> Result<Vec<Version>, ToolError> {
        let workspace = self.folder.workspace();
        let place = self.folder.file(FOLDER);
        let (entries, _) = workspace.entries(&place, KEPT * 4)?;
        let mut versions = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.name.ends_with(".json")) {
            let bytes = workspace.read(&format!("{place}/{}", entry.name), MOST_BYTES)?;
            match serde_json::from_slice::<Version>(&bytes) {
                Ok(version) => versions.push(version),
                Err(error) => {
                    tracing::warn!(%error, file = entry.name, "a version of the memory cannot be read");
                }
            }
        }
        versions.sort_by_key(|version| version.id);
        Ok(versions)
    }

    /// Finishes what a kill left half done.
    pub(super) fn settle(&self) -> Result<(), ToolError> {
        let unfinished =
            |versions: &[Version]| versions.iter().any(|one| one.state == VersionState::Prepared);
        if !unfinished(&self.list()?) {
            return Ok(());
        }
        let _lock = self.folder.lock()?;
        for version in self.list()?.into_iter().filter(|one| one.state == VersionState::Prepared) {
            let now = self.folder.read(MEMORY_FILE)?;
            match came_through(&version, &now.text) {
                Some(true) => drop(self.finish(version)?),
                Some(false) => drop(self.replace(version)?),
                None => self.put(&Version { state: VersionState::Superseded, ..version })?,
            }
        }
        Ok(())
    }

    pub(super) fn apply(&self, version: NewVersion) -> Result<Version, ToolError> {
        let _lock = self.folder.lock()?;
        let versions = self.list()?;
        let done = |one: &&Version| one.key == version.key && is_done(one);
        if let Some(done) = versions.iter().find(done) {
            return Ok(done.clone());
        }
        let id = versions.last().map_or(1, |last| last.id + 1);
        let now = self.folder.read(MEMORY_FILE)?;
        if now.text != version.before {
            let reason = "the file was changed meanwhile; it stays as it is".to_owned();
            let version = Version { id, state: VersionState::Superseded, reason, ..version };
            self.put(&version)?;
            return Ok(version);
        }
        let version = Version { id, state: VersionState::Prepared, ..version };
        self.put(&version)?;
        failpoint("consolidate.prepared");
        let version = self.replace(version)?;
        self.prune(&versions)?;
        Ok(version)
    }

    /// Keeps a failure, in the place of an earlier one of the same work.
    pub(super) fn note_failure(&self, version: NewVersion) -> Result<(), ToolError> {
        let _lock = self.folder.lock()?;
        let versions = self.list()?;
        let same = versions.iter().find(|one| one.key == version.key && one.state == VersionState::Failed);
        let id = same.or(versions.last()).map_or(1, |one| if same.is_some() { one.id } else { one.id + 1 });
        self.put(&Version { id, ..version })?;
        self.prune(&versions)
    }

    /// Puts the new text in the place of the old one. Somebody may edit it at this very moment: their edit stays.
    fn replace(&self, version: Version) -> Result<Version, ToolError> {
        let read = digest_of(version.before.as_bytes());
        match self.folder.write(MEMORY_FILE, &version.after, &read)? {
            Ok(()) => {
                failpoint("consolidate.replaced");
                self.finish(version)
            }
            Err(_) => {
                let reason = "the file was changed meanwhile; it stays as it is".to_owned();
                let version = Version { state: VersionState::Superseded, reason, ..version };
                self.put(&version)?;
                Ok(version)
            }
        }
    }

    fn finish(&self, version: Version) -> Result<Version, ToolError> {
        self.tell(&version)?;
        failpoint("consolidate.told");
        let restored = version.key.starts_with("restore-");
        let state = if restored { VersionState::Restored } else { VersionState::Applied };
        let version = Version { state, ..version };
        self.put(&version)?;
        Ok(version)
    }

    /// A line for people, once for each version.
    fn tell(&self, version: &Version) -> Result<(), ToolError> {
        let history = self.folder.read(HISTORY)?;
        let mark = format!("- {}: ", version.id);
        if history.text.lines().any(|line| line.starts_with(&mark)) {
            return Ok(());
        }
        let mut text = history.text.clone();
        if text.is_empty() {
            text.push_str("# Changes of MEMORY.md by consolidation\n\n");
        }
        let at = jiff::Timestamp::from_millisecond(version.at.0).unwrap_or_default();
        let (gone, new) = changed(&version.before, &version.after);
        let what = if version.reason.is_empty() { version.model.as_str() } else { version.reason.as_str() };
        text.push_str(&format!(
            "{mark}{} UTC, {new} lines new, {gone} gone ({what})\n",
            at.strftime("%Y-%m-%d %H:%M")
        ));
        // Somebody edits it right now: the version itself says all that the line would.
        let _told = self.folder.write(HISTORY, &text, &history.digest)?;
        Ok(())
    }

    fn put(&self, version: &Version) -> Result<(), ToolError> {
        let text =
            serde_json::to_vec_pretty(version).map_err(|error| ToolError::Failed(error.to_string()))?;
        self.folder.workspace().write(&self.file(version.id), &text).map(drop)
    }

    fn file(&self, id: u64) -> String {
        self.folder.file(&format!("{FOLDER}/{id:06}.json"))
    }

    /// Takes the oldest away. The newest that came through says what has been worked in, so it stays.
    fn prune(&self, versions: &[Version]) -> Result<(), ToolError> {
        let last = versions.iter().rev().find(|one| is_done(one)).map(|one| one.id);
        let left_over = versions.len().saturating_sub(KEPT);
        for version in versions.iter().take(left_over).filter(|one| Some(one.id) != last) {
            self.folder.workspace().remove(&self.file(version.id))?;
        }
        Ok(())
    }
}

fn is_done(version: &Version) -> bool {
    matches!(version.state, VersionState::Applied | VersionState::Restored)
}

/// Whether a prepared version had replaced the file before the kill; `None`: somebody has edited it since, and it had not.
fn came_through(version: &Version, now: &str) -> Option<bool> {
    if now == version.before {
        return Some(false);
    }
    let old: HashSet<&str> = version.before.lines().collect();
    let here: HashSet<&str> = now.lines().collect();
    let mut new = version.after.lines().filter(|line| !line.trim().is_empty() && !old.contains(line));
    // A line that only the new text had cannot come from anywhere else.
    (now == version.after || new.any(|line| here.contains(line))).then_some(true)
}

/// How many lines are gone, and how many are new.
pub(super) fn changed(before: &str, after: &str) -> (usize, usize) {
    let (old, new): (HashSet<&str>, HashSet<&str>) = (before.lines().collect(), after.lines().collect());
    (old.difference(&new).count(), new.difference(&old).count())
}

/// A place where a test may kill the process.
fn failpoint(site: &'static str) {
    tracing::trace!(target: "failpoint", site);
}
