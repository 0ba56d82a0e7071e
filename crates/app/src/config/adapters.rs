//! Lets the adapters check their own tables.

use providers::ProviderSetupError;
use serde_json::{Map, Value};

use agent_core::{ChannelDeps, ChannelSetupError};
use session_api::{InMemoryStore, LeasePolicy, ManualClock, SequentialIds};

use super::{ChannelSection, KeyPath, SecretRef, check::Finding, sources::each_secret, suggest};
use crate::channel_kinds;

/// Most problems that are reported of one table.
const MOST: usize = 32;
/// What is said of a key that nobody knows.
const UNKNOWN: &str = "unknown key";

/// Keys of a provider's section that are not its adapter's.
const OWN: [&str; 7] = ["kind", "api_key", "rate", "price", "context", "tools", "just_in_time"];

/// What the adapters say about the tables that are theirs.
#[derive(Default)]
pub(super) struct Said {
    /// What stands in the way.
    pub(super) errors: Vec<Finding>,
    /// What keeps one channel off and nobody else: a secret that is missing or odd.
    pub(super) warnings: Vec<Finding>,
}

/// Asks the adapters of all providers and of the channels that are switched on.
pub(super) fn ask(tree: &Value) -> Said {
    let mut said = Said::default();
    for (name, section) in tree["providers"].as_object().into_iter().flatten() {
        said.errors.extend(provider(name, section));
    }
    let channels = tree["channels"].as_object().into_iter().flatten();
    for (kind, section) in channels.filter(|(_, section)| section["enabled"] == true) {
        for finding in channel(kind, section) {
            // A slip in a key's name is one even where the name speaks of a secret.
            let alone = finding.key.is_hidden() && finding.message != UNKNOWN;
            if alone { said.warnings.push(stays_off(finding)) } else { said.errors.push(finding) }
        }
    }
    said
}

/// A finding that keeps one channel off.
pub(super) fn stays_off(mut finding: Finding) -> Finding {
    finding
        .hint
        .get_or_insert_with(|| "the channel stays off until this is mended; everything else works".into());
    finding
}

/// An adapter stops at the first problem. The key at fault is taken out and the adapter asked again, until it is
/// content.
fn provider(name: &str, section: &Value) -> Vec<Finding> {
    let (Some(table), Some(kind)) = (section.as_object(), section["kind"].as_str()) else {
        return Vec::new();
    };
    let mut table: Map<String, Value> = table.clone();
    table.retain(|key, _| !OWN.contains(&key.as_str()));
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
            message: UNKNOWN.into(),
            hint: Some(nearest_key(key, &ChannelSection::COMMON)),
        };
        return extra.map(unknown).collect();
    }
    let Some(found) = channel_kinds::find(kind) else {
        let (message, hint) = channel_kinds::unknown(kind);
        return vec![Finding { key: start.child("enabled"), message, hint: Some(hint) }];
    };
    let mut table: Map<String, Value> = table.clone();
    table.retain(|key, _| !ChannelSection::COMMON.contains(&key.as_str()));
    let mut problems = Vec::new();
    // Looked at here: serde would quote what it found.
    table.retain(|key, value| {
        let path = start.child(key.as_str());
        let fine = value.is_string() || !path.is_secret();
        if !fine {
            problems.push(Finding { key: path, message: "must be a text".into(), hint: None });
        }
        fine
    });
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
    while problems.len() < MOST {
        let Err(ChannelSetupError { key, message }) = (found.build)(Value::Object(table.clone()), &deps)
        else {
            break;
        };
        let (path, message, hint) = placed(&start, &key, &message);
        // What was said of a key already is said again, in other words, when the key is gone.
        if referred.contains(&path) || problems.iter().any(|known| known.key == path) {
            break;
        }
        let first = path.0.get(start.0.len()).cloned();
        problems.push(Finding { key: path, message, hint });
        if first.is_none_or(|key| table.remove(&key).is_none()) {
            break;
        }
    }
    problems
}

/// Where a problem of a channel's table stands, and how it is told. serde names the key in its words only.
fn placed(start: &KeyPath, key: &str, message: &str) -> (KeyPath, String, Option<String>) {
    let quoted = |mark: &str| {
        let rest = message.split_once(mark)?.1;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    };
    let said = [quoted("unknown field `"), quoted("missing field `")].into_iter().flatten().next();
    let path = match (key, said) {
        ("", Some(name)) => start.child(name),
        // The table as a whole.
        (key, None) if key.is_empty() || key == start.name() => start.clone(),
        (key, _) => below(start, key),
    };
    let (message, mut hint) = match message.split_once("there is no such key; ") {
        Some((_, known)) => {
            let names = known.split_once(" has ").map_or(known, |(_, names)| names);
            let names: Vec<&str> = names.split(", ").collect();
            (UNKNOWN.to_owned(), Some(nearest_key(path.name(), &names)))
        }
        None => suggest::from_serde(message),
    };
    let message = if message.contains("missing field `") { "is missing".to_owned() } else { message };
    if message == UNKNOWN {
        // The adapter does not list the keys that every channel has.
        let common = suggest::nearest(path.name(), ChannelSection::COMMON);
        let told = hint.as_deref().is_some_and(|hint| hint.starts_with("did you mean"));
        hint = common.filter(|_| !told).map(|near| format!("did you mean `{near}`?")).or(hint);
    }
    (path, message, hint)
}

fn nearest_key(wrong: &str, known: &[&str]) -> String {
    match suggest::nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
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
