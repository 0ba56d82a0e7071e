//! What went wrong with a call of the Web API, and what a retry would do.

use std::time::Duration;

use agent_core::ChannelError;
use http_client::TransportError;

/// A call that was not carried out, or whose answer is not known. No text holds a token: Slack's error words, host names
/// and methods are all that goes in.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlackError {
    /// No complete answer.
    #[error("Slack's {method} failed: {source}")]
    Transport { method: &'static str, source: TransportError },
    /// `ok: false`.
    #[error("Slack refused {method}: {}", explained(error, needed.as_deref()))]
    Refused {
        method: &'static str,
        error: String,
        /// The scope that is missing, where Slack names it.
        needed: Option<String>,
    },
    /// HTTP 429.
    #[error("Slack asks to wait {} s before the next {method}", after.as_secs())]
    Limited { method: &'static str, after: Duration },
    /// Any other status but 200.
    #[error("Slack answered {method} with HTTP status {status}")]
    Status { method: &'static str, status: u16 },
    /// An answer that is not what the method answers.
    #[error("Slack's answer to {method} makes no sense")]
    Nonsense { method: &'static str },
}

/// What a repetition of a call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The same again: reading, editing, deleting.
    Repeatable,
    /// A second message.
    Once,
}

/// Errors after which nothing goes until somebody mends the app or its tokens.
const SETUP: &[&str] = &[
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "not_allowed_token_type",
    "no_permission",
    "org_login_required",
    "enterprise_is_restricted",
    "team_access_not_granted",
    "ekm_access_denied",
    "access_denied",
    "missing_scope",
];

/// Errors of Slack's own that pass.
const PASSING: &[&str] =
    &["service_unavailable", "request_timeout", "team_added_to_org", "external_channel_migrating"];

/// Errors after which, as Slack documents them, some of the call may have been carried out.
const TORN: &[&str] = &["internal_error", "fatal_error"];

impl SlackError {
    /// Slack's word for a refusal.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether Slack refused with one of these words: then nothing was done.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        self.word().is_some_and(|word| words.contains(&word))
    }

    /// As the port says it.
    pub(super) fn for_port(self, effect: Effect) -> ChannelError {
        let message = self.to_string();
        let uncertain = |message| match effect {
            Effect::Repeatable => ChannelError::Temporary { message, after: None },
            Effect::Once => ChannelError::Doubtful { message },
        };
        match self {
            Self::Limited { after, .. } => ChannelError::Temporary { message, after: Some(after) },
            Self::Transport { source, .. } if source.never_sent() => {
                ChannelError::Temporary { message, after: None }
            }
            Self::Transport { .. } | Self::Nonsense { .. } => uncertain(message),
            Self::Status { status: 500.., .. } => uncertain(message),
            Self::Status { status: 408, .. } => ChannelError::Temporary { message, after: None },
            Self::Status { .. } => ChannelError::Permanent { message },
            Self::Refused { error, .. } => match error.as_str() {
                word if SETUP.contains(&word) => ChannelError::Setup { message },
                word if TORN.contains(&word) => uncertain(message),
                "ratelimited" | "rate_limited" => ChannelError::Temporary { message, after: None },
                word if PASSING.contains(&word) => ChannelError::Temporary { message, after: None },
                _ => ChannelError::Permanent { message },
            },
        }
    }
}

/// Slack's word and what to do about it.
fn explained(error: &str, needed: Option<&str>) -> String {
    // The word comes from the network: a short identifier, or it is not repeated.
    let plain = !error.is_empty() && error.len() <= 64 && error.bytes().all(|b| b.is_ascii_graphic());
    let error = if plain { error } else { "an error without a name" };
    let advice = match error {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "the token is not valid; reinstall the app and copy its token"
        }
        "not_allowed_token_type" => "this is the wrong sort of token; bot_token is xoxb-, app_token is xapp-",
        "missing_scope" => {
            let scope: String =
                needed.unwrap_or("").chars().filter(|c| c.is_ascii_graphic()).take(100).collect();
            return format!(
                "the app lacks the scope `{scope}`; add it under OAuth & Permissions and reinstall the app"
            );
        }
        "not_in_channel" => "the bot is not in this channel; invite it there",
        "channel_not_found" => "there is no such channel, or the bot cannot see it",
        "is_archived" => "the channel is archived",
        _ => return error.to_owned(),
    };
    format!("{error} ({advice})")
}

#[cfg(test)]
mod tests {
    use super::{Effect, SlackError};
    use agent_core::ChannelError;
    use std::time::Duration;

    fn class(error: &ChannelError) -> &'static str {
        match error {
            ChannelError::Temporary { .. } => "temporary",
            ChannelError::Permanent { .. } => "permanent",
            ChannelError::Doubtful { .. } => "doubtful",
            ChannelError::Setup { .. } => "setup",
            ChannelError::Store(_) => "store",
        }
    }

    fn refused(error: &str) -> SlackError {
        SlackError::Refused { method: "chat.postMessage", error: error.into(), needed: None }
    }

    #[test]
    fn each_refusal_says_whether_a_retry_helps() {
        for (word, once, again) in [
            ("invalid_auth", "setup", "setup"),
            ("missing_scope", "setup", "setup"),
            ("channel_not_found", "permanent", "permanent"),
            ("is_archived", "permanent", "permanent"),
            ("not_in_channel", "permanent", "permanent"),
            ("ratelimited", "temporary", "temporary"),
            ("service_unavailable", "temporary", "temporary"),
            ("internal_error", "doubtful", "temporary"),
            ("fatal_error", "doubtful", "temporary"),
            ("something_new", "permanent", "permanent"),
        ] {
            assert_eq!(class(&refused(word).for_port(Effect::Once)), once, "{word}");
            assert_eq!(class(&refused(word).for_port(Effect::Repeatable)), again, "{word}");
        }
    }

    #[test]
    fn a_wait_that_slack_asks_for_is_passed_on() {
        let error = SlackError::Limited { method: "chat.update", after: Duration::from_secs(7) };
        let ChannelError::Temporary { after, message } = error.for_port(Effect::Once) else { panic!() };
        assert_eq!(after, Some(Duration::from_secs(7)));
        assert_eq!(message, "Slack asks to wait 7 s before the next chat.update");
    }

    #[test]
    fn a_foreign_word_is_not_repeated_unless_it_is_plain() {
        assert_eq!(
            refused("a\u{1b}[31m").to_string(),
            "Slack refused chat.postMessage: an error without a name"
        );
    }
}
