//! Lets the adapters check their own tables.

use providers::ProviderSetupError;
use serde_json::{Map, Value};

use super::{KeyPath, check::Finding, suggest};

/// Most problems that are reported of one table.
const MOST: usize = 32;

/// What the adapters say about the tables that are theirs.
pub(super) fn errors(tree: &Value) -> Vec<Finding> {
    let sections = tree["providers"].as_object().into_iter().flatten();
    sections.flat_map(|(name, section)| provider(name, section)).collect()
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
