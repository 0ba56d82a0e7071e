//! /context, /undo-compact, /pin, /pins, /unpin.

use session_api::{KvWrite, PrincipalId, Rank, Scope, SessionWrite, WindowBudget, Writes};

use super::{CommandAnswer, CommandContext};
use crate::{
    AgentError, compaction,
    context::{MOST_PINS, Pin, pins},
};

/// Most characters of a pin.
const LONGEST_PIN: usize = 1_000;

pub(super) async fn context(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let report =
        crate::facade::report(context.ports, context.core, context.principal, context.session).await?;
    Ok(report.to_string())
}

pub(super) async fn undo(context: &CommandContext<'_>) -> Result<CommandAnswer, AgentError> {
    let scope = Scope::Session(context.session.clone());
    let budget = WindowBudget { messages: 1, bytes: 0 };
    let window = context.ports.stores.sessions.window(&scope, context.session, budget).await?;
    let Some(checkpoint) = window.checkpoint.filter(|checkpoint| !checkpoint.summary.is_empty()) else {
        return Ok("There is no summary here that could be taken back.".to_owned().into());
    };
    let text = format!(
        "The summary of messages up to #{} is taken back: they are read word for word again, as far as there is room. For a day no \
         summary is made here unasked; `/compact` makes one.",
        checkpoint.upto
    );
    let session = Some(SessionWrite { undo: Some(checkpoint.id), ..SessionWrite::default() });
    let kv = vec![compaction::held(context.session, context.ports.clock.now())];
    Ok(CommandAnswer { text, writes: Writes { session, kv, ..Writes::default() } })
}

pub(super) async fn show_pins(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let pins = pins(context.ports.stores.kv.as_ref(), context.session).await?;
    if pins.is_empty() {
        return Ok("Nothing is pinned here. `/pin TEXT` keeps something in mind for good.".into());
    }
    let lines: Vec<String> = pins.iter().map(|pin| format!("{}. {}", pin.number, pin.text)).collect();
    Ok(lines.join("\n"))
}

pub(super) async fn pin(context: &CommandContext<'_>, text: &str) -> Result<CommandAnswer, AgentError> {
    let refuse = |text: String| Ok(text.into());
    if context.principal.rank < Rank::Member {
        return refuse("Only the owner and members may pin something.".into());
    }
    if text.is_empty() {
        return refuse("Write `/pin TEXT` with what is to be kept in mind here.".into());
    }
    let length = text.chars().count();
    if length > LONGEST_PIN {
        return refuse(format!("A pin has at most {LONGEST_PIN} characters; this has {length}."));
    }
    let pins = pins(context.ports.stores.kv.as_ref(), context.session).await?;
    if pins.len() >= MOST_PINS {
        return refuse(format!("There are {MOST_PINS} pins already; `/unpin N` takes one away."));
    }
    let number = pins.last().map_or(1, |last| last.number.saturating_add(1));
    let set = KvWrite::Set {
        owner: PrincipalId::of_session_state(context.session),
        key: Pin::key(number),
        value: context.ports.redact.redact(text).into_owned(),
        expires_at: None,
    };
    let text = format!("Pinned as number {number}. It stays in mind here whatever is summarised.");
    Ok(CommandAnswer { text, writes: Writes { kv: vec![set], ..Writes::default() } })
}

pub(super) async fn unpin(context: &CommandContext<'_>, number: &str) -> Result<CommandAnswer, AgentError> {
    if context.principal.rank < Rank::Member {
        return Ok("Only the owner and members may take a pin away.".to_owned().into());
    }
    let pins = pins(context.ports.stores.kv.as_ref(), context.session).await?;
    let wanted = number.trim_end_matches('.').parse::<u32>().ok();
    let Some(pin) = pins.iter().find(|pin| Some(pin.number) == wanted) else {
        return Ok("Write `/unpin N` with a number from `/pins`.".to_owned().into());
    };
    let delete =
        KvWrite::Delete { owner: PrincipalId::of_session_state(context.session), key: Pin::key(pin.number) };
    let text = format!("No longer pinned: {}", pin.text);
    Ok(CommandAnswer { text, writes: Writes { kv: vec![delete], ..Writes::default() } })
}
