//! `factotum gateway`.

use std::{io::BufRead as _, time::Duration};

use super::{args::GatewayCommand, error::CliError, out, server_state, start::Start};
use crate::{
    exit,
    gateway::{GatewayApp, GatewayStatus, Signals, Source},
};
use agent_core::gateway::{ChannelState, Role};

/// Most time that a gateway takes to end: its grace time, and then some.
const END_TIME: Duration = Duration::from_secs(30);
/// How long a reload is waited for: channels that are replaced end first.
const RELOAD_TIME: Duration = Duration::from_secs(10);
/// How often to look whether it has ended or reloaded.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the gateway in the foreground.
pub(super) fn run(start: &Start, command: Option<&GatewayCommand>) -> Result<u8, CliError> {
    match command {
        None | Some(GatewayCommand::Run) => start.block_on_many(foreground(start)),
        Some(GatewayCommand::Status { json }) => status(start, *json),
        Some(GatewayCommand::Stop) => stop(start),
        Some(GatewayCommand::Reload) => reload(start),
        Some(GatewayCommand::Logs { lines }) => logs(start, *lines),
    }
}

async fn foreground(start: &Start) -> Result<u8, CliError> {
    // Before anything else: a signal that comes while the database is opened must not be lost.
    let signals = Signals::new()?;
    let running = start.gateway().await?;
    let source = Source {
        home: start.home.clone(),
        path: start.config_path.clone(),
        environment: start.environment.clone(),
    };
    GatewayApp::new(running.assistant, source).run(signals).await?;
    Ok(exit::OK)
}

fn living(start: &Start) -> Result<Vec<GatewayStatus>, CliError> {
    Ok(GatewayStatus::living(&start.home)?)
}

fn primary(start: &Start) -> Result<GatewayStatus, CliError> {
    let missing =
        || CliError::NotFound("no gateway runs on this data directory; `factotum gateway` starts one".into());
    living(start)?.into_iter().next().ok_or_else(missing)
}

fn status(start: &Start, json: bool) -> Result<u8, CliError> {
    let living = living(start)?;
    if json {
        out::json(&serde_json::json!({ "gateways": living }))?;
        return Ok(if living.is_empty() { exit::NOT_FOUND } else { exit::OK });
    }
    if living.is_empty() {
        return Err(primary(start).err().unwrap_or_else(|| CliError::Failed("no gateway runs".into())));
    }
    for status in living {
        let role = match (status.health.role, status.health.ready) {
            (Role::Primary, true) => "works",
            (Role::Primary, false) => "ends",
            (Role::Standby, _) => "stands by: another gateway works on this data",
        };
        let since = out::time(status.started_at);
        out::line(&format!("Gateway {} (process {}, since {since}) {role}", status.version, status.pid));
        if let Some(sentence) = status.reload.sentence() {
            out::line(&format!("{:<10} {sentence}", "restart:"));
        }
        if let Some(http) = &status.http {
            out::line(&format!("HTTP:      http://{http}"));
        }
        for (kind, channel) in &status.health.channels {
            out::line(&format!("{:<10} {}", format!("{kind}:"), sentence(&channel.state)));
        }
        for server in &status.providers {
            out::line(&out::plain(&format!("{:<10} {}", "model:", server_state::sentence(server))));
        }
    }
    Ok(exit::OK)
}

/// How a channel is, for a person.
pub(super) fn sentence(state: &ChannelState) -> String {
    match state {
        ChannelState::Connecting => "connecting".into(),
        ChannelState::Connected { account, name } => format!("connected as {} ({account})", out::plain(name)),
        ChannelState::Retrying { error } => format!("not connected, is tried again: {}", out::plain(error)),
        ChannelState::Stopped { error } => format!("stopped until it is mended: {}", out::plain(error)),
    }
}

fn process(status: &GatewayStatus) -> Option<rustix::process::Pid> {
    i32::try_from(status.pid).ok().and_then(rustix::process::Pid::from_raw)
}

fn send(status: &GatewayStatus, signal: rustix::process::Signal) -> Result<(), CliError> {
    let Some(process) = process(status) else { return Err(CliError::Failed("it has no process".into())) };
    rustix::process::kill_process(process, signal).map_err(|error| CliError::Io(error.into()))
}

fn stop(start: &Start) -> Result<u8, CliError> {
    let status = primary(start)?;
    send(&status, rustix::process::Signal::TERM)?;
    let mut waited = Duration::ZERO;
    while status.lives() {
        if waited >= END_TIME {
            let text = format!("process {} did not end within {} s", status.pid, END_TIME.as_secs());
            return Err(CliError::Failed(text));
        }
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
    Ok(out::line("The gateway has ended."))
}

fn reload(start: &Start) -> Result<u8, CliError> {
    // A configuration that makes no sense is reported here, where somebody reads it.
    let loaded = start.load()?;
    let status = primary(start)?;
    for warning in &loaded.warnings {
        out::line(&out::plain(&format!("warning: {warning}")));
    }
    send(&status, rustix::process::Signal::HUP)?;
    let mut waited = Duration::ZERO;
    while waited < RELOAD_TIME {
        std::thread::sleep(LOOK);
        waited += LOOK;
        let now = living(start)?.into_iter().find(|one| one.pid == status.pid);
        let Some(now) = now else { return Err(CliError::Failed("the gateway has ended".into())) };
        if now.reload.count == status.reload.count {
            continue;
        }
        if let Some(error) = &now.reload.error {
            return Err(CliError::Failed(format!(
                "the gateway goes on with what it had: {}",
                out::plain(error)
            )));
        }
        out::line("The gateway has read its configuration again.");
        if let Some(sentence) = now.reload.sentence() {
            out::line(&format!("Restart it: {sentence}."));
        }
        return Ok(exit::OK);
    }
    Ok(out::line("The gateway was told to read its configuration again; its log says what comes of it."))
}

fn logs(start: &Start, lines: usize) -> Result<u8, CliError> {
    let loaded = start.load()?;
    let Some(file) = &loaded.config.log.file else {
        return Err(CliError::NotFound(
            "the log goes to standard error; set log.file, or read it where the gateway was started (`journalctl --user -u factotum`)".into(),
        ));
    };
    let path = start.home.join("logs").join(file);
    let file = std::fs::File::open(&path)
        .map_err(|error| CliError::NotFound(format!("{}: {}", path.display(), error.kind())))?;
    let mut last = std::collections::VecDeque::with_capacity(lines.min(10_000));
    for line in std::io::BufReader::new(file).lines() {
        if last.len() >= lines {
            last.pop_front();
        }
        last.push_back(line?);
    }
    for line in last {
        out::line(&out::plain(&line));
    }
    Ok(exit::OK)
}
