//! How a client behaves, as a plain value.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

use crate::redact::redact_url;

/// Where a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Egress {
    /// Anywhere. For addresses that the owner wrote into the config, such as a model server on this machine.
    #[default]
    Any,
    /// Only to global unicast addresses, see [`crate::egress`]. For every URL that a model or a stranger may choose.
    PublicOnly,
}

/// Through which proxy a client connects.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Proxy {
    /// Directly, whatever the environment says.
    #[default]
    None,
    /// Through this `http://` or `https://` proxy; a user name and password may stand in the URL.
    Explicit(String),
    /// As `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say at the time the client is built.
    System,
}

impl fmt::Debug for Proxy {
    /// Shows an explicit proxy without its user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::System => f.write_str("System"),
            Self::Explicit(text) => match Url::parse(text) {
                Ok(url) => write!(f, "Explicit({})", redact_url(&url)),
                Err(_) => f.write_str("Explicit(not a URL)"),
            },
        }
    }
}

/// Everything that makes one client different from another.
///
/// The default is meant for a provider's API: no limit on the whole exchange (an answer may stream for minutes), but
/// one on silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The longest that name lookup, TCP connect and TLS handshake may take together.
    pub connect_timeout: Duration,
    /// The longest that the whole exchange may take, from the first byte of the request to the last of the answer.
    pub total_timeout: Option<Duration>,
    /// The longest silence: before the head of the answer, and between two pieces of its body.
    pub idle_timeout: Option<Duration>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The proxy.
    pub proxy: Proxy,
    /// Where the client may connect to.
    pub egress: Egress,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            total_timeout: None,
            idle_timeout: Some(Duration::from_secs(90)),
            user_agent: concat!("factotum/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: Proxy::None,
            egress: Egress::Any,
        }
    }
}

impl Policy {
    /// The policy for URLs that a model or a stranger may choose: public addresses only, 30 s for the whole exchange.
    #[must_use]
    pub fn public_only() -> Self {
        Self { total_timeout: Some(Duration::from_secs(30)), egress: Egress::PublicOnly, ..Self::default() }
    }
}
