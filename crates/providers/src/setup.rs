//! From a kind's name and a table to a provider.

use std::sync::Arc;

use agent_core::LlmProvider;
use secrecy::SecretString;
use serde_json::Value;

/// Why a provider cannot be made of its table. The texts hold neither keys nor the values of headers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderSetupError {
    /// There is no such kind in this binary.
    #[error("provider `{name}` is of the unknown kind `{kind}`; known kinds are {known}")]
    UnknownKind {
        /// The provider.
        name: String,
        /// What was asked for.
        kind: String,
        /// What there is, for a person.
        known: String,
    },
    /// The table has an unknown key or a wrong type.
    #[error("provider `{name}`: {message}")]
    Table {
        /// The provider.
        name: String,
        /// The key in its table, with dots between levels; empty for the table itself.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A value is of the right type and makes no sense.
    #[error("provider `{name}`: {message}")]
    Value {
        /// The provider.
        name: String,
        /// The key in its table.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl ProviderSetupError {
    /// The key in the provider's table that is at fault, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::UnknownKind { .. } => Some("kind"),
            Self::Table { key, .. } => (!key.is_empty()).then_some(key),
            Self::Value { key, .. } => Some(key),
        }
    }
}

type Make =
    fn(&str, Value, Option<SecretString>, &Shared) -> Result<Arc<dyn LlmProvider>, ProviderSetupError>;

/// What providers of one process may share.
#[cfg(feature = "openai")]
pub(crate) type Shared = crate::exchange::clients::Clients;
#[cfg(not(feature = "openai"))]
pub(crate) type Shared = ();

/// A kind of provider that this binary has.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// As it stands behind `kind =`.
    pub name: &'static str,
    /// Its page of documentation, Markdown.
    pub docs: &'static str,
    /// Where its servers are unless the table says otherwise; empty where it has none.
    pub base_url: &'static str,
    make: Make,
    /// What makes vectors of texts there.
    pub(crate) embeddings: Embeddings,
}

/// Who makes vectors for a kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embeddings {
    /// Nobody.
    None,
    /// Its servers.
    Servers,
    /// This program, by words alone.
    Words,
}

const KINDS: &[Kind] = &[
    #[cfg(feature = "openai")]
    Kind {
        name: crate::openai::KIND,
        docs: include_str!("openai/docs.md"),
        base_url: "https://api.openai.com/v1",
        make: make_openai,
        embeddings: Embeddings::Servers,
    },
    #[cfg(feature = "openai-responses")]
    Kind {
        name: crate::responses::KIND,
        docs: include_str!("responses/docs.md"),
        base_url: "https://api.openai.com/v1",
        make: make_responses,
        embeddings: Embeddings::Servers,
    },
    #[cfg(feature = "anthropic")]
    Kind {
        name: crate::anthropic::KIND,
        docs: include_str!("anthropic/docs.md"),
        base_url: "https://api.anthropic.com",
        make: make_anthropic,
        embeddings: Embeddings::None,
    },
    #[cfg(feature = "offline")]
    Kind {
        name: crate::offline::KIND,
        docs: include_str!("offline/docs.md"),
        base_url: "",
        make: make_offline,
        embeddings: Embeddings::Words,
    },
];

/// All kinds that this binary has.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    KINDS
}

/// Makes the provider `name` of `kind` from its table, in which the keys `kind` and `api_key` no longer stand. Starts
/// nothing and touches no network.
///
/// # Errors
/// [`ProviderSetupError`], which names the key at fault.
pub fn build(
    name: &str,
    kind: &str,
    table: Value,
    key: Option<SecretString>,
) -> Result<Arc<dyn LlmProvider>, ProviderSetupError> {
    build_sharing(name, kind, table, key, &Shared::default())
}

pub(crate) fn unknown_kind(name: &str, kind: &str) -> ProviderSetupError {
    let known: Vec<String> = KINDS.iter().map(|known| format!("`{}`", known.name)).collect();
    ProviderSetupError::UnknownKind {
        name: name.to_owned(),
        kind: kind.to_owned(),
        known: if known.is_empty() { "none".into() } else { known.join(", ") },
    }
}

/// As [`build`], with what is shared.
pub(crate) fn build_sharing(
    name: &str,
    kind: &str,
    table: Value,
    key: Option<SecretString>,
    shared: &Shared,
) -> Result<Arc<dyn LlmProvider>, ProviderSetupError> {
    let Some(found) = KINDS.iter().find(|known| known.name == kind) else {
        return Err(unknown_kind(name, kind));
    };
    (found.make)(name, table, key, shared)
}

#[cfg(feature = "openai")]
fn make_openai(
    name: &str,
    table: Value,
    key: Option<SecretString>,
    shared: &Shared,
) -> Result<Arc<dyn LlmProvider>, ProviderSetupError> {
    Ok(Arc::new(crate::openai::OpenAiProvider::new(name, read(name, table)?, key)?.sharing(shared)))
}

#[cfg(feature = "openai-responses")]
fn make_responses(
    name: &str,
    table: Value,
    key: Option<SecretString>,
    shared: &Shared,
) -> Result<Arc<dyn LlmProvider>, ProviderSetupError> {
    Ok(Arc::new(crate::responses::ResponsesProvider::new(name, read(name, table)?, key)?.sharing(shared)))
}

#[cfg(feature = "anthropic")]
fn make_anthropic(
    name: &str,
    table: Value,
    key: Option<SecretString>,
    shared: &Shared,
) -> Result<Arc<dyn LlmProvider>, ProviderSetupError> {
    Ok(Arc::new(crate::anthropic::AnthropicProvider::new(name, read(name, table)?, key)?.sharing(shared)))
}

#[cfg(feature = "offline")]
fn make_offline(
    name: &str,
    table: Value,
    _key: Option<SecretString>,
    _shared: &Shared,
) -> Result<Arc<dyn LlmProvider>, ProviderSetupError> {
    let crate::offline::OfflineConfig {} = read(name, table)?;
    Ok(Arc::new(crate::offline::OfflineProvider::new(name)))
}

/// A table as the adapter's own type.
#[cfg(any(feature = "openai", feature = "offline"))]
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    name: &str,
    table: Value,
) -> Result<T, ProviderSetupError> {
    let table = if table.is_null() { Value::Object(serde_json::Map::new()) } else { table };
    serde_path_to_error::deserialize(table).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { String::new() } else { path };
        let message = match key.as_str() {
            "" => error.inner().to_string(),
            key => format!("`{key}`: {}", error.inner()),
        };
        ProviderSetupError::Table { name: name.to_owned(), key, message }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_kind_names_the_known_ones() {
        let error = build("main", "telepathy", json!({}), None).err().unwrap();
        let text = error.to_string();
        for kind in kinds() {
            assert!(text.contains(kind.name), "{text}");
        }
        assert_eq!(error.key(), Some("kind"));
    }

    #[cfg(all(feature = "openai", feature = "offline"))]
    #[test]
    fn each_kind_is_made_from_its_defaults_and_refuses_unknown_keys() {
        for kind in kinds() {
            let provider = build("main", kind.name, Value::Null, None).unwrap();
            assert_eq!((provider.info().name.as_str(), provider.info().kind.as_str()), ("main", kind.name));
            let error = build("main", kind.name, json!({"base_ulr": "x"}), None).err().unwrap();
            assert!(error.to_string().contains("base_ulr"), "{error}");
            assert!(!kind.docs.is_empty());
        }
    }

    #[cfg(feature = "openai")]
    #[test]
    fn a_wrong_type_names_its_key() {
        let error = build("main", "openai", json!({"idle_timeout_seconds": "soon"}), None).err().unwrap();
        assert_eq!(error.key(), Some("idle_timeout_seconds"));
        assert!(error.to_string().contains("`idle_timeout_seconds`"), "{error}");
    }
}
