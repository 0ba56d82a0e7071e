//! The heartbeat: at a set pace the assistant looks whether there is something to do, and asks no model where there is not.

mod file;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use session_api::Route;

pub use file::{Condition, HeartbeatTask, heartbeat_tasks};

/// What a beat answers when there is nothing to say.
pub const HEARTBEAT_OK: &str = "HEARTBEAT_OK";

/// Brings `HEARTBEAT.md` and looks whether its conditions hold. All of it is cheap and bounded: it is asked at every beat.
#[async_trait]
pub trait HeartbeatSource: Send + Sync {
    /// The file's text, cut where it is far too long; `None` where there is no file.
    async fn text(&self) -> Option<String>;

    /// What changes when this file of the workspace does; `None` where it is not there.
    async fn mark(&self, path: &str) -> Option<String>;

    /// Whether the check of this name, a command in the configuration, ends well. One that is not there does not.
    async fn check(&self, name: &str) -> bool;
}

/// Hours in which no beat happens, by the clocks of the local zone: minutes of the day. They may span midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// The first quiet minute.
    pub from: u32,
    /// The first minute that is not quiet any more.
    pub until: u32,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        Some(Self { from: file::minute_of_day(from.trim())?, until: file::minute_of_day(until.trim())? })
    }

    /// Whether this minute of the day is quiet.
    #[must_use]
    pub fn hold(self, minute: u32) -> bool {
        let Self { from, until } = self;
        if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
    }
}

/// How the heart beats.
#[derive(Clone)]
pub struct Heartbeat {
    /// The pace.
    pub every: Duration,
    /// When it does not.
    pub quiet: Option<QuietHours>,
    /// The model, where it is not the default: `PROVIDER/MODEL`.
    pub model: Option<String>,
    /// Where it speaks. Without it, what it says is kept in its own conversation.
    pub reply: Option<Route>,
    /// What there is to do.
    pub source: Arc<dyn HeartbeatSource>,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat")
            .field("every", &self.every)
            .field("quiet", &self.quiet)
            .finish_non_exhaustive()
    }
}
