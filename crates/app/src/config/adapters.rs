//! Lets the adapters check their own tables.

use providers::ProviderSetupError;
use serde_json::{Map, Value};

use agent_core::{ChannelDeps, ChannelSetupError};
use session_api::{InMemoryStore, LeasePolicy, ManualClock, SequentialIds};

use super::{ChannelSection, KeyPath, SecretRef, check::Finding, sources::each_secret, suggest};
use crate::channel_kinds;

/// Most problems that are reported of one table.
const MOST: usize = 32;

/// What the adapters say about the tables that are theirs.
pub(super) fn errors(tree: &Value) -> Vec<Finding> {
    let providers = tree["providers"].as_object().into_iter().flatten();
    let channels = tree["channels"].as_object().into_iter().flatten();
    let enabled = channels.filter(|(_, section)| section["enabled"] == true);
    providers
        .flat_map(|(name, section)| provider(name, section))
        .chain(enabled.flat_map(|(kind, section)| channel(kind, section)))
        .collect()
}

/// An adapter stops at the first problem. The key at fault is taken out and the adapter asked again, until it is
/// content.
fn provider(name: &str, section: &Value) -> Vec<Finding> {
    let (Some(table), Some(kind)) = (section.as_object(), section["kind"].as_str()) else {
        return Vec::new();
    };
    let mut table: Map<String, Value> = table.clone();
    table.retain(|key, _| key != "kind" && key != "api_key");
    let start = KeyPath(vec!["providers".into(), name.to_owned()]);
    let mut found = Vec::new();
    while found.len() < MOST {
        let Err(error) = providers::build(name, kind, Value::Object(table.clone()), None) else { break };
        let path = error.key().map_or_else(|| start.clone(), |key| below(&start, key));
        let first = path.0.get(start.0.len()).cloned();
        found.push(finding(path, kind, &error));
        if first.is_none_or(|key| table.remove(&key).is_none()) {
            break;
        }
    }
    found
}

/// A channel's adapter is asked as a provider's is. What it says about a secret that is only referred to is said again
/// when the secret is known.
fn channel(kind: &str, section: &Value) -> Vec<Finding> {
    let start = KeyPath(vec!["channels".into(), kind.to_owned()]);
    let Some(table) = section.as_object() else { return Vec::new() };
    if kind == channel_kinds::WEBSOCKET {
        let extra = table.keys().filter(|key| !ChannelSection::COMMON.contains(&key.as_str()));
        let unknown = |key: &String| Finding {
            key: start.child(key.as_str()),
            message: "unknown key".into(),
            hint: None,
        };
        return extra.map(unknown).collect();
    }
    let Some(found) = channel_kinds::find(kind) else {
        let (message, hint) = channel_kinds::unknown(kind);
        return vec![Finding { key: start.child("enabled"), message, hint: Some(hint) }];
    };
    let mut table: Map<String, Value> = table.clone();
    table.retain(|key, _| !ChannelSection::COMMON.contains(&key.as_str()));
    let mut referred = Vec::new();
    let mut whole = Value::Object(table.clone());
    each_secret(&mut whole, &start, &mut |path, text| {
        if !matches!(SecretRef::parse(text), Ok(SecretRef::Literal(_))) {
            referred.push(path.clone());
        }
    });
    let ids = std::sync::Arc::new(SequentialIds::default());
    let clock = std::sync::Arc::new(ManualClock::default());
    let blobs = InMemoryStore::new(clock.clone(), ids.clone(), LeasePolicy::default());
    let deps = ChannelDeps { blobs: std::sync::Arc::new(blobs), clock, ids };
    let mut problems = Vec::new();
    while problems.len() < MOST {
        let Err(ChannelSetupError { key, message }) = (found.build)(Value::Object(table.clone()), &deps)
        else {
            break;
        };
        let path = if key.is_empty() { start.clone() } else { below(&start, &key) };
        if referred.contains(&path) {
            break;
        }
        let first = path.0.get(start.0.len()).cloned();
        let (message, hint) = suggest::from_serde(&message);
        problems.push(Finding { key: path, message, hint });
        if first.is_none_or(|key| table.remove(&key).is_none()) {
            break;
        }
    }
    problems
}

fn below(start: &KeyPath, key: &str) -> KeyPath {
    KeyPath(start.0.iter().cloned().chain(KeyPath::parse(key).0).collect())
}

fn finding(key: KeyPath, kind: &str, error: &ProviderSetupError) -> Finding {
    match error {
        ProviderSetupError::UnknownKind { known, .. } => {
            let names = providers::kinds().iter().map(|kind| kind.name);
            let hint = match suggest::nearest(kind, names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known kinds are {known}"),
            };
            Finding { key, message: format!("there is no kind {kind:?} in this build"), hint: Some(hint) }
        }
        ProviderSetupError::Table { message, .. } | ProviderSetupError::Value { message, .. } => {
            // They put the key in front, which the problem's own line does too.
            let message = message.strip_prefix(&format!("`{}`", key.name())).unwrap_or(message);
            let message = message.trim_start_matches([':', ' ']);
            let (message, hint) = suggest::from_serde(message);
            // serde quotes what it found.
            let hidden = key.is_hidden() && hint.is_none() && message.contains("invalid");
            let message = if hidden { "has a value of the wrong form".to_owned() } else { message };
            Finding { key, message, hint }
        }
    }
}
