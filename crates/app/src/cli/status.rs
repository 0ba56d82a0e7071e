//! `factotum status`.

use super::{error::CliError, out, start::Start};
use crate::exit;

pub(super) async fn run(start: &Start, json: bool) -> Result<u8, CliError> {
    let loaded = start.load()?;
    let config_file = loaded.exists.then(|| loaded.path.clone());
    let running = start.assistant().await?;
    let assistant = &running.assistant;
    let facts = async {
        let core = assistant.core();
        let model = core.models.default_model();
        let info = model.provider.info();
        let sessions = assistant.sessions().list(100_000).await?;
        let waiting: u64 = sessions.iter().map(|info| info.pending).sum();
        let unfinished = sessions.iter().filter(|info| info.open_turn.is_some()).count();
        let questions = assistant.approvals().open().await?.len();
        let dead = assistant.dead_letters(100_000).await?.len();
        let tools: Vec<String> = core.tools.names().map(str::to_owned).collect();
        Ok::<_, CliError>(serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model.name(),
            "provider": info.name,
            "provider_kind": info.kind,
            "why": assistant.model_reason(),
            "config": config_file.as_ref().map(|path| path.display().to_string()),
            "home": assistant.home().display().to_string(),
            "workspace": assistant.workspace().display().to_string(),
            "sessions": sessions.len(),
            "waiting_messages": waiting,
            "unfinished_turns": unfinished,
            "open_questions": questions,
            "dead_letters": dead,
            "tools": tools,
        }))
    };
    let facts = facts.await;
    let facts = running.end(facts).await?;
    if json {
        out::json(&facts)?;
        return Ok(exit::OK);
    }
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
    Ok(out::line(&format!(
        "Sessions:   {}, {} messages wait, {} turns unfinished, {} questions open, {} dead letters",
        number("sessions"),
        number("waiting_messages"),
        number("unfinished_turns"),
        number("open_questions"),
        number("dead_letters")
    )))
}
