//! The table `[channels.slack]`.

use agent_core::ChannelSetupError;
use http_client::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What the owner wrote, with secrets resolved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    bot_token: SecretString,
    app_token: Option<SecretString>,
    signing_secret: Option<SecretString>,
    #[serde(default = "slack")]
    api_url: String,
    #[serde(default = "yes")]
    reply_in_thread: bool,
}

fn slack() -> String {
    "https://slack.com".into()
}

fn yes() -> bool {
    true
}

/// A table that makes sense.
#[derive(Debug)]
pub(super) struct SlackConfig {
    /// For the Web API.
    pub(super) bot_token: SecretString,
    /// For Socket Mode; without it events come to the webhook alone.
    pub(super) app_token: Option<SecretString>,
    /// For the webhook; without it the webhook does not exist.
    pub(super) signing_secret: Option<SecretString>,
    /// Where the Web API is, below `/api`.
    pub(super) api_url: Url,
    /// Whether a question in a channel is answered in a thread of its own.
    pub(super) reply_in_thread: bool,
}

impl SlackConfig {
    /// Reads and checks the table.
    pub(super) fn read(table: serde_json::Value) -> Result<Self, ChannelSetupError> {
        let table: Table = serde_json::from_value(table).map_err(|error| unreadable(&error))?;
        let bot_token =
            token("bot_token", table.bot_token, "xoxb-", "the bot token from OAuth & Permissions")?;
        let app_token = table
            .app_token
            .map(|value| token("app_token", value, "xapp-", "the app-level token from Basic Information"))
            .transpose()?;
        let signing_secret =
            table.signing_secret.map(trimmed).filter(|value| !value.expose_secret().is_empty());
        if app_token.is_none() && signing_secret.is_none() {
            return Err(wrong(
                "app_token",
                "Slack needs a way to reach the bot: set `app_token` for Socket Mode, or `signing_secret` for the \
                 Events API",
            ));
        }
        let api_url = http_client::parse_url(table.api_url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
            .ok_or_else(|| wrong("api_url", "it must begin with http:// or https://"))?;
        Ok(Self { bot_token, app_token, signing_secret, api_url, reply_in_thread: table.reply_in_thread })
    }
}

/// A token without the line feed that a file ends in. Only a token of the other sort is refused here: whether it is
/// valid, Slack says.
fn token(key: &str, value: SecretString, start: &str, what: &str) -> Result<SecretString, ChannelSetupError> {
    let value = trimmed(value);
    let text = value.expose_secret();
    let other = ["xoxb-", "xapp-", "xoxp-"].iter().any(|known| *known != start && text.starts_with(known));
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if other || !visible {
        return Err(wrong(key, &format!("this is not {what}, which begins with {start}")));
    }
    Ok(value)
}

#[expect(clippy::needless_pass_by_value, reason = "the untrimmed copy must not stay around")]
fn trimmed(value: SecretString) -> SecretString {
    SecretString::from(value.expose_secret().trim().to_owned())
}

fn wrong(key: &str, message: &str) -> ChannelSetupError {
    ChannelSetupError { key: key.to_owned(), message: message.to_owned() }
}

/// The reader's own words; the key is the first word that they put in backticks. They quote values only of a wrong
/// type, and no secret is anything but a text.
fn unreadable(error: &serde_json::Error) -> ChannelSetupError {
    let message = error.to_string();
    let named = message.split('`').nth(1).filter(|_| message.contains("field"));
    ChannelSetupError { key: named.unwrap_or("slack").to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::SlackConfig;
    use serde_json::json;

    #[test]
    fn a_table_that_makes_no_sense_is_refused_with_its_key() {
        for (table, key, part) in [
            (json!({"app_token": "xapp-1"}), "bot_token", "missing field"),
            (json!({"bot_token": "xoxb-1"}), "app_token", "Socket Mode"),
            (json!({"bot_token": "xapp-1", "app_token": "xapp-1"}), "bot_token", "xoxb-"),
            (json!({"bot_token": "xoxb-1", "app_token": "xoxb-1"}), "app_token", "xapp-"),
            (json!({"bot_token": "xoxp-1", "app_token": "xapp-1"}), "bot_token", "xoxb-"),
            (json!({"bot_token": " ", "app_token": "xapp-1"}), "bot_token", "xoxb-"),
            (json!({"bot_token": "xoxb-1", "app_token": "xapp-1", "tokn": 1}), "tokn", "unknown field"),
            (json!({"bot_token": "xoxb-1", "signing_secret": " "}), "app_token", "signing_secret"),
            (json!({"bot_token": "xoxb-1", "app_token": "xapp-1", "api_url": "slack"}), "api_url", "http"),
        ] {
            let error = SlackConfig::read(table).unwrap_err();
            assert_eq!(error.key, key);
            assert!(error.message.contains(part), "{}", error.message);
        }
    }

    #[test]
    fn defaults_are_slack_itself_and_answers_in_threads() {
        let config =
            SlackConfig::read(json!({"bot_token": "xoxb-secret\n", "signing_secret": "s3cret"})).unwrap();
        assert_eq!(config.api_url.as_str(), "https://slack.com/");
        assert!(config.reply_in_thread && config.app_token.is_none());
        let shown = format!("{config:?}");
        assert!(!shown.contains("xoxb-secret") && !shown.contains("s3cret"), "{shown}");
    }
}
