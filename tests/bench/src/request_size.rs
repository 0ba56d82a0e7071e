//! How large the first request to a model is.

use anyhow::{Context as _, Result};
use servers::{ModelServer, Reply, Script};

use crate::Setting;
use crate::embedded::{Durability, assistant, home, runtime, say, session};
use crate::figure::{Figure, Goal};

pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(Script::in_order([Reply::text(servers::quick::TEXT)]));
    let home = home(&setting.dir, &server.base_url(), Durability::Process)?;
    runtime()?.block_on(async {
        let assistant = assistant(home.path()).await?;
        say(&assistant, &session("first"), "Hello there, how are you today?").await?;
        assistant.shutdown().await?;
        anyhow::Ok(())
    })?;
    let requests = server.requests();
    let first = requests.iter().find(|request| request.method == "POST").context("no request was made")?;
    let tools = first.body["tools"].to_string().len();
    let what = format!("the first request with all {} tools, in bytes", first.tools().len());
    let note = format!("{tools} bytes of it are the tools, {} the system prompt", {
        first.messages().first().map_or(0, |system| system.to_string().len())
    });
    let size = Figure::new(what, "B", first.raw.len() as f64).beside("the tools alone", tools as f64);
    Ok(vec![size.goal(Goal::AtMost(16_000.0)).note(note)])
}
