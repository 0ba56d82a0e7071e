//! Embeds the whole assistant in another program: in-memory stores, the offline provider, one tool of its own.
//!
//! `cargo run -p factotum --example embed_facade`

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::{error::Error, sync::Arc};

use factotum::{
    Builder, Environment, RunEventKind, RunRequest, SessionKey, SystemClock, SystemIds, config::Config,
};
use session_api::{InMemoryStore, LeasePolicy, Stores};
use tool_api::{Effect, ScriptedTool, Tool, ToolOutput};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let store = InMemoryStore::new(Arc::new(SystemClock::new()), Arc::new(SystemIds), LeasePolicy::default());
    let doorbell: Arc<dyn Tool> =
        Arc::new(ScriptedTool::new("doorbell", Effect::Pure, vec![Ok(ToolOutput::text("ding dong"))]));

    let mut config = Config::default();
    config.agent.model = Some("offline".into());
    let assistant = Builder::new(config, home.path().to_owned(), Environment::default())
        .stores(Stores::of(Arc::new(store)))
        .tools(Arc::new(vec![doorbell]))
        .build()
        .await?
        .start();

    let session = SessionKey::new("library", "local", "example");
    let mut stream = assistant.run_streamed(RunRequest::new(session.clone(), "calculate 6 * 7")).await?;
    while let Some(event) = stream.next().await {
        match event.kind {
            RunEventKind::ToolStarted { name, arguments, .. } => println!("calls {name} {arguments}"),
            RunEventKind::TextDelta { text, .. } => print!("{text}"),
            _ => {}
        }
    }
    let result = stream.wait().await?;
    println!("\nended as {} with {:?}", result.stop_reason, result.tools_used);

    // A tool can be called without any model.
    let result = assistant.run(RunRequest::new(session, "tool:doorbell {}")).await?;
    println!("{}", result.content);
    assistant.shutdown().await?;
    Ok(())
}
