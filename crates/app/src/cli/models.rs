//! `factotum models`.

use providers::{Outcome, Part, Registry, Target, Tested, layers::FIRST};

use super::{args::Models, error::CliError, out, start::Start};
use crate::exit;

pub(super) async fn run(start: &Start, command: Models) -> Result<u8, CliError> {
    // Whoever asks what is wrong with one model is not to be stopped by another one.
    let (registry, default) = start.known_models().await?;
    match command {
        Models::List { json } => list(&registry, json),
        Models::Resolve { name, json } => resolve(&registry, &name, json),
        Models::Test { name, json } => test(&registry, &name.unwrap_or(default), json).await,
    }
}

fn list(registry: &Registry, json: bool) -> Result<u8, CliError> {
    let known = registry.known();
    if json {
        for target in &known {
            out::json(target)?;
        }
        return Ok(exit::OK);
    }
    if known.is_empty() {
        return Ok(out::line(
            "No provider is configured and no key is in the environment; `factotum models resolve NAME` says what a model needs.",
        ));
    }
    let name = |target: &Target| format!("{}/{}", target.provider, target.model);
    let width = known.iter().map(|target| name(target).len()).max().unwrap_or_default();
    for target in &known {
        let facts = facts(target);
        out::line(format!("{:<width$}  {facts}", name(target)).trim_end());
    }
    if known.iter().any(|target| target.model == FIRST) {
        out::line(&format!(
            "`{FIRST}` is the first model that the server lists; others go by their own names."
        ));
    }
    Ok(exit::OK)
}

/// What is known of a model, in a few words.
fn facts(target: &Target) -> String {
    let mut facts = Vec::new();
    if let Some(context) = target.context {
        facts.push(format!("{context} tokens"));
    }
    match target.images {
        Some(true) => facts.push("takes images".into()),
        Some(false) => facts.push("text only".into()),
        None => {}
    }
    match target.price {
        Some(price) if price.input == 0 && price.output == 0 => facts.push("free".into()),
        Some(price) => facts.push(format!(
            "${} in, ${} out for a million tokens",
            exact(price.input),
            exact(price.output)
        )),
        None => facts.push("price unknown".into()),
    }
    facts.join(", ")
}

/// Dollars to the last digit: prices of a token are small.
fn exact(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}

fn resolve(registry: &Registry, name: &str, json: bool) -> Result<u8, CliError> {
    let ready = if registry.is_preset(name) { registry.preset(name) } else { registry.model(name) };
    let ready = ready.map_err(|error| CliError::NotFound(error.to_string()))?;
    if json {
        out::json(&serde_json::json!({ "name": name, "chain": ready.chain }))?;
        return Ok(exit::OK);
    }
    for (index, target) in ready.chain.iter().enumerate() {
        let at = if target.server.is_empty() { String::new() } else { format!(" at {}", target.server) };
        let place = if index == 0 { "" } else { "then " };
        out::line(&format!(
            "{place}{}/{}: {}{at}; {}",
            target.provider,
            target.model,
            target.kind,
            facts(target)
        ));
    }
    Ok(exit::OK)
}

async fn test(registry: &Registry, name: &str, json: bool) -> Result<u8, CliError> {
    let Tested { target, millis, outcome } = registry.test(name).await;
    let works = matches!(outcome, Outcome::Works { .. });
    let code = if works { exit::OK } else { exit::MODEL };
    if json {
        out::json(&Tested { target, millis, outcome })?;
        return Ok(code);
    }
    let full =
        target.map_or_else(|| name.to_owned(), |target| format!("{}/{}", target.provider, target.model));
    let line = match outcome {
        Outcome::Works { answer, model, usage, cost_micros } => {
            let by = model.map(|model| format!(" by {model}")).unwrap_or_default();
            let used = usage
                .map(|usage| format!(", {} tokens in, {} out", usage.input_tokens, usage.output_tokens))
                .unwrap_or_default();
            let cost = cost_micros.map(|micros| format!(", ${}", exact(micros))).unwrap_or_default();
            format!("{full} works: answered{by} in {millis} ms{used}{cost}: {answer}")
        }
        Outcome::Fails { part, message } => format!("{full} does not work; {}: {message}", words(part)),
    };
    out::line(&out::plain(&line));
    Ok(code)
}

fn words(part: Part) -> &'static str {
    match part {
        Part::Name => "the name is at fault",
        Part::Key => "the key is at fault",
        Part::BaseUrl => "the base URL is at fault",
        Part::Quota => "the account's quota is at fault",
        Part::Network => "the server cannot be reached",
        Part::Server => "the server is at fault",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_without_needless_zeros() {
        assert_eq!([150_000, 3_000_000, 0, 1_250_000].map(exact), ["0.15", "3", "0", "1.25"]);
    }
}
