//! The arguments of `factotum agent`.

use std::{ffi::OsString, path::PathBuf};

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Agent {
    /// The message; `-` reads it from stdin
    #[arg(short, long, value_name = "TEXT|-")]
    pub(crate) message: Option<OsString>,
    /// The conversation: a name, or channel:account:chat
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    pub(crate) session: String,
    /// The model for this run, as PROVIDER/MODEL
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub(crate) model: Option<String>,
    /// The preset for this run, from the configuration
    #[arg(long, value_name = "NAME", conflicts_with = "model")]
    pub(crate) preset: Option<String>,
    /// How hard to think before the answer: off, low, medium or high
    #[arg(long, value_name = "EFFORT")]
    pub(crate) effort: Option<session_api::Effort>,
    /// An image to send along; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    /// A text file to send along; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Keep nothing of this run but what it used
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Do not wait for agents that were started: name them, for a gateway or the next run to go on with
    #[arg(long, requires = "message", conflicts_with = "ephemeral")]
    pub(crate) detach: bool,
    /// One JSON object for each turn, instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not render markdown
    #[arg(long)]
    pub(crate) no_markdown: bool,
    /// Show what the model thinks aloud
    #[arg(long)]
    pub(crate) show_reasoning: bool,
    /// The answer and nothing else
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
