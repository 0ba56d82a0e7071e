//! /memory rules.

use session_api::{KvWrite, PrincipalId, Rank, Writes};

use super::{CommandAnswer, CommandContext};
use crate::{AgentError, LearntRule, RuleBook, RuleScope};

const USAGE: &str = "Write `/memory rules`, `/memory rules remove ID` or `/memory rules edit ID NEW TEXT`.";

/// The rules of whoever asks, or a change to one of them.
pub(super) async fn rules(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let (book, person) = (RuleBook::new(context.ports.stores.kv.clone()), &context.principal.id);
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if word.is_empty() {
        return Ok(list(&book.rules(person, None).await?).into());
    }
    if !matches!(word, "remove" | "edit") || rest.trim().is_empty() {
        return Ok(USAGE.to_owned().into());
    }
    let (id, text) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let rule = match book.find(person, id).await? {
        Ok(rule) => rule,
        Err(why) => return Ok(format!("{why}; `/memory rules` lists them.").into()),
    };
    if rule.scope == RuleScope::All && context.principal.rank != Rank::Owner {
        return Ok("Only the owner changes rules that hold for everybody.".to_owned().into());
    }
    Ok(match word {
        "remove" => answer(format!("“{}” is removed.", rule.text), RuleBook::removal(&rule, person)),
        _ => edit(context, &rule, text, person),
    })
}

fn edit(context: &CommandContext<'_>, rule: &LearntRule, text: &str, person: &PrincipalId) -> CommandAnswer {
    match RuleBook::wording(rule, text, context.ports.clock.now(), person) {
        Ok(write) => answer(format!("“{}” says now: “{}”.", rule.text, text.trim()), write),
        Err(why) => format!("Nothing was changed: {why}.").into(),
    }
}

fn answer(text: String, write: KvWrite) -> CommandAnswer {
    CommandAnswer { text, writes: Writes { kv: vec![write], ..Writes::default() } }
}

fn list(rules: &[LearntRule]) -> String {
    if rules.is_empty() {
        return "There are no standing rules. Say how you want to be answered “from now on”, and there is one.".into();
    }
    let lines = rules.iter().map(|rule| {
        let at = jiff::Timestamp::from_millisecond(rule.at.0).unwrap_or_default();
        let from = match (&rule.session, &rule.message) {
            (Some(session), Some(message)) => format!("said in {session}, message {message}"),
            _ => "written by hand".to_owned(),
        };
        format!("`{}` {} ({}, {}; {from})", rule.id, rule.text, rule.scope_words(), at.strftime("%Y-%m-%d"))
    });
    lines.collect::<Vec<_>>().join("\n")
}
