//! What is looked at of the gateway.

use std::{net::TcpListener, time::Duration};

use futures_util::future::join_all;

use super::Check;
use crate::{
    Assistant, SystemClock,
    channel_kinds::WEBSOCKET,
    cli::{
        channels::{Trouble, connect},
        error::CliError,
        gateway::sentence,
        server_state,
    },
    gateway::GatewayStatus,
};
use agent_core::gateway::Role;
use providers::layers::BreakerState;
use session_api::{Clock as _, Timestamp};

/// How long a platform may take to greet.
const CONNECT_TIME: Duration = Duration::from_secs(10);

pub(super) async fn look(assistant: &Assistant) -> Result<Vec<Check>, CliError> {
    let gateways = GatewayStatus::living(assistant.home()).unwrap_or_default();
    let working = gateways.iter().find(|one| one.health.role == Role::Primary);
    let config = assistant.config();
    let enabled: Vec<&String> =
        config.channels.iter().filter(|(_, section)| section.enabled).map(|(name, _)| name).collect();
    let mut checks = vec![match working {
        Some(one) => Check::good("gateway", format!("works (process {})", one.pid)),
        None if enabled.is_empty() => Check::good("gateway", "does not run, and no channel is switched on"),
        None => Check::good("gateway", "does not run; `factotum gateway` starts it"),
    }];
    if let Some(health) = working.map(|one| &one.health) {
        let lost = health.channels.iter().filter(|(_, channel)| {
            !matches!(channel.state, agent_core::gateway::ChannelState::Connected { .. })
        });
        checks.extend(lost.map(|(kind, channel)| {
            let found = format!("{kind}, in the running gateway: {}", sentence(&channel.state));
            Check::bad("gateway", found, "mend what is named, then `factotum gateway reload`")
        }));
    }
    let servers = working.map(|one| one.providers.as_slice()).unwrap_or_default();
    checks.extend(servers.iter().filter(|server| server_state::troubled(server)).map(|server| {
        let found = format!("in the running gateway: {}", server_state::sentence(server));
        match server.breaker {
            BreakerState::Closed { .. } => Check::good("model", found),
            BreakerState::Open { .. } | BreakerState::HalfOpen => Check::bad(
                "model",
                found,
                format!("`factotum models test {}/MODEL` says which part is at fault", server.provider),
            ),
        }
    }));
    checks.extend(http(assistant, working));
    let asked = enabled.into_iter().filter(|kind| *kind != WEBSOCKET);
    checks.extend(join_all(asked.map(|kind| channel(assistant, kind))).await);
    let asking = assistant.pairing().requests().await?.len();
    checks.push(match asking {
        0 => Check::good("pairing", "nobody asks to be let in"),
        n => Check::good("pairing", format!("{n} ask to be let in: `factotum pairing list`")),
    });
    checks.push(silent(assistant).await?);
    Ok(checks)
}

async fn channel(assistant: &Assistant, kind: &str) -> Check {
    match connect(assistant, kind, CONNECT_TIME).await {
        Ok(account) => {
            Check::good("channel", format!("{kind}: logs in as {} ({})", account.name, account.id))
        }
        Err(trouble @ (Trouble::Config(_) | Trouble::Setup(_))) => {
            let mend = format!(
                "docs/channels/{kind}.md says where it comes from; the other channels run without it"
            );
            Check::bad("channel", trouble.to_string(), mend)
        }
        Err(trouble @ Trouble::Away(_)) => Check::bad(
            "channel",
            trouble.to_string(),
            "look at the network; the gateway tries again by itself",
        ),
    }
}

/// Whether the port is ours, or free to be taken.
fn http(assistant: &Assistant, working: Option<&GatewayStatus>) -> Option<Check> {
    let section = &assistant.config().http;
    if !section.enabled {
        return None;
    }
    if let Some(addr) = working.and_then(|one| one.http.as_ref()) {
        return Some(Check::good("http", format!("the gateway listens on {addr}")));
    }
    Some(match TcpListener::bind(section.bind.as_str()) {
        Ok(_) if working.is_some() => {
            Check::bad("http", "the gateway does not listen", "`factotum gateway logs` says why")
        }
        Ok(_) => Check::good("http", format!("{} is free", section.bind)),
        Err(error) => Check::bad(
            "http",
            format!("{}: {error}", section.bind),
            "end the program that has the port, or choose another with http.bind",
        ),
    })
}

/// Messages on which nobody works.
async fn silent(assistant: &Assistant) -> Result<Check, CliError> {
    let minutes = assistant.config().gateway.deadline_minutes;
    let before = SystemClock::new().now().0.saturating_sub(i64::from(minutes) * 60_000);
    let waiting = assistant.overdue(Timestamp(before), 1000).await?;
    Ok(match waiting.len() {
        0 => Check::good("silent turns", "none"),
        n => Check::bad(
            "silent turns",
            format!("{n} messages wait for more than {minutes} minutes"),
            "start `factotum gateway`: it works on them, or tells their senders",
        ),
    })
}
