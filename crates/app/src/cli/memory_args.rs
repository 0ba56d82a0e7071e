//! The arguments of `factotum memory`.

use clap::Subcommand;

use super::memory_keeping::MemoryKeeping;

#[derive(Debug, Subcommand)]
pub(crate) enum Memory {
    #[command(flatten)]
    Finding(MemoryFinding),
    #[command(flatten)]
    Keeping(MemoryKeeping),
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryFinding {
    /// What fits, best first: messages, tool results and notes
    Search {
        /// Words, in any order
        #[arg(required = true)]
        query: Vec<String>,
        /// Only what was said to this person alone, and their notes: owner, or CHANNEL:ID
        #[arg(long, value_name = "WHO")]
        person: Option<String>,
        /// Only this conversation: a name, or channel:account:chat
        #[arg(long, value_name = "NAME")]
        session: Option<String>,
        /// The first day, as 2026-11-21
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
        /// The last day, as 2026-11-21
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Only this kind
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// At most this many
        #[arg(long, default_value_t = 10)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One of them with what stands around it
    Show {
        /// Its place, as a search shows it
        place: String,
    },
    /// Add a line to the notes of today
    Add {
        /// The text
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Take a note out of its file, or never find a message again
    Forget {
        /// Its place, as a search shows it
        place: String,
    },
    /// Make the index anew from what is stored
    Reindex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Message,
    Result,
    Note,
}
