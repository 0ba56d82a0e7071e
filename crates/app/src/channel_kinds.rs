//! The kinds of channels of this build.

use agent_core::ChannelKind;

use crate::config;

/// The kind whose server is the gateway's own HTTP server.
pub(crate) const WEBSOCKET: &str = "websocket";

/// What a build with all features has.
const ALL: [&str; 5] = ["telegram", "discord", "slack", "email", WEBSOCKET];

/// All kinds with an adapter in this build.
pub(crate) fn all() -> impl Iterator<Item = &'static ChannelKind> {
    channels::KINDS.iter().chain(email::KINDS)
}

/// The kind of this name.
pub(crate) fn find(name: &str) -> Option<&'static ChannelKind> {
    all().find(|kind| kind.name == name)
}

/// Why there is no such kind, and what to do.
pub(crate) fn unknown(name: &str) -> (String, String) {
    if ALL.contains(&name) {
        return (
            format!("channel `{name}` is not compiled into this build"),
            format!("set enabled = false, or build with `--features {name}`"),
        );
    }
    let known: Vec<&str> = all().map(|kind| kind.name).chain([WEBSOCKET]).collect();
    let hint = match config::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `channels.{near}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    (format!("there is no channel `{name}`"), hint)
}
