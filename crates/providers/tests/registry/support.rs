//! Settings and clocks for the registry.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use agent_core::RetryPolicy;
use futures_util::future::BoxFuture;
use providers::{ProviderSettings, Registry, Settings, Switchboard, table};
use secrecy::SecretString;
use serde_json::json;
use servers::ModelServer;
use session_api::{Clock, SequentialIds, Timestamp};

/// Real time, since sockets know no other.
struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[expect(clippy::disallowed_methods, reason = "sockets know no other time")]
pub(crate) fn board() -> Arc<Switchboard> {
    Switchboard::new(Arc::new(RealClock(Instant::now())), Arc::new(SequentialIds::default()))
}

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

/// A provider of kind `openai` at this address, with this key.
pub(crate) fn provider(base_url: &str, key: &str) -> ProviderSettings {
    let table = json!({"base_url": base_url, "idle_timeout_seconds": 5});
    ProviderSettings { table, key: Some(secret(key)), ..ProviderSettings::new("openai") }
}

/// These servers as providers, with little patience between attempts.
pub(crate) fn settings(servers: &[(&str, &ModelServer)]) -> Settings {
    let named = |(name, server): &(&str, &ModelServer)| {
        ((*name).to_owned(), provider(&server.base_url(), &format!("key-of-{name}")))
    };
    Settings {
        providers: servers.iter().map(named).collect(),
        retry: RetryPolicy { base_millis: 1, ..RetryPolicy::default() },
        ..Settings::default()
    }
}

/// Vendors with their keys.
pub(crate) fn vendors(held: &[(&str, &str)]) -> Settings {
    let with =
        |keys: table::Keys, (name, key): &(&str, &str)| keys.with(table::vendor(name).unwrap(), secret(key));
    Settings { keys: held.iter().fold(table::Keys::default(), with), ..Settings::default() }
}

pub(crate) fn registry(settings: Settings) -> Registry {
    Registry::new(settings, board())
}
