//! Why a name does not become a model.

use crate::{ProviderSetupError, table::ResolveError};

/// Which part of what a person set up is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The name of the model or of its provider.
    Name,
    /// The key.
    Key,
    /// The address of the server, or the wire format that is spoken there.
    BaseUrl,
    /// What the account may use: no credit, or too many requests.
    Quota,
    /// The way to the server.
    Network,
    /// The server itself.
    Server,
}

/// Why a name does not become a model. No text holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The name leads nowhere.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The provider cannot be made.
    #[error(transparent)]
    Setup(#[from] ProviderSetupError),
    /// The key of a configured provider is empty.
    #[error("the key of provider `{provider}` is empty; set api_key in [providers.{provider}] or {variable}")]
    EmptyKey {
        /// The provider.
        provider: String,
        /// The variable that may hold it.
        variable: String,
    },
    /// The key of a configured provider is that of another vendor than the one at its address.
    #[error(
        "the key of provider `{provider}` looks like one of {of}, and its base_url is that of {at}; set both to the same vendor's"
    )]
    ForeignKey {
        /// The provider.
        provider: String,
        /// Whose key it seems to be.
        of: &'static str,
        /// Whose server is at the address.
        at: &'static str,
    },
    /// A vendor has no address of its own, and none is given.
    #[error("the model `{name}` is on {vendor}, whose address is nowhere given; set {variable}")]
    NoAddress {
        /// What was asked for.
        name: String,
        /// The vendor.
        vendor: &'static str,
        /// The variable that may hold it.
        variable: String,
    },
    /// The address that is given for a vendor is none.
    #[error("{variable}: {message}")]
    Address {
        /// The variable that holds it.
        variable: String,
        /// What is wrong with it, without the address itself.
        message: String,
    },
    /// There is no preset of that name.
    #[error("there is no preset `{name}`; {}", list(.known))]
    NoPreset {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// One of those that stand behind a model cannot be had.
    #[error("the fallback `{name}` cannot be used: {source}")]
    Fallback {
        /// Its name.
        name: String,
        /// Why.
        source: Box<RegistryError>,
    },
}

fn list(names: &[String]) -> String {
    match names {
        [] => "there is none at all".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("there are {}", names.join(", "))
        }
    }
}

impl RegistryError {
    /// Which part is at fault.
    #[must_use]
    pub fn part(&self) -> Part {
        match self {
            Self::Resolve(error) => match error {
                ResolveError::NoName { .. } | ResolveError::Unknown { .. } => Part::Name,
                ResolveError::NoKey { .. }
                | ResolveError::OtherKey { .. }
                | ResolveError::EmptyKey { .. }
                | ResolveError::ForeignKey { .. } => Part::Key,
            },
            Self::Setup(error) => match error.key() {
                Some("api_key" | "headers" | "key_header") => Part::Key,
                Some("base_url" | "proxy") => Part::BaseUrl,
                _ => Part::Name,
            },
            Self::EmptyKey { .. } | Self::ForeignKey { .. } => Part::Key,
            Self::NoAddress { .. } | Self::Address { .. } => Part::BaseUrl,
            Self::NoPreset { .. } => Part::Name,
            Self::Fallback { source, .. } => source.part(),
        }
    }
}
