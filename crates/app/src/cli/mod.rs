//! The command line: the assistant's first client. It uses the façade and nothing below it.

mod agent;
mod agent_args;
mod agents;
mod agents_args;
mod approvals;
mod args;
mod ask;
mod audit;
mod channels;
mod config;
mod context;
mod cron;
mod cron_args;
mod dead_letters;
mod doctor;
mod error;
mod gateway;
mod memory;
mod memory_args;
mod memory_keeping;
mod model_args;
mod models;
mod onboard;
mod out;
mod pairing;
mod profiles;
mod repl;
mod screen;
mod server_state;
mod service;
mod session_name;
mod sessions;
mod shell;
mod skills;
mod start;
mod status;
mod stop;
mod trigger;
mod turn;
mod usage;
mod why;

use std::{ffi::OsString, io::Write as _};

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::exit;
use args::{Args, Command};
use error::CliError;
use memory_args::Memory;
use start::Start;

/// Parses the process's arguments, does what they say, and returns the exit code.
#[must_use]
pub fn main() -> u8 {
    run(std::env::args_os())
}

/// As [`main`], with other arguments; the first is the program's name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Asked for by scripts and benchmarks: not worth building the whole command for.
    if let [_, only] = arguments.as_slice()
        && (only == "--version" || only == "-V")
    {
        return out::line(&format!("factotum {}", env!("CARGO_PKG_VERSION")));
    }
    let parsed =
        Args::command().try_get_matches_from(arguments).and_then(|matches| Args::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            let failed = error.print().is_err();
            let code = u8::try_from(error.exit_code()).unwrap_or(exit::USAGE);
            return if failed { exit::FAILED } else { code };
        }
    };
    match dispatch(args) {
        Ok(code) => code,
        // Whoever read stdout has enough.
        Err(CliError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => exit::OK,
        Err(error) => {
            // A closed stderr leaves only the code.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}

fn dispatch(args: Args) -> Result<u8, CliError> {
    let Some(command) = args.command else {
        Args::command().print_help()?;
        return Ok(exit::USAGE);
    };
    let start = Start::new(args.global)?;
    match command {
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { dir } => shell::man(dir.as_deref()),
        Command::Config(command) => {
            config::run(&command, &start.load_input(), &mut std::io::stdout())?;
            Ok(exit::OK)
        }
        Command::Onboard(onboard) => onboard::run(&start, &onboard),
        Command::Gateway { command } => gateway::run(&start, command.as_ref()),
        Command::Service(command) => service::run(&start, &command),
        Command::Channels(command) => start.block_on(channels::run(&start, command)),
        Command::Pairing(command) => start.block_on(pairing::run(&start, command)),
        Command::Cron(command) => start.block_on(cron::run(&start, command)),
        Command::Audit(command) => start.block_on(audit::run(&start, command)),
        Command::Skills(command) => start.block_on(skills::run(&start, command)),
        Command::Memory(Memory::Finding(command)) => start.block_on(memory::run(&start, command)),
        Command::Memory(Memory::Keeping(command)) => start.block_on(memory_keeping::run(&start, command)),
        Command::Turn(command) => start.block_on(turn::run(&start, command)),
        Command::Why { id, json } => start.block_on(why::run(&start, &id, json)),
        Command::Agent(agent) => start.block_on(agent::run(&start, agent)),
        Command::Agents(command) => start.block_on(agents::run(&start, command)),
        Command::Profiles(command) => start.block_on(profiles::run(&start, command)),
        Command::Trigger { command, id, text } => {
            start.block_on(trigger::run(&start, command, id.as_deref(), text.as_deref()))
        }
        Command::Models(command) => start.block_on(models::run(&start, command)),
        Command::Usage(usage) => start.block_on(usage::run(&start, usage)),
        Command::Status { json } => start.block_on(status::run(&start, json)),
        Command::Doctor { json } => start.block_on(doctor::run(&start, json)),
        Command::Approvals(command) => start.block_on(approvals::run(&start, command)),
        Command::DeadLetters(command) => start.block_on(dead_letters::run(&start, command)),
        Command::Context(command) => start.block_on(context::run(&start, command)),
        Command::Sessions(command) => start.block_on(sessions::run(&start, command)),
    }
}
