//! Building what a model gets to read, for a short session and a long one.

use agent_core::{Company, Gauge, PromptRequest, assemble, fit_history, fold_history};
use anyhow::{Context as _, Result};
use factotum::{Assistant, SessionKey};
use session_api::{Principal, Scope, SessionStore, WindowBudget};

use crate::Setting;
use crate::allocated::allocated;
use crate::embedded::{Durability, assistant, home, runtime, session};
use crate::figure::{Figure, Goal, Samples};
use crate::machine::Stopwatch;
use crate::window::fill;

/// As many as the long one has in its window.
const SHORT: usize = 100;
const ROUNDS: usize = 550;
/// The first ones fill caches.
const WARM: usize = 50;

/// `COUNT` is the length of the long history.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let home = home(&setting.dir, "http://127.0.0.1:9", Durability::Process)?;
    std::fs::create_dir_all(home.path().join("workspace"))?;
    std::fs::write(home.path().join("workspace/AGENTS.md"), "Be brief. ".repeat(200))?;
    runtime()?.block_on(async {
        let assistant = assistant(home.path()).await?;
        let keys = [(SHORT, session("short")), (200, session("middle")), (setting.count, session("long"))];
        for (count, key) in &keys {
            fill(store(&assistant)?, key, *count).await?;
        }
        let mut millis = [Samples::default(), Samples::default(), Samples::default()];
        let mut bytes = [0; 3];
        for round in 0..ROUNDS {
            for (at, (_, key)) in keys.iter().enumerate() {
                let (watch, before) = (Stopwatch::start(), allocated());
                build(&assistant, key).await?;
                if round >= WARM {
                    bytes[at] += allocated() - before;
                    millis[at].add(watch.elapsed());
                }
            }
        }
        assistant.shutdown().await?;
        #[expect(clippy::cast_precision_loss, reason = "some gigabytes at most")]
        let mib = |bytes: u64| bytes as f64 / (ROUNDS - WARM) as f64 / f64::from(1 << 20);
        let what = |what| format!("{what} the context of a session with {} messages", setting.count);
        let beside = |unit: &str| format!("with {SHORT} messages; with 200: {unit}");
        let (short, middle, long) = (millis[0].median(), millis[1].median(), millis[2].median());
        Ok(vec![
            Figure::millis(what("building"), &millis[2])
                .beside(beside(&format!("{middle:.2} ms")), short)
                .goal(Goal::AtMost(3.0))
                .note(format!(
                    "prompt, window, fit and fold; {long:.2} against {middle:.2} ms for a full window"
                )),
            Figure::new(what("allocated for"), "MiB", mib(bytes[2]))
                .beside(beside(&format!("{:.2} MiB", mib(bytes[1]))), mib(bytes[0]))
                .goal(Goal::AtMost(2.0)),
        ])
    })
}

fn store(assistant: &Assistant) -> Result<&dyn SessionStore> {
    let store = assistant.database().context("no database")?;
    Ok(store)
}

/// What a turn does before it asks its model.
async fn build(assistant: &Assistant, key: &SessionKey) -> Result<()> {
    let core = assistant.core();
    let (budget, gauge) = (core.budget, Gauge::default());
    let owner = Principal::owner();
    let request = PromptRequest {
        principal: &owner,
        company: Company::NOBODY,
        session: key,
        file_bytes: budget.file_bytes,
    };
    let sections = core.prompts.sections(request).await;
    let specs = core.tools.shared_specs();
    let tools = specs.iter().map(|spec| gauge.tool(spec)).sum();
    let prompt = assemble(&sections, &budget, 128_000, tools, gauge);
    let scope = Scope::Session(key.clone());
    let window = WindowBudget { messages: budget.history_messages, bytes: budget.history_bytes };
    let window = store(assistant)?.window(&scope, key, window).await?;
    let fit = fit_history(&window, prompt.allocation.history, budget.history_messages, gauge);
    let messages = fold_history(&window, fit.start);
    anyhow::ensure!(messages.len() >= SHORT / 2, "{} messages are in", messages.len());
    Ok(())
}
