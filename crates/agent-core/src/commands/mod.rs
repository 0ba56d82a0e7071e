//! Slash commands and direct tool calls: answered without a model, in every channel alike.

mod access;
mod agents;
mod context;
mod conversation;
mod goal;
mod jobs;
mod memory;
mod model;
mod overview;
mod people;
mod rules;
mod skill;
mod usage;

use session_api::{Decision, InboundKind, Principal, Rank, Route, Scope, SessionKey, Writes};

use crate::{AgentError, Core, Ports};

pub(crate) use access::{LOCKED, is_locked, locked};

/// A command as `/help` and the completion show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandHelp {
    /// Its name, without the slash.
    pub name: &'static str,
    /// What may follow it.
    pub arguments: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn help(name: &'static str, arguments: &'static str, help: &'static str) -> CommandHelp {
    CommandHelp { name, arguments, help }
}

/// All commands, in the order in which help shows them.
pub const COMMANDS: &[CommandHelp] = &[
    help("help", "", "what can be written besides plain messages"),
    help("new", "", "start a new conversation here; the old one stays searchable"),
    help("stop", "", "end what is running here"),
    help("status", "", "the model, this conversation, and what waits"),
    help("model", "[NAME|default]", "show or choose the model of this conversation"),
    help("local", "[on|off]", "switch this conversation to the model on your own machine, or back"),
    help("think", "[off|low|medium|high|default]", "how hard the model thinks before it answers here"),
    help("context", "", "what the model gets to read here, and what was left out"),
    help("compact", "", "summarise the older part of this conversation now"),
    help("undo-compact", "", "take the last summary back"),
    help("pin", "TEXT", "keep something in mind here for good"),
    help("pins", "", "what is pinned here"),
    help("unpin", "N", "take a pin away"),
    help("history", "[N]", "the last N messages (10)"),
    help("sessions", "", "your conversations"),
    help("usage", "[extend day|month DOLLARS]", "tokens and cost by day, and what may be spent"),
    help("jobs", "[on|off|run|remove NAME]", "your scheduled jobs"),
    help("agents", "", "the agents that were started here, and how they are doing"),
    help("goal", "[TEXT|stop]", "work towards something in rounds until it is reached; show or end it"),
    help(
        "memory",
        "[search WORDS|rules [remove ID|edit ID TEXT]]",
        "what I can recall, and the rules learnt from you",
    ),
    help("skill", "[NAME]", "the instructions for special tasks, or one of them"),
    help("approve", "ID", "let a call run that waits for your answer"),
    help("deny", "ID", "refuse a call that waits for your answer"),
    help("pairing", "[approve CODE|deny CODE|revoke WHO]", "who asks to be let in, and who was (owner only)"),
    help("link", "[CODE]", "join your other account: get a code here, write it there"),
    help("unlink", "[ACCOUNT]", "part an account that was joined"),
    help("lock", "", "stop everything everywhere and answer nobody (owner only)"),
    help("unlock", "", "answer again (owner only)"),
];

/// A text, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// `/name rest`.
    Slash { name: String, rest: String },
    /// `tool:name {json}`.
    Tool { name: String, arguments: String },
    /// Anything else.
    Text,
}

/// Takes a text apart. A slash makes a command only in front of a bare word: `/etc/hosts is odd` is a message.
pub(crate) fn parse(text: &str) -> Parsed {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let bare = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    if let Some(name) = word.strip_prefix('/').filter(|name| bare(name)) {
        return Parsed::Slash { name: name.to_ascii_lowercase(), rest: rest.trim().to_owned() };
    }
    match word.strip_prefix("tool:") {
        Some(name) if bare(name) => {
            let arguments = if rest.trim().is_empty() { "{}" } else { rest.trim() };
            Parsed::Tool { name: name.to_owned(), arguments: arguments.to_owned() }
        }
        _ => Parsed::Text,
    }
}

/// What kind of row a text becomes. A stop and an answer to a question are kinds of their own, since the mailbox
/// carries them out as they come in.
pub(crate) fn kind_of(text: &str) -> InboundKind {
    match parse(text) {
        Parsed::Text => InboundKind::Message,
        Parsed::Tool { .. } => InboundKind::Command,
        Parsed::Slash { name, rest } => {
            let decision = match name.as_str() {
                "stop" => return InboundKind::Stop,
                "lock" => return InboundKind::Lock,
                "approve" => Decision::Allow,
                "deny" => Decision::Deny,
                _ => return InboundKind::Command,
            };
            match rest.parse() {
                Ok(approval) => InboundKind::Answer { approval, decision },
                Err(_) => InboundKind::Command,
            }
        }
    }
}

/// What a command may use.
pub(crate) struct CommandContext<'a> {
    pub(crate) ports: &'a Ports,
    pub(crate) core: &'a Core,
    pub(crate) session: &'a SessionKey,
    pub(crate) principal: &'a Principal,
    /// Where the answer goes.
    pub(crate) reply: Route,
}

impl CommandContext<'_> {
    /// What the speaker may see.
    fn scope(&self) -> Scope {
        match self.principal.rank {
            Rank::Owner => Scope::All,
            _ => Scope::Of(self.principal.id.clone()),
        }
    }
}

/// A command's answer and what it changes.
#[derive(Debug, Default)]
pub(crate) struct CommandAnswer {
    pub(crate) text: String,
    pub(crate) writes: Writes,
}

impl From<String> for CommandAnswer {
    fn from(text: String) -> Self {
        Self { text, writes: Writes::default() }
    }
}

/// Carries a command out.
pub(crate) async fn run(
    context: &CommandContext<'_>,
    name: &str,
    rest: &str,
) -> Result<CommandAnswer, AgentError> {
    match name {
        "help" => Ok(overview::help().into()),
        "status" => overview::status(context).await.map(Into::into),
        "usage" => usage::usage(context, rest).await,
        "new" => Ok(conversation::new()),
        "context" => context::context(context).await.map(Into::into),
        "undo-compact" => context::undo(context).await,
        "pin" => context::pin(context, rest).await,
        "pins" => context::show_pins(context).await.map(Into::into),
        "unpin" => context::unpin(context, rest).await,
        "history" => conversation::history(context, rest).await.map(Into::into),
        "sessions" => conversation::sessions(context).await.map(Into::into),
        "memory" => memory::memory(context, rest).await,
        "jobs" => jobs::jobs(context, rest).await,
        "agents" => agents::agents(context).await.map(Into::into),
        "goal" => goal::goal(context, rest).await,
        "skill" => Ok(skill::skill(context, rest).await.into()),
        "model" => model::model(context, rest).await,
        "local" => model::local(context, rest).await,
        "think" => model::think(context, rest).await,
        "pairing" => access::pairing(context, rest).await.map(Into::into),
        "link" => people::link(context, rest).await,
        "unlink" => people::unlink(context, rest).await,
        "unlock" => Ok(access::unlock(context)),
        "approve" | "deny" => Ok(format!("Write `/{name} ID` with the id of an open question.").into()),
        _ => Ok(unknown(name).into()),
    }
}

fn unknown(name: &str) -> String {
    let nearest = COMMANDS
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(name, a.name).total_cmp(&strsim::jaro_winkler(name, b.name)));
    let nearest = nearest.map_or("help", |command| command.name);
    format!("There is no command `/{name}`. Did you mean `/{nearest}`? `/help` lists them all.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        let slash = |name: &str, rest: &str| Parsed::Slash { name: name.into(), rest: rest.into() };
        let tool =
            |name: &str, arguments: &str| Parsed::Tool { name: name.into(), arguments: arguments.into() };
        for (text, expected) in [
            ("/help", slash("help", "")),
            ("  /Model a/b ", slash("model", "a/b")),
            ("/etc/hosts is odd", Parsed::Text),
            ("/", Parsed::Text),
            ("a /help", Parsed::Text),
            ("tool:read_file {\"path\":\"a\"}", tool("read_file", "{\"path\":\"a\"}")),
            ("tool:current_datetime", tool("current_datetime", "{}")),
            ("tool: x", Parsed::Text),
            ("", Parsed::Text),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn stops_and_answers_are_kinds_of_their_own() {
        assert_eq!(kind_of("/stop"), InboundKind::Stop);
        assert_eq!(kind_of("/status"), InboundKind::Command);
        assert_eq!(kind_of("hello"), InboundKind::Message);
        assert_eq!(kind_of("/approve nonsense"), InboundKind::Command);
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let answer = InboundKind::Answer { approval: id.parse().unwrap(), decision: Decision::Deny };
        assert_eq!(kind_of(&format!("/deny {id}")), answer);
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        assert!(unknown("hlep").contains("/help"));
        assert!(unknown("sesions").contains("/sessions"));
    }
}
