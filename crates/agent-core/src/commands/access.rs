//! /lock, /unlock, /pairing: who may use the assistant at all.

use session_api::{LOCK_KEY, Locked, PrincipalId, Rank, Writes};

use super::{CommandAnswer, CommandContext};
use crate::{AgentError, Pairing, PairingError};

/// What everybody reads while the assistant is locked.
pub(crate) const LOCKED: &str = "I am locked. The owner can write /unlock.";

/// The answer to a lock, which the mailbox carried out as it came in.
pub(crate) fn locked(by_owner: bool) -> String {
    if by_owner {
        "Locked: everything that ran was stopped, and I answer nobody until you write /unlock.".into()
    } else {
        "Only the owner may lock me.".into()
    }
}

/// Whether the assistant is locked.
pub(crate) async fn is_locked(ports: &crate::Ports) -> Result<bool, AgentError> {
    Ok(ports.stores.kv.kv_get(&PrincipalId::installation(), LOCK_KEY).await?.is_some())
}

pub(super) fn unlock(context: &CommandContext<'_>) -> CommandAnswer {
    if context.principal.rank != Rank::Owner {
        return "Only the owner may unlock me.".to_owned().into();
    }
    CommandAnswer {
        text: "Unlocked.".into(),
        writes: Writes { kv: vec![Locked::unset()], ..Writes::default() },
    }
}

pub(super) async fn pairing(context: &CommandContext<'_>, rest: &str) -> Result<String, AgentError> {
    if context.principal.rank != Rank::Owner {
        return Ok("Only the owner decides who is let in.".into());
    }
    let ports = context.ports;
    let pairing = Pairing::new(ports.stores.clone(), ports.clock.clone(), ports.ids.clone());
    let words: Vec<&str> = rest.split_whitespace().collect();
    let done = match words.as_slice() {
        [] | ["list"] => return list(&pairing).await,
        ["approve", code] => approve(&pairing, code, Rank::Member).await,
        ["approve", code, "owner"] => approve(&pairing, code, Rank::Owner).await,
        ["approve", code, "member"] => approve(&pairing, code, Rank::Member).await,
        ["approve", code, "guest"] => approve(&pairing, code, Rank::Guest).await,
        ["deny", code] => pairing
            .deny(code)
            .await
            .map(|request| format!("Refused: {} on {}.", request.sender, request.session.channel)),
        ["revoke", who] => match who.split_once(':') {
            Some((channel, sender)) => {
                pairing.revoke(channel, sender).await.map(|_| format!("{who} is a stranger again."))
            }
            None => return Ok("Write /pairing revoke CHANNEL:ID, as /pairing shows it.".into()),
        },
        _ => {
            return Ok("Write /pairing, /pairing approve CODE [member|guest|owner], /pairing deny CODE, or /pairing revoke CHANNEL:ID.".into());
        }
    };
    match done {
        Ok(text) => Ok(text),
        Err(PairingError::Store(error)) => Err(error.into()),
        Err(error) => Ok(format!("That did not work: {error}.")),
    }
}

async fn approve(pairing: &Pairing, code: &str, rank: Rank) -> Result<String, PairingError> {
    let paired = pairing.approve(code, rank).await?;
    Ok(format!("{} on {} is let in as {}.", paired.sender, paired.channel, paired.rank_name()))
}

async fn list(pairing: &Pairing) -> Result<String, AgentError> {
    let name = |name: &Option<String>| name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut lines = Vec::new();
    for request in pairing.requests().await? {
        let who = name(&request.name);
        lines.push(format!(
            "{}: {}:{}{who} asks to be let in",
            request.code, request.session.channel, request.sender
        ));
    }
    for paired in pairing.paired().await? {
        lines.push(format!(
            "{}:{}{}: {}",
            paired.channel,
            paired.sender,
            name(&paired.name),
            paired.rank_name()
        ));
    }
    if lines.is_empty() {
        lines.push("Nobody asks to be let in, and nobody was let in by a code.".into());
    }
    Ok(lines.join("\n"))
}
