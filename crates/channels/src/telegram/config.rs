//! The table `[channels.telegram]`.

use agent_core::ChannelSetupError;
use http_client::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// Where the public servers are.
const PUBLIC: &str = "https://api.telegram.org";

/// How long one poll waits, in seconds, unless the configuration says otherwise.
const POLL_SECONDS: u64 = 25;

/// The server cuts longer polls off.
const LONGEST_POLL: u64 = 50;

/// Settings of one bot.
pub(super) struct TelegramConfig {
    /// The bot's key. It is a part of every URL, so that URLs are secrets here as well.
    pub(super) token: SecretString,
    /// Where the API is, without the token.
    pub(super) api_url: Url,
    /// Where updates are delivered to; without it they are polled for.
    pub(super) webhook: Option<Webhook>,
    /// How long one poll waits for updates, in seconds.
    pub(super) poll_seconds: u64,
}

/// How updates are delivered to us.
pub(super) struct Webhook {
    /// The address that Telegram calls.
    pub(super) url: Url,
    /// What proves that it is Telegram who calls.
    pub(super) secret: SecretString,
}

impl TelegramConfig {
    /// Reads the table. Takes it apart by hand, so that every mistake names its key and no text repeats a value.
    pub(super) fn read(table: Value) -> Result<Self, ChannelSetupError> {
        let Value::Object(mut table) = table else { return Err(wrong("", "it has to be a table")) };
        let token = secret(&mut table, "token")?;
        let api_url = text(&mut table, "api_url")?;
        let webhook_url = text(&mut table, "webhook_url")?;
        let webhook_secret = secret(&mut table, "webhook_secret")?;
        let poll_seconds = match table.remove("poll_seconds") {
            None => POLL_SECONDS,
            Some(value) => value
                .as_u64()
                .filter(|seconds| (1..=LONGEST_POLL).contains(seconds))
                .ok_or_else(|| wrong("poll_seconds", "it has to be a whole number from 1 to 50"))?,
        };
        if let Some(key) = table.keys().next() {
            let known = "token, api_url, webhook_url, webhook_secret, poll_seconds";
            return Err(wrong(key, &format!("there is no such key; Telegram has {known}")));
        }
        let token = token.ok_or_else(|| wrong("token", "it is needed; @BotFather gives one"))?;
        if !is_token(token.expose_secret()) {
            return Err(wrong("token", "it does not look like a token of @BotFather (123456789:ABC…)"));
        }
        Ok(Self {
            token,
            api_url: url("api_url", api_url.as_deref().unwrap_or(PUBLIC))?,
            webhook: webhook(webhook_url, webhook_secret)?,
            poll_seconds,
        })
    }
}

fn webhook(
    address: Option<String>,
    secret: Option<SecretString>,
) -> Result<Option<Webhook>, ChannelSetupError> {
    match (address, secret) {
        (None, None) => Ok(None),
        (Some(address), Some(secret)) => {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let text = secret.expose_secret();
            // Shorter ones could be guessed; the charset is Telegram's.
            if !(16..=256).contains(&text.len()) || !text.chars().all(good) {
                return Err(wrong("webhook_secret", "it has to be 16 to 256 letters, digits, `_` or `-`"));
            }
            Ok(Some(Webhook { url: url("webhook_url", &address)?, secret }))
        }
        (Some(_), None) => {
            Err(wrong("webhook_secret", "it is needed beside webhook_url: without it anybody could write"))
        }
        (None, Some(_)) => Err(wrong("webhook_url", "it is needed beside webhook_secret")),
    }
}

fn wrong(key: &str, message: &str) -> ChannelSetupError {
    ChannelSetupError { key: key.to_owned(), message: message.to_owned() }
}

fn text(table: &mut Map<String, Value>, key: &str) -> Result<Option<String>, ChannelSetupError> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(key, "it has to be a text")),
    }
}

fn secret(table: &mut Map<String, Value>, key: &str) -> Result<Option<SecretString>, ChannelSetupError> {
    Ok(text(table, key)?.map(SecretString::from))
}

/// The bot's id, a colon, and what else may stand in a path as it is. Lengths are Telegram's business.
fn is_token(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split_once(':').is_some_and(|(id, key)| {
        !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()) && !key.is_empty() && key.chars().all(good)
    })
}

fn url(key: &str, text: &str) -> Result<Url, ChannelSetupError> {
    let parsed = http_client::parse_url(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.ok_or_else(|| wrong(key, "it has to be a URL that begins with https:// or http://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_all_that_is_needed() {
        let config =
            TelegramConfig::read(json!({"token": "1:AbC_-9"})).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.api_url.as_str(), "https://api.telegram.org/");
        assert_eq!(config.poll_seconds, 25);
        assert!(config.webhook.is_none());
    }

    #[test]
    fn each_mistake_names_its_key_and_no_secret() {
        let good = "1:AbCdEfGhIj";
        let long = "SecretSecretSecret";
        for (table, key) in [
            (json!({}), "token"),
            (json!({"token": "AbCdEfGhIj"}), "token"),
            (json!({"token": "1:AbCdEf GhIj"}), "token"),
            (json!({"token": "1:AbCdEf/../GhIj"}), "token"),
            (json!({"token": 5}), "token"),
            (json!({"token": good, "api_url": "ftp://x"}), "api_url"),
            (json!({"token": good, "api_url": "nonsense"}), "api_url"),
            (json!({"token": good, "poll_seconds": 0}), "poll_seconds"),
            (json!({"token": good, "poll_seconds": 51}), "poll_seconds"),
            (json!({"token": good, "webhook_url": "https://x/y"}), "webhook_secret"),
            (json!({"token": good, "webhook_secret": long}), "webhook_url"),
            (
                json!({"token": good, "webhook_url": "https://x/y", "webhook_secret": "short"}),
                "webhook_secret",
            ),
            (json!({"token": good, "tokn": "x"}), "tokn"),
        ] {
            let error =
                TelegramConfig::read(table.clone()).err().unwrap_or_else(|| panic!("{table} is taken"));
            assert_eq!(error.key, key, "{table}");
            for secret in ["AbCdEf", "GhIj", long, "short"] {
                assert!(!error.to_string().contains(secret), "{error}");
            }
        }
    }
}
