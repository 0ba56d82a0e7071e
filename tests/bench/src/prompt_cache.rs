//! How much of its requests a vendor can have cached from the request before, over a long conversation with tools.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use servers::{ModelServer, Request, Script};

use crate::Setting;
use crate::embedded::{Durability, assistant, home, runtime, say, session};
use crate::figure::{Figure, Goal};

const KINDS: [&str; 3] = ["openai", "anthropic", "openai-responses"];

/// `COUNT` is the number of turns.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    KINDS.into_iter().map(|kind| measure(setting, kind)).collect()
}

fn measure(setting: &Setting, kind: &str) -> Result<Figure> {
    let arguments = json!({ "expression": "17.5 / 100 * 1234.56" });
    let script = Script::tool_then_text("calculate_expression", arguments, servers::quick::TEXT);
    let server = ModelServer::start(script);
    let home = home(&setting.dir, &server.base_url(), Durability::Process)?;
    let path = home.path().join("config.toml");
    let config = fs::read_to_string(&path)?
        .replace("kind = \"openai\"", &format!("kind = \"{kind}\"\napi_key = \"bench\""));
    fs::write(&path, config)?;
    runtime()?.block_on(async {
        let assistant = assistant(home.path()).await?;
        for turn in 0..setting.count {
            let text = format!("Please work number {turn} out for me, and tell me what comes of it.");
            say(&assistant, &session("cached"), &text).await?;
        }
        assistant.shutdown().await?;
        anyhow::Ok(())
    })?;
    let requests: Vec<Vec<String>> =
        server.requests().iter().filter(|request| of_a_turn(request)).map(pieces).collect::<Result<_>>()?;
    let (mut all, mut same, mut most) = (0, 0, 0);
    for pair in requests.windows(2) {
        let bytes = |pieces: &[String]| pieces.iter().map(String::len).sum::<usize>();
        let (before, after) = (&pair[0], &pair[1]);
        let kept = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        all += bytes(after);
        same += bytes(&after[..kept]);
        most += bytes(before).min(bytes(after));
    }
    #[expect(clippy::cast_precision_loss, reason = "some millions of bytes")]
    let share = |part: usize| part as f64 * 100.0 / all.max(1) as f64;
    let what = format!(
        "of {} requests in {} turns, `{kind}`, stood in the one before",
        requests.len(),
        setting.count
    );
    let note = format!("{all} bytes in all; the rest is new");
    let figure = Figure::new(what, "%", share(same)).beside("if nothing ever changed", share(most));
    Ok(figure.goal(Goal::AtLeast(share(most) * 0.99)).note(note))
}

/// Whether it is no summariser's: those are asked about other things, which have a cache of their own.
fn of_a_turn(request: &Request) -> bool {
    request.body["tools"].is_array()
}

/// A request in the order in which vendors read it: tools, what stands before the conversation, and its messages.
fn pieces(request: &Request) -> Result<Vec<String>> {
    let mut body = request.body.clone();
    without_marks(&mut body);
    let mut pieces: Vec<String> =
        ["tools", "system", "instructions"].iter().map(|key| body[*key].to_string()).collect();
    let messages = body["messages"].as_array().or(body["input"].as_array()).context("no conversation")?;
    pieces.extend(messages.iter().map(Value::to_string));
    Ok(pieces)
}

/// Where a cache may end moves on with each request, and is no part of what is cached.
fn without_marks(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("cache_control");
            object.values_mut().for_each(without_marks);
        }
        Value::Array(items) => items.iter_mut().for_each(without_marks),
        _ => {}
    }
}
