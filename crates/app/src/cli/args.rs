//! The arguments. Their doc comments are the help texts.

#![expect(
    clippy::doc_markdown,
    reason = "the texts are read on a terminal, where backticks would stand as they are"
)]

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;

pub(super) use super::agent_args::Agent;
pub(super) use super::agents_args::{Agents, Profiles, Trigger};
pub(super) use super::model_args::{Models, Usage, UsageGroup};
use super::{audit::Audit, config::ConfigCommand, cron_args::Cron, memory_args::Memory, skills::Skills};

/// A self-hosted personal assistant.
#[derive(Debug, Parser)]
#[command(
    name = "factotum",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  factotum agent -m \"what time is it, and what is 17.5% of 1234.56?\"
  factotum agent                       a conversation in the terminal
  factotum status                      which model answers, and why
  factotum doctor                      checks every part and says how to mend it
  factotum gateway                     answers on every channel of the configuration
  factotum pairing approve k3m9x-07qrt lets somebody in who was told this code

Exit codes: 0 done, 2 usage, 3 a question waits, 65 bad input, 66 not found, 69 no model or platform, 74 storage, 78 configuration, 130 stopped."
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Global {
    /// The configuration file [default: config.toml in the data directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data directory [default: FACTOTUM_HOME, else ~/.factotum]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) home: Option<PathBuf>,
    /// More log lines on stderr; twice for all
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say something and read the answer; without -m, have a conversation
    Agent(Agent),
    /// Write a configuration and the workspace's files; nothing that is there is overwritten
    Onboard(Onboard),
    /// Which model answers and why, and where things are
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Which models there are, what a name means, and whether one works
    #[command(subcommand)]
    Models(Models),
    /// What model calls used and cost
    Usage(Usage),
    /// Check every part, and say how to mend what is wrong
    Doctor {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// The assistant on its channels, until somebody stops it
    Gateway {
        #[command(subcommand)]
        command: Option<GatewayCommand>,
    },
    /// The chat platforms
    #[command(subcommand)]
    Channels(Channels),
    /// Who asks to be let in, and who was
    #[command(subcommand)]
    Pairing(Pairing),
    /// The gateway as a service of systemd
    #[command(subcommand)]
    Service(Service),
    /// Jobs: what the gateway does at set times
    #[command(subcommand)]
    Cron(Cron),
    /// The agents that conversations started, with theirs, and how they are doing
    Agents(Agents),
    /// Kinds of agents, as files of the workspace describe them
    #[command(subcommand)]
    Profiles(Profiles),
    /// Wakes the assistant from a script or a timer of the system
    #[command(args_conflicts_with_subcommands = true, subcommand_precedence_over_arg = true)]
    Trigger {
        #[command(subcommand)]
        command: Option<Trigger>,
        /// The trigger to pull
        #[arg(required = true)]
        id: Option<String>,
        /// What comes with it; `-` reads it from stdin
        #[arg(value_name = "TEXT|-")]
        text: Option<OsString>,
    },
    /// Skills: instructions for special tasks
    #[command(subcommand)]
    Skills(Skills),
    /// Conversations
    #[command(subcommand)]
    Sessions(Sessions),
    /// What a model gets to read
    #[command(subcommand)]
    Context(ContextCommand),
    /// What was said and noted: find it, add to it, take it out, and how the memory files changed
    #[command(subcommand)]
    Memory(Memory),
    /// Questions whether a tool call may run
    #[command(subcommand)]
    Approvals(Approvals),
    /// Messages that failed, or did not arrive, and are kept
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// What was done, refused and by whom, in chains that show when a row was changed
    #[command(subcommand)]
    Audit(Audit),
    /// What a turn did
    #[command(subcommand)]
    Turn(TurnCommand),
    /// Why a message or a tool call was refused, or what became of a message
    Why {
        /// The id of a message, here or on its platform (also channel:account:id), of a turn, or of a tool call
        #[arg(value_name = "ID")]
        id: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Completions for a shell, on stdout
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// The manual page, on stdout; with --dir one page for each command
    Man {
        /// Where to write the pages
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct Onboard {
    /// The model to use, as PROVIDER/MODEL
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub(super) model: Option<String>,
    /// Base URL of the model's provider
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// Where its key is: env:NAME, file:PATH or cmd:PROGRAM
    #[arg(long, value_name = "REF")]
    pub(super) api_key: Option<String>,
    /// Keep the values of the configuration that is there and add what is new
    #[arg(long)]
    pub(super) refresh: bool,
    /// Ask nothing, also on a terminal
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ContextCommand {
    /// What the next request of a conversation would hold, and what was left out
    Show {
        /// Its name, or channel:account:chat
        #[arg(default_value = "default")]
        session: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    /// All conversations, last changed first
    List {
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// The messages of one
    Show {
        /// Its name, or channel:account:chat
        #[arg(default_value = "default")]
        session: String,
        /// Only the newest N messages
        #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
        last: Option<u64>,
        /// From this message on, by its number, as summaries name it
        #[arg(long, value_name = "N")]
        from: Option<u64>,
        /// Up to this message
        #[arg(long, value_name = "N")]
        to: Option<u64>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Messages that hold a text, newest first
    Search {
        /// The text
        text: String,
        /// At most this many
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One conversation as JSON lines, to be read by `import`
    Export {
        /// Its name, or channel:account:chat
        #[arg(default_value = "default")]
        session: String,
        /// Where to [default: stdout]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Adds exported messages to a conversation
    Import {
        /// The file, or `-` for stdin
        file: PathBuf,
        /// The conversation [default: the one that was exported]
        #[arg(long, value_name = "NAME")]
        session: Option<String>,
    },
    /// Takes the messages of one away
    Clear {
        /// Its name, or channel:account:chat
        session: String,
    },
    /// Takes one away with everything that belongs to it
    Delete {
        /// Its name, or channel:account:chat
        session: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum GatewayCommand {
    /// Run it in the foreground; the same as without a word
    Run,
    /// Whether it runs, its role, and how its channels are
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Let what runs finish, then end it
    Stop,
    /// Read the configuration again; turns under way keep the old one
    Reload,
    /// The last lines of its log file
    Logs {
        /// How many
        #[arg(short = 'n', long, default_value_t = 100)]
        lines: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Channels {
    /// The kinds of channels in this build
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// How the channels of the configuration are
    Status {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Connect once, and say as whom or what to mend; nothing is received or sent
    Login {
        /// Which, as in [channels.KIND]
        kind: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Pairing {
    /// Who asks to be let in, and who was let in by a code
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let in whoever was told this code
    Approve {
        /// The code
        code: String,
        /// As what: the owner is you, members have conversations and files of their own, guests may only talk
        #[arg(long = "as", value_enum, default_value_t = PairedAs::Member, value_name = "RANK")]
        rank: PairedAs,
    },
    /// Refuse whoever was told this code; they are not told
    Deny {
        /// The code
        code: String,
    },
    /// Make somebody a stranger again
    Revoke {
        /// Who, as the list shows them
        #[arg(value_name = "CHANNEL:ID")]
        who: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum PairedAs {
    Owner,
    Member,
    Guest,
}

#[derive(Debug, Subcommand)]
pub(super) enum Service {
    /// Write the unit, enable it and start it
    Install {
        /// Print what would be written and run, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop it, and take the unit away
    Uninstall {
        /// Print what would be run and removed, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TurnCommand {
    /// What it was about, what the model said, which tools ran, what went out
    Show {
        /// The turn's id, or that of a message that it answered
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run its decisions again, offline, and name the first that differs (exit code 1)
    Replay {
        /// The turn's id, or that of a message that it answered
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Approvals {
    /// The open questions
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let the call run, once, and go on with its turn
    Allow {
        /// The question's id
        id: String,
    },
    /// Refuse the call, and go on with its turn
    Deny {
        /// The question's id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    /// All of them, oldest first: what came in and failed, and answers that did not arrive
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One with its text and its error
    Show {
        /// Its id
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Try them again; those of chats are answered and sent by the gateway
    Retry {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Give them up
    Drop {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}
