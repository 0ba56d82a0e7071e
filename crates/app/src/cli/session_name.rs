//! Sessions as people name them.

use session_api::SessionKey;

use super::error::CliError;

/// `name` alone is a session of the terminal; `channel:account:chat` is any session.
pub(super) fn key(name: &str) -> Result<SessionKey, CliError> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(CliError::Input("a session needs a name without control characters".into()));
    }
    if name.len() > 200 {
        return Err(CliError::Input("a session's name has at most 200 bytes".into()));
    }
    if !name.contains(':') {
        return Ok(SessionKey::new("cli", "local", name));
    }
    name.parse().map_err(|error: session_api::SessionKeyError| CliError::Input(error.to_string()))
}

/// As short as [`key`] understands it.
pub(super) fn name(key: &SessionKey) -> String {
    match key {
        SessionKey { channel, account, chat, thread: None } if channel == "cli" && account == "local" => {
            chat.clone()
        }
        key => key.to_string(),
    }
}

/// Whether conversations of this channel are answered by the process that asks, not by a gateway.
pub(super) fn is_local(channel: &str) -> bool {
    matches!(channel, "cli" | "library" | "api")
}
