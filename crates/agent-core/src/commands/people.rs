//! /link and /unlink: several accounts of one person.

use session_api::Scope;

use super::{CommandAnswer, CommandContext};
use crate::{
    AgentError,
    admission::{Linked, Links},
};

fn links(context: &CommandContext<'_>) -> Links {
    let ports = context.ports;
    Links::new(ports.stores.clone(), ports.clock.clone(), ports.ids.clone())
}

/// Gives a code, or joins this account to the one that was given it.
pub(super) async fn link(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    if rest.is_empty() {
        return offer(context).await;
    }
    Ok(match links(context).join(context.principal, context.session, rest).await? {
        Linked::Done(link, writes) => CommandAnswer {
            text: format!(
                "Joined: from the next message on this account speaks as {}. What was said to it alone is theirs. /unlink parts them.",
                link.into.id
            ),
            writes: *writes,
        },
        Linked::Refused(why, writes) => CommandAnswer { text: why.into(), writes: *writes },
    })
}

async fn offer(context: &CommandContext<'_>) -> Result<CommandAnswer, AgentError> {
    let here = Scope::Session(context.session.clone());
    let info = context.ports.stores.sessions.session(&here, context.session).await?;
    if !info.is_some_and(|info| !info.shared && info.principal == context.principal.id) {
        return Ok("Others read along here. Write /link to me alone.".to_owned().into());
    }
    let (code, writes) = links(context).offer(context.principal)?;
    let text = format!(
        "Write `/link {code}` in your other account within 10 minutes. Whoever writes it speaks as you from then on, with all that you may do and see: give it to nobody."
    );
    Ok(CommandAnswer { text, writes })
}

/// Parts an account that was joined.
pub(super) async fn unlink(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let links = links(context);
    let from = (!rest.is_empty()).then_some(rest);
    if let Some((link, writes)) = links.part(&context.principal.id, context.session, from).await? {
        let text = format!(
            "{} is a person of their own again. What was said until now stays with {}.",
            link.from, link.into.id
        );
        return Ok(CommandAnswer { text, writes });
    }
    let joined: Vec<String> =
        links.of(&context.principal.id).await?.into_iter().map(|link| link.from.0).collect();
    Ok(match joined.as_slice() {
        [] => "No other account is joined to yours; /link joins one.".to_owned(),
        several => format!("Write /unlink and one of: {}.", several.join(", ")),
    }
    .into())
}
