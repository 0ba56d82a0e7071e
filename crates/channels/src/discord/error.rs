//! What went wrong with a call, and what that means for whoever asked.

use std::time::Duration;

use agent_core::ChannelError;
use http_client::TransportError;

/// Discord's codes that this channel tells apart.
pub(super) mod code {
    pub(in super::super) const UNKNOWN_CHANNEL: u64 = 10003;
    pub(in super::super) const UNKNOWN_MESSAGE: u64 = 10008;
    pub(in super::super) const TOO_LARGE: u64 = 40005;
    pub(in super::super) const NO_ACCESS: u64 = 50001;
    pub(in super::super) const NO_DIRECT: u64 = 50007;
    pub(in super::super) const NO_PERMISSION: u64 = 50013;
    pub(in super::super) const INVALID_FORM: u64 = 50035;
    pub(in super::super) const ARCHIVED: u64 = 50083;
    pub(in super::super) const LOCKED: u64 = 160_005;
}

/// A call that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Discord refused it.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Discord's own code; 0 where there was none.
        code: u64,
        /// Discord's text, cut.
        message: String,
    },
    /// It has to wait for so long.
    Limited {
        /// How long.
        after: Duration,
    },
    /// It never reached Discord.
    Unsent {
        /// Why.
        message: String,
    },
    /// It went out, and no whole answer came back.
    Lost {
        /// Why.
        message: String,
    },
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        let message = format!("Discord does not answer: {}", error.message);
        if error.never_sent() { Self::Unsent { message } } else { Self::Lost { message } }
    }
}

impl Failure {
    /// Whether Discord refused it with this code.
    pub(super) fn is(&self, wanted: u64) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }

    /// Whether what was asked for is out of reach for good: gone, or not for the bot.
    pub(super) fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Refused { status: 403 | 404, code, .. } if *code != 0)
    }

    /// For a call that may be repeated without harm: reading, editing, deleting.
    pub(super) fn repeatable(self) -> ChannelError {
        match self {
            Self::Lost { message } => ChannelError::Temporary { message, after: None },
            other => other.once(),
        }
    }

    /// For a call that must not be done twice.
    pub(super) fn once(self) -> ChannelError {
        match self {
            Self::Lost { message } => ChannelError::Doubtful { message },
            Self::Unsent { message } => ChannelError::Temporary { message, after: None },
            Self::Limited { after } => ChannelError::Temporary {
                message: format!("Discord asks to wait for {:.1} s", after.as_secs_f64()),
                after: Some(after),
            },
            Self::Refused { status: 401, .. } => ChannelError::Setup {
                message: "Discord does not take the bot's token. Reset it on the Bot page of \
                          discord.com/developers and set channels.discord.token."
                    .into(),
            },
            Self::Refused { status, message, .. } if status >= 500 => ChannelError::Temporary {
                message: format!("Discord has trouble of its own (status {status}{})", tail(&message)),
                after: None,
            },
            // Without a code it is not Discord who speaks, but something in between.
            Self::Refused { status: 403, code: 0, .. } => ChannelError::Temporary {
                message: "something between here and Discord refuses the call (status 403)".into(),
                after: None,
            },
            Self::Refused { status: 408 | 425 | 429, message, .. } => ChannelError::Temporary {
                message: format!("Discord asks to come again later{}", tail(&message)),
                after: None,
            },
            Self::Refused { status, code, message } => {
                ChannelError::Permanent { message: explain(status, code, &message) }
            }
        }
    }
}

fn tail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn explain(status: u16, code: u64, message: &str) -> String {
    let known = match code {
        code::UNKNOWN_CHANNEL => "the channel does not exist any more",
        code::UNKNOWN_MESSAGE => "the message does not exist any more",
        code::TOO_LARGE => "the file is larger than Discord takes",
        code::NO_ACCESS => "the bot cannot see this channel",
        code::NO_DIRECT => "this person takes no direct messages from the bot",
        code::NO_PERMISSION => {
            "the bot lacks a permission in this channel (Send Messages, Attach Files, \
                                Read Message History or Send Messages in Threads)"
        }
        code::ARCHIVED => "the thread is archived: somebody has to reopen it",
        code::LOCKED => "the thread is locked: a moderator has to unlock it",
        code::INVALID_FORM => return format!("Discord does not take the message as it is{}", tail(message)),
        _ => return format!("Discord refuses this (status {status}, code {code}{})", tail(message)),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: u64) -> Failure {
        Failure::Refused { status, code, message: "its text".into() }
    }

    #[test]
    fn each_refusal_says_whether_waiting_helps() {
        let kind = |error: ChannelError| match error {
            ChannelError::Temporary { .. } => "temporary",
            ChannelError::Permanent { .. } => "permanent",
            ChannelError::Doubtful { .. } => "doubtful",
            ChannelError::Setup { .. } => "setup",
            ChannelError::Store(_) => "store",
        };
        for (failure, wanted) in [
            (refused(401, 0), "setup"),
            (refused(403, 50007), "permanent"),
            (refused(403, 50013), "permanent"),
            (refused(403, 50001), "permanent"),
            (refused(404, 10003), "permanent"),
            (refused(400, 50083), "permanent"),
            (refused(400, 50035), "permanent"),
            (refused(413, 40005), "permanent"),
            (refused(403, 0), "temporary"),
            (refused(500, 0), "temporary"),
            (refused(503, 0), "temporary"),
            (refused(429, 0), "temporary"),
            (Failure::Limited { after: Duration::from_secs(1) }, "temporary"),
            (Failure::Unsent { message: String::new() }, "temporary"),
            (Failure::Lost { message: String::new() }, "doubtful"),
        ] {
            assert_eq!(kind(failure.clone().once()), wanted, "{failure:?}");
            let repeated = if wanted == "doubtful" { "temporary" } else { wanted };
            assert_eq!(kind(failure.clone().repeatable()), repeated, "{failure:?}");
        }
    }

    #[test]
    fn people_read_what_to_do() {
        let texts = [
            refused(403, 50007),
            refused(400, 50083),
            refused(404, 10003),
            refused(401, 0),
            refused(502, 0),
            refused(400, 99999),
        ]
        .map(|failure| failure.once().to_string());
        insta::assert_snapshot!(texts.join("\n"), @r"
        this person takes no direct messages from the bot
        the thread is archived: somebody has to reopen it
        the channel does not exist any more
        Discord does not take the bot's token. Reset it on the Bot page of discord.com/developers and set channels.discord.token.
        Discord has trouble of its own (status 502: its text)
        Discord refuses this (status 400, code 99999: its text)
        ");
    }
}
