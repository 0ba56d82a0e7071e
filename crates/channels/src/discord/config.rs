//! The table `[channels.discord]`.

use agent_core::ChannelSetupError;
use http_client::{Url, parse_url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// GUILDS, `GUILD_MESSAGES`, `DIRECT_MESSAGES` and the privileged `MESSAGE_CONTENT`.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 12 | 1 << 15;

const OFFICIAL: &str = "https://discord.com";

/// Settings of one bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscordConfig {
    /// The bot's token, with or without `Bot ` in front.
    pub(super) token: SecretString,
    /// Where the REST API is; `/api/v10` is appended. The gateway's address comes from there as well.
    #[serde(default = "official")]
    pub(super) api_url: String,
    /// What the gateway is asked to tell, as Discord's bit field.
    #[serde(default = "intents")]
    pub(super) intents: u64,
    /// The longest that a call of the REST API may take, in seconds.
    #[serde(default = "seconds")]
    pub(super) request_timeout_seconds: u64,
}

fn official() -> String {
    OFFICIAL.into()
}

fn intents() -> u64 {
    INTENTS
}

fn seconds() -> u64 {
    20
}

fn wrong(key: &str, message: impl Into<String>) -> ChannelSetupError {
    ChannelSetupError { key: key.into(), message: message.into() }
}

impl DiscordConfig {
    /// Reads the table.
    pub(super) fn read(table: serde_json::Value) -> Result<Self, ChannelSetupError> {
        // Looked at by hand first: the error of a wrong type repeats the value.
        match table.get("token") {
            Some(serde_json::Value::String(text)) if !text.trim().is_empty() => {}
            Some(serde_json::Value::String(_)) => return Err(wrong("token", "it is empty")),
            Some(_) => return Err(wrong("token", "it must be text")),
            None => {
                return Err(wrong(
                    "token",
                    "it is missing: copy it from the Bot page of discord.com/developers",
                ));
            }
        }
        let mut config: Self = serde_json::from_value(table).map_err(|error| wrong("", error.to_string()))?;
        let token = config.token.expose_secret().trim();
        let token = token.strip_prefix("Bot ").unwrap_or(token).trim();
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("token", "it holds characters that no Discord token has"));
        }
        config.token = SecretString::from(token.to_owned());
        config.api_url.truncate(config.api_url.trim_end_matches('/').len());
        config.base()?;
        if !(1..=300).contains(&config.request_timeout_seconds) {
            return Err(wrong("request_timeout_seconds", "it must be from 1 to 300"));
        }
        Ok(config)
    }

    /// The parsed `api_url`.
    pub(super) fn base(&self) -> Result<Url, ChannelSetupError> {
        parse_url(&self.api_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| wrong("api_url", "it must be an http:// or https:// address"))
    }

    /// Whether it is Discord's own server that is spoken to.
    pub(super) fn is_official(&self) -> bool {
        self.api_url == OFFICIAL
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_enough() {
        let config = DiscordConfig::read(json!({"token": " Bot abc.def "})).unwrap();
        assert_eq!(config.token.expose_secret(), "abc.def");
        assert_eq!((config.api_url.as_str(), config.intents), ("https://discord.com", 37377));
        assert!(config.is_official());
        assert!(!format!("{config:?}").contains("abc.def"), "no debug text shows the token");
    }

    #[test]
    fn what_is_wrong_is_named_without_the_token() {
        for (table, key) in [
            (json!({}), "token"),
            (json!({"token": "  "}), "token"),
            (json!({"token": 81234567}), "token"),
            (json!({"token": "geheim\u{7}"}), "token"),
            (json!({"token": "geheim", "api_url": "discord.com"}), "api_url"),
            (json!({"token": "geheim", "api_url": "ftp://discord.com"}), "api_url"),
            (json!({"token": "geheim", "request_timeout_seconds": 0}), "request_timeout_seconds"),
            (json!({"token": "geheim", "tokken": 1}), ""),
            (json!({"token": "geheim", "intents": "all"}), ""),
        ] {
            let error = DiscordConfig::read(table.clone()).unwrap_err();
            assert_eq!(error.key, key, "{table}");
            assert!(!error.to_string().contains("geheim") && !error.to_string().contains("8123"), "{error}");
        }
    }
}
