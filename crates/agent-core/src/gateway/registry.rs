//! The channels that are connected now.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use session_api::{OnDoubt, Route, WhenBusy};

use crate::{Account, Channel, Inlet, InletPolicy};

/// What the configuration says about a channel, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPolicy {
    /// What comes in.
    pub inlet: InletPolicy,
    /// What becomes of a part that was being sent when the process died and that the platform cannot tell of.
    pub on_doubt: OnDoubt,
    /// Whether an answer is shown while it is written, where the platform can change what was sent.
    pub live: bool,
}

impl Default for ChannelPolicy {
    fn default() -> Self {
        let coalesce = Some(Duration::from_millis(300));
        Self {
            inlet: InletPolicy { coalesce, busy: WhenBusy::Steer, ..InletPolicy::default() },
            on_doubt: OnDoubt::ResendOnce,
            live: true,
        }
    }
}

/// A channel that is connected.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) account: Account,
    pub(crate) policy: ChannelPolicy,
    pub(crate) inlet: Inlet,
}

/// The channels that are connected now, by kind. Cheap to clone; clones are the same table.
#[derive(Clone, Default)]
pub struct Channels(Arc<ArcSwap<BTreeMap<String, Connected>>>);

impl Channels {
    pub(crate) fn set(&self, kind: &str, connected: &Connected) {
        self.0.rcu(|table| {
            let mut table = BTreeMap::clone(table);
            table.insert(kind.to_owned(), connected.clone());
            table
        });
    }

    /// Takes it away, unless another one has taken its place.
    pub(crate) fn remove(&self, gone: &Connected) {
        let kind = gone.channel.kind();
        self.0.rcu(|table| {
            let mut table = BTreeMap::clone(table);
            if table.get(kind).is_some_and(|there| there.inlet.is(&gone.inlet)) {
                table.remove(kind);
            }
            table
        });
    }

    pub(crate) fn get(&self, kind: &str) -> Option<Connected> {
        self.0.load().get(kind).cloned()
    }

    /// The channel that `route` leads through, if it is connected. An empty account means the one there is.
    pub(crate) fn of(&self, route: &Route) -> Option<Connected> {
        let fits = |connected: &Connected| route.account.is_empty() || connected.account.id == route.account;
        self.get(&route.channel).filter(fits)
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.load().keys()).finish()
    }
}
