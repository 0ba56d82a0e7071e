//! The arguments of `factotum cron`.

use clap::{ArgGroup, Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Cron {
    /// Make a job; its next five runs are shown before it is saved
    Add(Box<AddJob>),
    /// The jobs, by name
    List {
        /// Also those that are done
        #[arg(long)]
        all: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One job with its next runs
    Show {
        /// Its name, its id, or the beginning of its id
        job: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// When it runs next
    Next {
        /// Its name, its id, or the beginning of its id
        job: String,
        /// How many times
        #[arg(short = 'n', long, default_value_t = 5)]
        count: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Take it away, with its history
    Remove {
        /// Its name, its id, or the beginning of its id
        job: String,
    },
    /// Let it run again; runs that were missed meanwhile are left out
    Enable {
        /// Its name, its id, or the beginning of its id
        job: String,
    },
    /// Keep it, and let it not run
    Disable {
        /// Its name, its id, or the beginning of its id
        job: String,
    },
    /// Run it now, besides its schedule
    Run {
        /// Its name, its id, or the beginning of its id
        job: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Its runs and what became of them, newest first
    History {
        /// Its name, its id, or the beginning of its id
        job: String,
        /// At most this many
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("when").required(true)), group(ArgGroup::new("what").required(true)))]
pub(crate) struct AddJob {
    /// Its name [default: the first words of its message]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What to say to the assistant at those times
    #[arg(short, long, value_name = "TEXT", group = "what")]
    pub(crate) message: Option<String>,
    /// A tool to call instead; no model is asked
    #[arg(long, value_name = "NAME {JSON}", group = "what")]
    pub(crate) tool: Option<String>,
    /// At an interval or on days: 30m, "2 hours", "weekday at 8:30"
    #[arg(long, value_name = "WHEN", group = "when")]
    pub(crate) every: Option<String>,
    /// At the times of a cron expression: "30 8 * * 1-5", @daily
    #[arg(long, value_name = "EXPR", group = "when")]
    pub(crate) cron: Option<String>,
    /// Once, at a time: "18:30", "tomorrow at 9", "2027-03-01 18:00"
    #[arg(long, value_name = "TIME", group = "when")]
    pub(crate) at: Option<String>,
    /// Once, after a while: 20m, "2 hours"
    #[arg(long, value_name = "LENGTH", allow_hyphen_values = true, group = "when")]
    pub(crate) r#in: Option<String>,
    /// The time zone whose clocks are meant, as Europe/Berlin [default: yours]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// The chat to answer in [default: gateway.notify, else the answer is kept in the history]
    #[arg(long, value_name = "CHANNEL:CHAT")]
    pub(crate) to: Option<String>,
    /// It does not run after this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// It is done after so many runs
    #[arg(long, value_name = "N")]
    pub(crate) max_runs: Option<u64>,
    /// What becomes of runs that were missed while no gateway ran
    #[arg(long, value_enum, default_value_t = Missed::Once)]
    pub(crate) misfire: Missed,
    /// Put each run off by up to so long, by chance: 5m
    #[arg(long, value_name = "LENGTH")]
    pub(crate) jitter: Option<String>,
    /// The model of its runs
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub(crate) model: Option<String>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Missed {
    /// They are left out
    Skip,
    /// One of them is made up for
    Once,
    /// All of them are, 24 at most
    All,
}
