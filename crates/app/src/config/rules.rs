//! What the schema cannot say.
//!
//! The rules look at the merged values, not at [`Config`], so that they speak in the same breath as the schema's
//! checks; a value of the wrong type is none of their business.

use std::{net::SocketAddr, path::PathBuf};

use agent_core::{BudgetConfig, Destination, QuietHours, Room, Rule};
use serde_json::Value;

use super::{Config, KeyPath, SecretRef, adapters::stays_off, check::Finding, sources::each_secret};
use crate::{Environment, channel_kinds::WEBSOCKET, observe::check_filter};

fn finding(key: KeyPath, message: impl Into<String>, hint: Option<&str>) -> Finding {
    Finding { key, message: message.into(), hint: hint.map(str::to_owned) }
}

/// Shares that no model can keep.
fn budget(section: &Value) -> Option<Finding> {
    let place = KeyPath::parse("agent.budget");
    for name in section.as_object()?.keys() {
        let written = &section[name];
        let Some(text) = written.as_str() else { continue };
        if serde_json::from_value::<Room>(written.clone()).is_err() {
            let hint =
                Some("write a number of tokens as in 4000, or a part of the model's window as in \"10%\"");
            return Some(finding(place.child(name.as_str()), format!("is no room: {text:?}"), hint));
        }
    }
    let budget: BudgetConfig = serde_json::from_value(section.clone()).ok()?;
    let error = budget.validate().err()?;
    Some(finding(place.child(error.key), error.message, None))
}

/// What stands in the way.
pub(super) fn errors(tree: &Value) -> Vec<Finding> {
    let mut found = broken_references(tree);
    // A channel whose secret cannot be had stays off; nobody else is stopped by that.
    found.retain(|finding| !of_a_channel(finding));
    for key in ["gateway.notify", "heartbeat.to"] {
        let chat = key.split_once('.').and_then(|(section, key)| tree[section][key].as_str());
        let named = |chat: &str| {
            chat.split_once(':')
                .is_some_and(|(kind, chat)| !kind.trim().is_empty() && !chat.trim().is_empty())
        };
        if chat.is_some_and(|chat| !named(chat)) {
            let hint = Some("write it as in \"telegram:123456\"");
            found.push(finding(KeyPath::parse(key), "names no chat", hint));
        }
    }
    if let Some(hours) = tree["heartbeat"]["quiet_hours"].as_str()
        && QuietHours::parse(hours).is_none()
    {
        let hint = Some("write them as in \"22:00-07:00\"");
        found.push(finding(KeyPath::parse("heartbeat.quiet_hours"), "are no hours", hint));
    }
    found.extend(consolidation(&tree["memory"]["consolidation"]));
    found.extend(embeddings(&tree["memory"]["embeddings"]));
    for name in tree["providers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        if name.trim().is_empty() || name.contains('/') {
            let key = KeyPath(vec!["providers".into(), name.clone()]);
            found.push(finding(
                key,
                "the name of a provider must not be empty and must not contain `/`",
                None,
            ));
        }
    }
    if let Some(bind) = tree["http"]["bind"].as_str()
        && bind.parse::<SocketAddr>().is_err()
    {
        let hint = Some("write it as in \"127.0.0.1:8700\"");
        found.push(finding(KeyPath::parse("http.bind"), "is not an address with a port", hint));
    }
    if let Some(level) = tree["log"]["level"].as_str()
        && !level.trim().is_empty()
        && let Err(message) = check_filter(level)
    {
        let hint = Some("write off, error, warn, info, debug or trace, or part=level pairs between commas");
        found.push(finding(KeyPath::parse("log.level"), message, hint));
    }
    found.extend(routing(&tree["routing"]));
    found.extend(budget(&tree["agent"]["budget"]));
    let compaction = &tree["compaction"];
    if let (Some(keep), Some(threshold)) = (compaction["keep"].as_u64(), compaction["threshold"].as_u64())
        && keep >= threshold
    {
        let message = format!("must be less than `compaction.threshold`, which is {threshold}; found {keep}");
        found.push(finding(KeyPath::parse("compaction.keep"), message, None));
    }
    let exec = &tree["tools"]["exec"];
    if exec["enabled"] == true && exec["sandbox"] != "none" {
        let key = KeyPath::parse(if exec["sandbox"].is_null() {
            "tools.exec.enabled"
        } else {
            "tools.exec.sandbox"
        });
        let message = "commands would run with all rights of this program, since the sandbox comes later";
        found.push(finding(
            key,
            message,
            Some("write sandbox = \"none\" beside it if that is what you want"),
        ));
    }
    for (at, name) in tree["agent"]["ask"].as_array().into_iter().flatten().enumerate() {
        if name.as_str().is_some_and(|name| name.trim().is_empty()) {
            found.push(finding(KeyPath::parse("agent.ask").child(at.to_string()), "must not be empty", None));
        }
    }
    found
}

/// Times of `[memory.consolidation]` that are none.
fn consolidation(section: &Value) -> Vec<Finding> {
    let start = KeyPath::parse("memory.consolidation");
    let mut found = Vec::new();
    if let Some(every) = section["every"].as_str().filter(|text| !text.trim().is_empty()) {
        let wrong = match schedule::parse_length("every", every) {
            Ok(length) if length.as_secs() >= 60 => None,
            Ok(_) => Some(("is shorter than a minute", None)),
            Err(_) => Some(("is no length", Some("write it as in \"6h\""))),
        };
        found.extend(wrong.map(|(what, hint)| finding(start.child("every"), what, hint)));
    }
    if let Some(Err(error)) = section["cron"].as_str().map(str::parse::<schedule::Cron>) {
        found.push(finding(start.child("cron"), error.to_string(), None));
    }
    found
}

/// A model of `[memory.embeddings]` without a provider or a name.
fn embeddings(section: &Value) -> Option<Finding> {
    let model = section["model"].as_str()?;
    let named =
        model.split_once('/').is_some_and(|(provider, name)| !provider.is_empty() && !name.is_empty());
    let key = KeyPath::parse("memory.embeddings.model");
    let hint = Some("write PROVIDER/MODEL, as in \"openai/text-embedding-3-small\"");
    (!named && !model.trim().is_empty()).then(|| finding(key, "names no provider and model", hint))
}

/// What `[routing]` says and would not do.
fn routing(section: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let start = KeyPath::parse("routing");
    if section["specialist"].is_string() && !section["model"].is_string() {
        let hint = Some("name one in routing.model, or send messages there by a rule");
        found.push(finding(start.child("specialist"), "is never asked: no model chooses it", hint));
    }
    for (name, rule) in section["rules"].as_object().into_iter().flatten() {
        let key = start.child("rules").child(name.as_str());
        if let Some(pattern) = rule["match"].as_str()
            && let Err(error) = Rule::new(name, pattern, Destination::Main)
        {
            found.push(finding(key.child("match"), format!("is no pattern: {}", error.message), None));
        }
        if rule["model"].is_string() && rule["tool"].is_string() {
            found.push(finding(
                key,
                "names a model and a tool",
                Some("name one of them, or none for the main model"),
            ));
        }
    }
    found
}

/// References that refer to nothing, under every name that speaks of a secret.
fn broken_references(tree: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut tree = tree.clone();
    each_secret(&mut tree, &KeyPath::default(), &mut |path, text| {
        if let Err(error) = SecretRef::parse(text) {
            found.push(finding(path.clone(), error.to_string(), None));
        }
    });
    found
}

fn of_a_channel(finding: &Finding) -> bool {
    finding.key.0.first().is_some_and(|section| section == "channels")
}

/// What is odd and does no harm.
pub(super) fn warnings(tree: &Value) -> Vec<Finding> {
    let broken = broken_references(tree).into_iter().filter(of_a_channel);
    let mut found: Vec<Finding> = broken.map(stays_off).collect();
    for (name, channel) in tree["channels"].as_object().into_iter().flatten() {
        let nobody =
            ["allow", "members"].iter().all(|list| channel[*list].as_array().is_none_or(Vec::is_empty));
        // Whoever presents the token speaks on the WebSocket, whatever the lists say.
        let listed = name != WEBSOCKET;
        if channel["enabled"] == true && listed && nobody && channel["pairing"] == false {
            let key = KeyPath(vec!["channels".into(), name.clone(), "allow".into()]);
            found.push(finding(key, "nobody may speak here: the list is empty and pairing is off", None));
        }
    }
    found
}

/// Puts the user's home in the place of a leading `~`, which only shells do by themselves.
pub(super) fn expand(config: &mut Config, environment: &Environment) {
    let Some(home) = environment.get("HOME").map(PathBuf::from) else { return };
    for path in [&mut config.agent.workspace, &mut config.log.file].into_iter().flatten() {
        if let Ok(rest) = path.strip_prefix("~") {
            *path = home.join(rest);
        }
    }
}
