//! The arguments of `factotum agents`, `factotum profiles` and `factotum trigger`.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct Agents {
    /// Only those of this conversation: a name, or channel:account:chat
    #[arg(short, long, value_name = "NAME")]
    pub(crate) session: Option<String>,
    /// Also those of conversations where all have ended
    #[arg(long)]
    pub(crate) all: bool,
    /// One JSON object for each conversation
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trigger {
    /// Make one, or change it
    Add {
        /// Its name: letters, digits, `-`, `_`, `.`
        id: String,
        /// What the assistant is to do when it is pulled
        #[arg(short, long, value_name = "TEXT")]
        message: String,
        /// The chat to answer in [default: gateway.notify]
        #[arg(long, value_name = "CHANNEL:CHAT")]
        to: Option<String>,
    },
    /// All of them
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Take one away
    Remove {
        /// Its name
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Profiles {
    /// All profiles by name; what is wrong with one that cannot be used
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One profile
    Show {
        /// Its name: that of its file without `.yaml`
        name: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Whether all can be used; the exit code says so too
    Check,
}
