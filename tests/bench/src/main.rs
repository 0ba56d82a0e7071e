//! What `cargo xtask bench` measures. Each benchmark runs in a process of its own and prints one JSON object for each
//! figure, which xtask turns into a table.
//!
//! Every figure stands beside a reference that the same process measured: usually what the disk takes for an `fsync`, or
//! what the model server takes for a bare exchange. Everything listens on 127.0.0.1, is bounded, and ends its children.
#![expect(clippy::print_stdout, reason = "figures on standard output are what this program is for")]

mod allocated;
mod context;
mod crowd;
mod embedded;
mod figure;
mod gateway;
mod growth;
mod jobs;
mod machine;
mod memory_turns;
mod model_server;
mod one_session;
mod prompt_cache;
mod provider;
mod recall;
mod recall_vectors;
mod request_size;
mod start_up;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::figure::Figure;

const USAGE: &str = "usage: bench-load NAME DIR BIN MODEL-SERVER COUNT; `cargo xtask bench` fills it in";

/// Where things are, and how much to do.
#[derive(Debug)]
struct Setting {
    /// An existing directory on the disk that is measured.
    dir: PathBuf,
    /// The release binary of factotum.
    binary: PathBuf,
    /// The binary of the model server.
    server: PathBuf,
    /// What `COUNT` means is each benchmark's own.
    count: usize,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, dir, binary, server, count] = arguments.as_slice() else { bail!(USAGE) };
    let count = count.parse().context(USAGE)?;
    let setting = Setting { dir: dir.into(), binary: binary.into(), server: server.into(), count };
    let figures: Vec<Figure> = match name.as_str() {
        "fsync" => machine::fsync_figures(&setting)?,
        "version" => start_up::version(&setting)?,
        "agent" => start_up::agent(&setting)?,
        "turn" => one_session::run(&setting)?,
        "sessions" => crowd::throughput(&setting)?,
        "memory" => crowd::memory(&setting)?,
        "memory-turns" => memory_turns::run(&setting)?,
        "context" => context::run(&setting)?,
        "growth" => growth::run(&setting)?,
        "request" => request_size::run(&setting)?,
        "window" => window::run(&setting)?,
        "recall" => recall::run(&setting)?,
        "recall-vectors" => recall_vectors::run(&setting)?,
        "provider" => provider::run(&setting)?,
        "prompt-cache" => prompt_cache::run(&setting)?,
        "gateway-idle" => gateway::idle::run(&setting)?,
        "gateway-reply" => gateway::reply::run(&setting)?,
        "gateway-crowd" => gateway::crowd::run(&setting)?,
        "gateway-backlog" => gateway::backlog::run(&setting)?,
        "gateway-stop" => gateway::stop::run(&setting)?,
        "agents" => gateway::agents::run(&setting)?,
        "jobs-tick" => jobs::tick(&setting)?,
        "jobs-gateway" => gateway::jobs::run(&setting)?,
        other => bail!("there is no benchmark `{other}`; {USAGE}"),
    };
    for figure in figures {
        println!("{}", figure.json());
    }
    Ok(())
}
