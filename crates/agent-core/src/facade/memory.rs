//! Memory: what an owner looks for, opens and takes out.

use session_api::{MemoryPlace, MemoryQuery, MemorySection, Page, Recalled, Scope, StoredMessage};

use super::Factotum;
use crate::AgentError;

/// Messages that are shown before and behind one that is opened.
const AROUND: u64 = 3;
/// Sections of a file that are shown from the one on that is opened.
const SECTIONS: usize = 3;
/// Messages that are taken up at once.
const BATCH: usize = 500;

/// What was said and noted.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a>(&'a Factotum);

/// A piece of memory with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Messages of a session, in order.
    Messages(Vec<StoredMessage>),
    /// Sections of a file, in order.
    Sections(Vec<MemorySection>),
}

impl Factotum {
    /// What was said and noted.
    #[must_use]
    pub fn memory(&self) -> Memory<'_> {
        Memory(self)
    }
}

impl Memory<'_> {
    /// What fits, best first, for the operator: everybody's.
    pub async fn search(&self, query: &MemoryQuery) -> Result<Recalled, AgentError> {
        Ok(self.0.ports.stores.memory.recall(&Scope::All, query).await?)
    }

    /// A piece of memory with what stands around it; `None` where there is nothing.
    pub async fn open(&self, place: &MemoryPlace) -> Result<Option<Opened>, AgentError> {
        let stores = &self.0.ports.stores;
        match place {
            MemoryPlace::Message { session, seq } => {
                let after = seq.saturating_sub(AROUND + 1);
                let limit = usize::try_from(2 * AROUND + 1).unwrap_or(1);
                let found = stores.sessions.messages(&Scope::All, session, Page { after, limit }).await?;
                let there = found.iter().any(|stored| stored.seq == *seq);
                Ok(there.then_some(Opened::Messages(found)))
            }
            MemoryPlace::File { path, line } => {
                let sections = stores.memory.notes(&Scope::All, path, *line, SECTIONS).await?;
                Ok((!sections.is_empty()).then_some(Opened::Sections(sections)))
            }
        }
    }

    /// Never finds a message again; it stays in its session. `false` where there is none.
    pub async fn forget_message(
        &self,
        session: &session_api::SessionKey,
        seq: u64,
    ) -> Result<bool, AgentError> {
        Ok(self.0.ports.stores.memory.forget_message(&Scope::All, session, seq).await?)
    }

    /// Takes up what is new; `each` is told how many messages were taken up at a time.
    pub async fn catch_up(&self, mut each: impl FnMut(usize)) -> Result<(), AgentError> {
        loop {
            let progress = self.0.ports.stores.memory.index_messages(BATCH).await?;
            each(progress.taken);
            if !progress.left {
                return Ok(());
            }
        }
    }

    /// Forgets the index, so that [`catch_up`](Self::catch_up) makes it anew from what is stored.
    pub async fn forget_index(&self) -> Result<(), AgentError> {
        Ok(self.0.ports.stores.memory.forget_index().await?)
    }
}
