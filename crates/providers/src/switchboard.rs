//! What a process knows of the servers that it asks, for as long as it lives: which ones fail, how much of their limits is
//! used, and the connections to them.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use agent_core::ModelErrorKind;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use session_api::{Clock, IdSource};

use crate::{
    exchange::clients::Clients,
    layers::{Breaker, BreakerPolicy, BreakerState, Gate, Rate, RatePolicy, RateState},
};

/// Most lines that are remembered. More come together only where a configuration with another key is read again and again;
/// those that nobody uses any more are then forgotten.
const MOST_LINES: usize = 256;

/// Holds what belongs to servers and not to a configuration. A process makes one and gives it to each
/// [`Registry`](crate::Registry) that it makes: breakers, limits and connections live on when the configuration is read again.
pub struct Switchboard {
    lines: Mutex<BTreeMap<LineId, Arc<Line>>>,
    clients: Clients,
    fingerprints: RandomState,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// A server and a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LineId {
    server: String,
    /// Tells keys apart, and nothing else about them: it is another one in each process.
    key: u64,
}

/// A server with a key, as all providers see it that use both.
pub(crate) struct Line {
    provider: String,
    server: String,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) rate: Arc<Rate>,
    pub(crate) gate: Arc<Gate>,
}

/// How a server is doing with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineState {
    /// The provider; where several share the line, the first one that used it.
    pub provider: String,
    /// Host and port.
    pub server: String,
    /// Whether it is asked at all.
    pub breaker: BreakerState,
    /// How much of its limits is used.
    pub rate: RateState,
    /// Requests of this process so far.
    pub calls: u64,
    /// Those of them in which the server failed.
    pub failed: u64,
    /// Why the last one of these did.
    pub last_failure: Option<ModelErrorKind>,
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switchboard").field("lines", &self.states()).finish_non_exhaustive()
    }
}

impl Switchboard {
    /// One of which nothing is known yet. `ids` is the source of the jitter between retries.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::default(),
            clients: Clients::default(),
            fingerprints: RandomState::new(),
            clock,
            ids,
        })
    }

    /// How all servers are doing that were set up so far, by server.
    #[must_use]
    pub fn states(&self) -> Vec<LineState> {
        let now = self.clock.monotonic();
        let lines: Vec<Arc<Line>> = self.lines.lock().values().cloned().collect();
        lines
            .iter()
            .map(|line| {
                let (calls, failed, last_failure) = line.breaker.counts();
                LineState {
                    provider: line.provider.clone(),
                    server: line.server.clone(),
                    breaker: line.breaker.state(now),
                    rate: line.rate.state(now),
                    calls,
                    failed,
                    last_failure,
                }
            })
            .collect()
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The line to a server with a key. One that is there already gets the new policies.
    pub(crate) fn line(
        &self,
        provider: &str,
        server: &str,
        key: Option<&SecretString>,
        breaker: BreakerPolicy,
        rate: RatePolicy,
    ) -> Arc<Line> {
        let key = key.map_or(0, |key| self.fingerprints.hash_one(key.expose_secret().trim()));
        let id = LineId { server: server.to_owned(), key };
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get(&id) {
            line.breaker.set_policy(breaker);
            line.rate.set_policy(rate);
            return line.clone();
        }
        if lines.len() >= MOST_LINES {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let line = Arc::new(Line {
            provider: provider.to_owned(),
            server: server.to_owned(),
            breaker: Arc::new(Breaker::new(breaker)),
            rate: Arc::new(Rate::new(rate)),
            gate: Arc::default(),
        });
        lines.insert(id, line.clone());
        line
    }
}
