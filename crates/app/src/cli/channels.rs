//! `factotum channels`.

use std::time::Duration;

use agent_core::{
    Account, ChannelError,
    gateway::{ChannelState, Role},
};

use super::{args::Channels, error::CliError, gateway::sentence, out, start::Start};
use crate::{
    Assistant,
    channel_kinds::{self, WEBSOCKET},
    config::{Config, ConfigError, nearest},
    exit,
    gateway::{GatewayStatus, build_channel},
};

pub(super) async fn run(start: &Start, command: Channels) -> Result<u8, CliError> {
    match command {
        Channels::List { json } => list(json),
        Channels::Status { json } => status(start, json),
        Channels::Login { kind } => {
            let loaded = start.load()?;
            known(&loaded.config, &kind)?;
            let running = start.assistant().await?;
            let result = login(&running.assistant, &kind).await;
            running.end(result).await
        }
    }
}

/// Name and summary of each kind in this build.
fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let websocket = (WEBSOCKET, "WebSocket: programs and pages of your own, at the gateway's HTTP server");
    channel_kinds::all().map(|kind| (kind.name, kind.summary)).chain([websocket])
}

fn list(json: bool) -> Result<u8, CliError> {
    for (name, summary) in kinds() {
        if json {
            out::json(&serde_json::json!({ "kind": name, "summary": summary }))?;
        } else {
            out::line(&format!("{name:<10} {summary}"));
        }
    }
    Ok(exit::OK)
}

fn status(start: &Start, json: bool) -> Result<u8, CliError> {
    let loaded = start.load()?;
    let working =
        GatewayStatus::living(&start.home)?.into_iter().find(|one| one.health.role == Role::Primary);
    let configured: Vec<&String> =
        loaded.config.channels.iter().filter(|(_, section)| section.enabled).map(|(name, _)| name).collect();
    if configured.is_empty()
        && working.as_ref().is_none_or(|gateway| gateway.health.channels.is_empty())
        && !json
    {
        return Ok(out::line(
            "No channel is switched on; `factotum channels list` names those there are, docs/channels says how to set them up.",
        ));
    }
    let mut shown: Vec<(String, String, serde_json::Value)> = Vec::new();
    if let Some(gateway) = &working {
        for (kind, health) in &gateway.health.channels {
            shown.push((
                kind.clone(),
                sentence(&health.state),
                serde_json::to_value(health).unwrap_or_default(),
            ));
        }
    }
    for kind in configured {
        if shown.iter().any(|(known, ..)| known == kind) {
            continue;
        }
        let (state, text) = match &working {
            None => ("gateway_down", "the gateway does not run (`factotum gateway`)".to_owned()),
            Some(gateway) if kind == WEBSOCKET => match &gateway.http {
                Some(addr) => ("connected", format!("clients connect to ws://{addr}/ws")),
                None => ("stopped", "there is no HTTP server; see `factotum gateway logs`".to_owned()),
            },
            Some(_) => {
                ("not_loaded", "the running gateway does not know it (`factotum gateway reload`)".to_owned())
            }
        };
        shown.push((kind.clone(), text, serde_json::json!({ "state": state })));
    }
    for (kind, text, mut object) in shown {
        if json {
            if let Some(fields) = object.as_object_mut() {
                fields.insert("kind".into(), kind.into());
            }
            out::json(&object)?;
        } else {
            out::line(&format!("{kind:<10} {text}"));
        }
    }
    Ok(exit::OK)
}

/// Refuses a kind that this build or the configuration does not have.
fn known(config: &Config, kind: &str) -> Result<(), CliError> {
    let names: Vec<&str> = kinds().map(|(name, _)| name).collect();
    if !names.contains(&kind) {
        let (message, _) = channel_kinds::unknown(kind);
        let hint = match nearest(kind, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        return Err(CliError::NotFound(format!("{message}; {hint}")));
    }
    if !config.channels.contains_key(kind) {
        return Err(CliError::NotFound(format!(
            "`[channels.{kind}]` is not in the configuration; docs/channels/{kind}.md says what to write"
        )));
    }
    Ok(())
}

async fn login(assistant: &Assistant, kind: &str) -> Result<u8, CliError> {
    if kind == WEBSOCKET {
        let token = match &assistant.config().http.token {
            Some(_) => "`http.token`".to_owned(),
            None => assistant.home().join("run/http.token").display().to_string(),
        };
        let bind = &assistant.config().http.bind;
        return Ok(out::line(&format!("Clients log in here: ws://{bind}/ws, with the token in {token}.")));
    }
    let account = connect(assistant, kind, CONNECT_TIME).await.map_err(|trouble| match trouble {
        Trouble::Config(error) => error.into(),
        Trouble::Setup(text) => CliError::ChannelSetup(text),
        Trouble::Away(text) => CliError::Away(text),
    })?;
    out::line(&out::plain(&format!("{kind}: logged in as {} ({})", account.name, account.id)));
    if !assistant.config().channels.get(kind).is_some_and(|section| section.enabled) {
        out::line(&format!("The channel is switched off; set channels.{kind}.enabled = true."));
    }
    Ok(exit::OK)
}

/// How long a platform may take to greet.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// Why a channel does not connect.
pub(super) enum Trouble {
    /// A secret that is not there.
    Config(ConfigError),
    /// Something to mend.
    Setup(String),
    /// The platform cannot be reached, or not now.
    Away(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Setup(text) | Self::Away(text) => f.write_str(text),
        }
    }
}

/// Builds a configured channel and connects it once, within `limit`. Nothing is received or sent.
pub(super) async fn connect(assistant: &Assistant, kind: &str, limit: Duration) -> Result<Account, Trouble> {
    let channel = build_channel(assistant, kind).map_err(|error| match error {
        crate::gateway::BuildError::Config(error) => Trouble::Config(error),
        crate::gateway::BuildError::Setup(error) => Trouble::Setup(format!("channels.{kind}: {error}")),
    })?;
    match tokio::time::timeout(limit, channel.connect()).await {
        Ok(Ok(account)) => Ok(account),
        Ok(Err(error @ (ChannelError::Setup { .. } | ChannelError::Permanent { .. }))) => {
            Err(Trouble::Setup(format!("{kind}: {error}")))
        }
        Ok(Err(error)) => Err(Trouble::Away(format!("{kind}: {error}"))),
        Err(_) => {
            Err(Trouble::Away(format!("{kind}: the platform did not answer within {} s", limit.as_secs())))
        }
    }
}

/// How a state is named for programs.
pub(super) fn state_name(state: &ChannelState) -> &'static str {
    match state {
        ChannelState::Connecting => "connecting",
        ChannelState::Connected { .. } => "connected",
        ChannelState::Retrying { .. } => "retrying",
        ChannelState::Stopped { .. } => "stopped",
    }
}
