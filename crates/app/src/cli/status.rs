//! `factotum status`.

use agent_core::gateway::Role;
use serde_json::{Value, json};

use super::{channels::state_name, error::CliError, gateway::sentence, out, server_state, start::Start};
use crate::{Assistant, exit, gateway::GatewayStatus};

pub(super) async fn run(start: &Start, as_json: bool) -> Result<u8, CliError> {
    let loaded = start.load()?;
    let config_file = loaded.exists.then(|| loaded.path.clone());
    let gateways = GatewayStatus::living(&start.home)?;
    let running = start.assistant().await?;
    let facts = facts(&running.assistant, &gateways).await;
    let mut facts = running.end(facts).await?;
    facts["config"] = json!(config_file.as_ref().map(|path| path.display().to_string()));
    if as_json {
        out::json(&facts)?;
        return Ok(exit::OK);
    }
    show(&facts, &gateways);
    Ok(exit::OK)
}

async fn facts(assistant: &Assistant, gateways: &[GatewayStatus]) -> Result<Value, CliError> {
    let core = assistant.core();
    let model = core.models.default_model();
    let info = model.provider.info();
    let sessions = assistant.sessions().list(100_000).await?;
    let waiting: u64 = sessions.iter().map(|info| info.pending).sum();
    let unfinished = sessions.iter().filter(|info| info.open_turn.is_some()).count();
    let questions = assistant.approvals().open().await?.len();
    let backlog = assistant.backlog().await?;
    let undelivered = assistant.undelivered(100_000).await?.len();
    let asking = assistant.pairing().requests().await?.len();
    let summaries = assistant.compaction_trouble().await?;
    let tools: Vec<String> = core.tools.names().map(str::to_owned).collect();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": model.name(),
        "provider": info.name,
        "provider_kind": info.kind,
        "why": assistant.model_reason(),
        "home": assistant.home().display().to_string(),
        "workspace": assistant.workspace().display().to_string(),
        "sessions": sessions.len(),
        "waiting_messages": waiting,
        "unfinished_turns": unfinished,
        "open_questions": questions,
        "dead_letters": backlog.dead,
        "unsent_messages": backlog.unsent,
        "undelivered_messages": undelivered,
        "pairing_requests": asking,
        "oldest_waiting_at": backlog.oldest_pending,
        "oldest_unsent_at": backlog.oldest_unsent,
        "summaries": summaries,
        "tools": tools,
        "gateways": gateways,
    }))
}

fn show(facts: &Value, gateways: &[GatewayStatus]) {
    let text = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| facts[key].to_string();
    let tools: Vec<&str> =
        facts["tools"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    let config = match facts["config"].as_str() {
        Some(path) => path.to_owned(),
        None => "none; the defaults count (`factotum onboard` writes one)".to_owned(),
    };
    out::line(&format!("Factotum {}", text("version")));
    out::line(&format!("Model:      {} ({})", text("model"), text("provider_kind")));
    out::line(&format!("Why:        {}", text("why")));
    out::line(&format!("Config:     {config}"));
    out::line(&format!("Data:       {}", text("home")));
    out::line(&format!("Workspace:  {}", text("workspace")));
    out::line(&format!("Tools:      {}", tools.join(", ")));
    out::line(&format!("Gateway:    {}", gateway(gateways)));
    for one in gateways.iter().filter(|one| one.health.role == Role::Primary) {
        for (kind, channel) in
            one.health.channels.iter().filter(|(_, one)| state_name(&one.state) != "connected")
        {
            out::line(&format!("            {kind}: {}", sentence(&channel.state)));
        }
        for server in one.providers.iter().filter(|server| server_state::troubled(server)) {
            out::line(&out::plain(&format!("            model {}", server_state::sentence(server))));
        }
    }
    out::line(&format!(
        "Sessions:   {}, {} messages wait, {} turns unfinished, {} questions open, {} dead letters",
        number("sessions"),
        number("waiting_messages"),
        number("unfinished_turns"),
        number("open_questions"),
        number("dead_letters")
    ));
    if let Some(error) = facts["summaries"]["error"].as_str() {
        out::line(&out::plain(&format!(
            "Summaries:  failed {} times in a row, tried again later: {error}",
            facts["summaries"]["failures"]
        )));
    }
    let counts =
        ["unsent_messages", "undelivered_messages", "pairing_requests"].map(|key| facts[key].as_u64());
    if counts.iter().any(|count| *count != Some(0)) {
        out::line(&format!(
            "Outgoing:   {} to be sent, {} not delivered (`factotum dead-letters list`), {} ask to be let in (`factotum pairing list`)",
            number("unsent_messages"),
            number("undelivered_messages"),
            number("pairing_requests")
        ));
    }
}

/// The gateways in one line.
fn gateway(gateways: &[GatewayStatus]) -> String {
    let Some(working) = gateways.iter().find(|one| one.health.role == Role::Primary) else {
        return match gateways.len() {
            0 => "does not run".into(),
            _ => "stands by".into(),
        };
    };
    let connected: Vec<&str> = working
        .health
        .channels
        .iter()
        .filter(|(_, channel)| state_name(&channel.state) == "connected")
        .map(|(kind, _)| kind.as_str())
        .collect();
    let mut text = format!("works (process {})", working.pid);
    if !connected.is_empty() {
        text.push_str(&format!(", connected to {}", connected.join(", ")));
    }
    if let Some(http) = &working.http {
        text.push_str(&format!(", http://{http}"));
    }
    match gateways.len() - 1 {
        0 => text,
        n => format!("{text}; {n} more stand by"),
    }
}
