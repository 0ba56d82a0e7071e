//! The way in: for the command line, the HTTP API, and other programs.

mod admin;
mod context;
mod crew;
mod jobs;
mod memory;
mod ports;
mod request;
mod result;
mod rules;
mod run;
mod stream;
mod submit;
mod triggers;
mod undelivered;
mod why;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

use crate::{Core, compaction::Compactor};

pub use admin::{Approvals, Sessions, Waiting};
pub(crate) use context::report;
pub use crew::FollowUp;
pub use jobs::{JobReport, Jobs};
pub use memory::{Memory, Opened};
pub use ports::{Ports, Spawn};
pub use request::RunRequest;
pub use result::{ResumedRun, RunError, RunResult};
pub use rules::StandingRules;
pub use stream::RunStream;
pub use triggers::{Trigger, Triggers};
pub use why::{Refusal, RefusedCall};

/// An assistant over ports. Cheap to clone; clones are the same assistant.
#[derive(Clone)]
pub struct Factotum {
    pub(crate) ports: Arc<Ports>,
    core: Arc<ArcSwap<Core>>,
    crews: crew::Crews,
    compactor: Arc<Compactor>,
}

impl Factotum {
    /// An assistant that uses `ports` and is configured as `core`. Nothing runs until it is asked to.
    #[must_use]
    pub fn new(ports: Ports, core: Core) -> Self {
        Self {
            ports: Arc::new(ports),
            core: Arc::new(ArcSwap::from_pointee(core)),
            crews: crew::Crews::default(),
            compactor: Arc::default(),
        }
    }

    pub(crate) fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// The configuration that the next turn starts with.
    #[must_use]
    pub fn core(&self) -> Arc<Core> {
        self.core.load_full()
    }

    /// Replaces the configuration for the turns that start from now on; those under way keep theirs.
    pub fn swap_core(&self, core: Core) {
        self.core.store(Arc::new(core));
    }
}

impl fmt::Debug for Factotum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factotum").field("core", &self.core()).finish_non_exhaustive()
    }
}
