//! Does the work: asks the model, checks its answer, replaces the file.

use session_api::{InboundId, Principal, PrincipalId, Purpose, Rank, RunOverrides, SessionKey};

use super::{Consolidation, MemoryFilesError, Proposal, Snapshot, Version, VersionState, check, proposal};
use crate::{AgentError, Factotum, RunRequest};

/// After so many failures the same work waits until something in the folder changes.
const MOST_ATTEMPTS: u32 = 5;

/// The owner's folder: what tools came to is for nobody else.
const OWNERS: &str = "memory";

/// What became of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consolidated {
    /// There was nothing to do.
    Nothing,
    /// It was done, or somebody was faster: the version tells.
    Done(Box<Version>),
    /// It failed, and the memory is as it was.
    Failed(String),
}

/// Consolidates the folders of a workspace.
#[derive(Debug, Clone)]
pub struct Keeper {
    factotum: Factotum,
    how: Consolidation,
}

impl From<MemoryFilesError> for AgentError {
    fn from(error: MemoryFilesError) -> Self {
        Self::Context(error.to_string())
    }
}

impl Keeper {
    /// Asks `factotum`'s models.
    #[must_use]
    pub fn new(factotum: Factotum, how: Consolidation) -> Self {
        Self { factotum, how }
    }

    /// Goes through all folders. What goes wrong in one stops no other. `today`: the note of the running day is taken too.
    ///
    /// # Errors
    /// When the folders cannot be listed.
    pub async fn all(&self, today: bool) -> Result<Vec<(String, Consolidated)>, AgentError> {
        let mut results = Vec::new();
        for folder in self.how.files.folders().await? {
            let done = self.folder(&folder, today).await;
            let done = done.unwrap_or_else(|error| Consolidated::Failed(error.to_string()));
            if let Consolidated::Failed(why) = &done {
                tracing::warn!(folder, why, "the memory was not consolidated");
            }
            results.push((folder, done));
        }
        Ok(results)
    }

    /// Consolidates one folder.
    ///
    /// # Errors
    /// When its files cannot be read or written, or the store fails.
    pub async fn folder(&self, folder: &str, today: bool) -> Result<Consolidated, AgentError> {
        let files = &self.how.files;
        let snapshot = files.snapshot(folder).await?;
        let versions = files.versions(folder).await?;
        let Some(mut work) = proposal(&snapshot, &versions, self.how.max_bytes, today) else {
            return Ok(Consolidated::Nothing);
        };
        if folder == OWNERS {
            work.reflect_on(&self.factotum.experience().await?.lessons());
        }
        if work.attempts >= MOST_ATTEMPTS && !today {
            return Ok(Consolidated::Nothing);
        }
        let (model, proposed) = self.ask(folder, &work).await?;
        let notes: Vec<&str> = work.notes.iter().map(String::as_str).collect();
        let checked = proposed.and_then(|answer| {
            check(&answer, &snapshot.memory.text, &notes, self.how.max_bytes)
                .map_err(|error| error.to_string())
        });
        match checked {
            Ok(after) => {
                let version = self.version(VersionState::Prepared, model, &snapshot, after, &work);
                let version = files.apply(folder, version).await?;
                // It was only a means: what was said stands in the version.
                self.factotum.sessions().clear(&session(folder)).await?;
                Ok(Consolidated::Done(Box::new(version)))
            }
            Err(reason) => {
                let attempts = work.attempts + 1;
                let version = self.version(VersionState::Failed, model, &snapshot, String::new(), &work);
                files.note_failure(folder, Version { reason: reason.clone(), attempts, ..version }).await?;
                Ok(Consolidated::Failed(reason))
            }
        }
    }

    fn version(
        &self,
        state: VersionState,
        model: String,
        snapshot: &Snapshot,
        after: String,
        work: &Proposal,
    ) -> Version {
        Version {
            id: 0,
            at: self.factotum.ports().clock.now(),
            state,
            model,
            reason: String::new(),
            key: work.key.clone(),
            attempts: work.attempts,
            before: snapshot.memory.text.clone(),
            after,
            notes: work.done.clone(),
        }
    }

    /// The model that answered, and its answer or why there is none. The same work is one run, whoever is killed and begins
    /// again: what was answered once is not asked for again.
    async fn ask(
        &self,
        folder: &str,
        work: &Proposal,
    ) -> Result<(String, Result<String, String>), AgentError> {
        // Nobody's own files belong into this prompt.
        let nobody = Principal { id: PrincipalId::installation(), rank: Rank::Guest };
        let overrides = RunOverrides {
            model: self.how.model.clone(),
            tools: Some(Vec::new()),
            fresh: true,
            purpose: Some(Purpose::Consolidation),
            ..RunOverrides::default()
        };
        let request = RunRequest {
            principal: nobody,
            idempotency_key: Some(format!("consolidate:{folder}:{}:{}", work.key, work.attempts)),
            ..RunRequest::new(session(folder), work.text.clone())
        };
        let result = self.factotum.run(request.with(overrides)).await?;
        let model = result.metadata.get("model").cloned().unwrap_or_default();
        if result.error.is_some() {
            // Nobody tries it again by hand: the next look does.
            if let Some(id) = result.metadata.get("inbound").and_then(|id| id.parse::<InboundId>().ok()) {
                self.factotum.drop_dead_letter(id).await?;
            }
        }
        Ok((model, result.answer().map_err(|error| error.to_string())))
    }

    /// Brings back the memory file as it was before a version. The notes that went in stay counted as done.
    ///
    /// # Errors
    /// When there is no such version, somebody changed the file just now, or it cannot be written.
    pub async fn restore(&self, folder: &str, id: u64) -> Result<Version, AgentError> {
        let files = &self.how.files;
        let snapshot = files.snapshot(folder).await?;
        let versions = files.versions(folder).await?;
        let Some(old) = versions.iter().find(|version| version.id == id) else {
            return Err(AgentError::Context(format!("there is no version {id} of {folder}/MEMORY.md")));
        };
        let now = self.factotum.ports().clock.now();
        let last = versions
            .iter()
            .rev()
            .find(|one| matches!(one.state, VersionState::Applied | VersionState::Restored));
        let version = Version {
            id: 0,
            at: now,
            state: VersionState::Restored,
            model: String::new(),
            reason: format!("as it was before {id}"),
            key: format!("restore-{id}-{}", now.0),
            attempts: 0,
            before: snapshot.memory.text,
            after: old.before.clone(),
            notes: last.map(|last| last.notes.clone()).unwrap_or_default(),
        };
        let version = files.apply(folder, version).await?;
        if version.state == VersionState::Superseded {
            return Err(AgentError::Context("the file is being changed; nothing was restored".into()));
        }
        Ok(version)
    }
}

/// The conversation with the model: one for each folder, so that a kill leaves one place to look.
fn session(folder: &str) -> SessionKey {
    SessionKey::new("library", "memory", folder)
}
