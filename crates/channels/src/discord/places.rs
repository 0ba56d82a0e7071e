//! Which conversation a channel id stands for. A message in a thread names only the thread.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{error::Failure, rest::Rest};

/// Most channels that are remembered. When it is full all are forgotten, which costs one call for each that speaks.
const MOST: usize = 2048;

/// A conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// The channel, or the channel that the thread is in.
    pub(super) chat: u64,
    /// The thread.
    pub(super) thread: Option<u64>,
    /// Whether others read along.
    pub(super) group: bool,
}

impl Spot {
    pub(super) fn direct(channel: u64) -> Self {
        Self { chat: channel, thread: None, group: false }
    }

    /// The spot of a channel of this type. 10, 11 and 12 are threads; 1 is a direct chat.
    pub(super) fn of(channel: u64, kind: u64, parent: Option<u64>) -> Self {
        match (kind, parent) {
            (10..=12, Some(parent)) => Self { chat: parent, thread: Some(channel), group: true },
            (1, _) => Self::direct(channel),
            _ => Self { chat: channel, thread: None, group: true },
        }
    }
}

/// Looks channels up, each once.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<u64, Spot>>);

impl Places {
    /// The conversation of `channel`.
    pub(super) async fn of(&self, rest: &Rest, channel: u64) -> Result<Spot, Failure> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&channel).copied();
        if let Some(spot) = known {
            return Ok(spot);
        }
        let found = rest.get(&format!("channel {channel}"), &format!("/channels/{channel}")).await?;
        let parent = found["parent_id"].as_str().and_then(|id| id.parse().ok());
        let spot = Spot::of(channel, found["type"].as_u64().unwrap_or(0), parent);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(channel, spot);
        Ok(spot)
    }
}
