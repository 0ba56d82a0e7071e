//! The port over the files of the workspace.

use std::sync::Arc;

use agent_core::{MemoryFile, MemoryFiles, MemoryFilesError, NewVersion, Snapshot, Version};
use async_trait::async_trait;
use schedule::Zones;
use tool_api::ToolError;
use tools::{MEMORY_FILE, MemoryFolder, Workspace};

use super::versions::Versions;

/// Most days that are looked at.
const MOST_NOTES: usize = 400;
/// Most people.
const MOST_FOLDERS: usize = 1000;

/// `memory/` and `people/*/` of a workspace.
#[derive(Clone)]
pub(crate) struct WorkspaceMemory(Arc<Inner>);

struct Inner {
    workspace: Workspace,
    zones: Zones,
}

impl WorkspaceMemory {
    pub(crate) fn new(workspace: Workspace, zones: Zones) -> Self {
        Self(Arc::new(Inner { workspace, zones }))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, MemoryFilesError> {
        let inner = self.0.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done.map_err(|error| MemoryFilesError(error.to_string())),
            Err(_) => Err(MemoryFilesError("reading the memory crashed; this is a bug".into())),
        }
    }

    async fn versions<T: Send + 'static>(
        &self,
        folder: &str,
        work: impl FnOnce(&Versions) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, MemoryFilesError> {
        let folder = folder.to_owned();
        self.blocking(move |inner| work(&Versions::new(MemoryFolder::new(inner.workspace.clone(), folder))))
            .await
    }
}

impl Inner {
    fn today(&self) -> String {
        use session_api::Clock as _;
        let now = crate::SystemClock::new().now();
        let zone = self.zones.find(self.zones.local()).unwrap_or(jiff::tz::TimeZone::UTC);
        let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(zone);
        format!("{}.md", at.strftime("%Y-%m-%d"))
    }

    fn snapshot(&self, folder: &str) -> Result<Snapshot, ToolError> {
        let folder = MemoryFolder::new(self.workspace.clone(), folder);
        Versions::new(folder.clone()).settle()?;
        let file = |name: &str| {
            let read = folder.read(name)?;
            Ok::<_, ToolError>(MemoryFile { name: name.to_owned(), text: read.text, digest: read.digest })
        };
        let mut notes = Vec::new();
        for name in folder.notes(MOST_NOTES)? {
            match file(&name) {
                Ok(note) => notes.push(note),
                // One note that cannot be read must not keep the others out.
                Err(error) => tracing::warn!(%error, "a note is left out of the consolidation"),
            }
        }
        Ok(Snapshot { memory: file(MEMORY_FILE)?, notes, today: self.today() })
    }

    fn folders(&self) -> Result<Vec<String>, ToolError> {
        let (people, _) = self.workspace.entries("people", MOST_FOLDERS)?;
        let people = people.into_iter().filter(|entry| entry.is_dir);
        Ok(std::iter::once("memory".to_owned())
            .chain(people.map(|entry| format!("people/{}", entry.name)))
            .collect())
    }
}

#[async_trait]
impl MemoryFiles for WorkspaceMemory {
    async fn folders(&self) -> Result<Vec<String>, MemoryFilesError> {
        self.blocking(Inner::folders).await
    }

    async fn snapshot(&self, folder: &str) -> Result<Snapshot, MemoryFilesError> {
        let folder = folder.to_owned();
        self.blocking(move |inner| inner.snapshot(&folder)).await
    }

    async fn versions(&self, folder: &str) -> Result<Vec<Version>, MemoryFilesError> {
        self.versions(folder, Versions::list).await
    }

    async fn apply(&self, folder: &str, version: NewVersion) -> Result<Version, MemoryFilesError> {
        self.versions(folder, move |versions| versions.apply(version)).await
    }

    async fn note_failure(&self, folder: &str, version: NewVersion) -> Result<(), MemoryFilesError> {
        self.versions(folder, move |versions| versions.note_failure(version)).await
    }
}
