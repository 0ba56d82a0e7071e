//! The arguments of `factotum profiles` and `factotum trigger`.

use clap::Subcommand;

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
