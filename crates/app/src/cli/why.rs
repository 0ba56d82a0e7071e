//! `factotum why`: what became of a message, and which rules decided.

mod story;

use agent_core::{Refusal, RefusedCall, RuleVerdict};
use session_api::{InboundId, TurnId};

use super::{error::CliError, out, start::Start};
use crate::{Assistant, channel_kinds, config::ChannelSection, exit};
use story::Story;

pub(super) async fn run(start: &Start, id: &str, json: bool) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = explain(&running.assistant, id.trim(), json).await;
    running.end(result).await
}

async fn explain(assistant: &Assistant, id: &str, json: bool) -> Result<u8, CliError> {
    if id.is_empty() {
        return Err(CliError::Input("name a message, a turn or a tool call".into()));
    }
    let mut found = false;
    if let Ok(message) = id.parse::<InboundId>() {
        if let Some(view) = assistant.standing(message).await? {
            Story::of(assistant, view).await?.show(json)?;
            return Ok(exit::OK);
        }
        if let Ok(turn) = id.parse::<TurnId>()
            && let Some(report) = assistant.turn_report(turn).await?
        {
            let session = report.session.parse().ok();
            let mut calls = assistant.refused_calls(session.as_ref()).await?;
            calls.retain(|call| call.turn == Some(turn));
            if calls.is_empty() && !json {
                out::line(&format!(
                    "No tool call of the turn {turn} was refused; `factotum turn show {turn}` tells all."
                ));
            }
            show_calls(&calls, json)?;
            return Ok(exit::OK);
        }
    }
    for view in assistant.accepted_as(id).await? {
        found = true;
        Story::of(assistant, view).await?.show(json)?;
    }
    for refusal in assistant.refusals(id).await? {
        found = true;
        let today = today(assistant, &refusal.channel, &refusal.sender).await?;
        show_refusal(&refusal, &today, json)?;
    }
    if !found {
        let mut calls = assistant.refused_calls(None).await?;
        calls.retain(|call| call.call.0 == id);
        found = !calls.is_empty();
        show_calls(&calls, json)?;
    }
    if found {
        return Ok(exit::OK);
    }
    Err(CliError::NotFound(format!(
        "nothing is known of `{id}`: it never came in, it is older than what is kept, or it was talk in a group that was \
         not meant for the assistant, which leaves no trace"
    )))
}

/// The rules of a configured channel about this sender, as they are now; none where the channel is not configured.
async fn today(assistant: &Assistant, channel: &str, sender: &str) -> Result<Vec<RuleVerdict>, CliError> {
    let Some(section) = section(assistant, channel) else { return Ok(Vec::new()) };
    let pairs = channel_kinds::find(channel).is_some_and(|kind| kind.pairing);
    Ok(assistant.judge_sender(channel, section.rules(pairs), sender).await?)
}

fn section<'a>(assistant: &'a Assistant, channel: &str) -> Option<&'a ChannelSection> {
    assistant.config().channels.get(channel).filter(|section| section.enabled)
}

fn verdict(rule: &RuleVerdict) -> String {
    let said = if rule.passed { "passed" } else { "refused" };
    format!("  {said}: {} ({}): {}", rule.rule, rule.set_in, rule.detail)
}

fn show_refusal(refusal: &Refusal, today: &[RuleVerdict], json: bool) -> Result<(), CliError> {
    if json {
        let object = serde_json::json!({ "verdict": "refused", "refusal": refusal, "today": today });
        return Ok(out::json(&object)?);
    }
    let told = if refusal.told { "was told a pairing code" } else { "was told nothing" };
    let mut lines = vec![
        format!("Refused: {}", refusal.subject),
        format!("At:      {}", out::time(refusal.at)),
        format!("Sender:  {} on {}, who {told}", refusal.sender, refusal.channel),
        "Rules, in order; the last one decided:".to_owned(),
    ];
    lines.extend(refusal.rules.iter().map(verdict));
    lines.extend(today.last().map(|rule| format!("A direct message of theirs today:\n{}", verdict(rule))));
    out::line(&out::plain(&lines.join("\n")));
    Ok(())
}

fn show_calls(calls: &[RefusedCall], json: bool) -> Result<(), CliError> {
    for call in calls {
        if json {
            out::json(&serde_json::json!({ "verdict": "refused", "call": call }))?;
            continue;
        }
        let turn = call.turn.map_or("-".to_owned(), |turn| turn.to_string());
        out::line(&out::plain(&format!(
            "Refused: {} {}\nCall:    {} of turn {turn}, at {}\nFor:     {}\nBecause: {}",
            call.tool,
            out::short(&call.arguments, 200),
            call.call,
            out::time(call.at),
            call.principal,
            call.why
        )));
    }
    Ok(())
}
