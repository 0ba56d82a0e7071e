//! `factotum pairing`.

use agent_core::{Paired, PairingError, PairingRequest};
use session_api::{Rank, Timestamp};

use super::{
    args::{PairedAs, Pairing},
    error::CliError,
    out,
    start::Start,
};
use crate::{Assistant, exit, gateway::GatewayStatus};

pub(super) async fn run(start: &Start, command: Pairing) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(start, &running.assistant, command).await;
    running.end(result).await
}

impl From<PairingError> for CliError {
    fn from(error: PairingError) -> Self {
        match error {
            PairingError::NoSuchCode | PairingError::NotPaired(_) => Self::NotFound(error.to_string()),
            PairingError::TooManyTries => Self::Failed(error.to_string()),
            PairingError::Store(error) => error.into(),
        }
    }
}

async fn act(start: &Start, assistant: &Assistant, command: Pairing) -> Result<u8, CliError> {
    let pairing = assistant.pairing();
    match command {
        Pairing::List { json } => {
            let (asking, paired) = (pairing.requests().await?, pairing.paired().await?);
            list(&asking, &paired, json)
        }
        Pairing::Approve { code, rank } => {
            let paired = pairing.approve(&code, rank.into()).await?;
            out::line(&out::plain(&format!("{} is let in as {}.", who(&paired), paired.rank_name())));
            if paired.rank != Rank::Owner {
                let (channel, sender) = (&paired.channel, &paired.sender);
                out::line(&out::plain(&format!(
                    "If that is you: `factotum pairing revoke {channel}:{sender}`, write to it again, and approve with --as owner."
                )));
            }
            if GatewayStatus::living(&start.home)?.is_empty() {
                out::line("They are told when the gateway runs next: `factotum gateway`.");
            }
            Ok(exit::OK)
        }
        Pairing::Deny { code } => {
            let refused = pairing.deny(&code).await?;
            let text =
                format!("{}:{} is refused; they are not told.", refused.session.channel, refused.sender);
            Ok(out::line(&out::plain(&text)))
        }
        Pairing::Revoke { who: named } => {
            let Some((channel, sender)) = named.split_once(':') else {
                return Err(CliError::Input(format!(
                    "`{named}` names nobody; write CHANNEL:ID, as `factotum pairing list` shows it"
                )));
            };
            let gone = pairing.revoke(channel, sender).await?;
            Ok(out::line(&out::plain(&format!("{} is a stranger again.", who(&gone)))))
        }
    }
}

impl From<PairedAs> for Rank {
    fn from(rank: PairedAs) -> Self {
        match rank {
            PairedAs::Owner => Self::Owner,
            PairedAs::Member => Self::Member,
            PairedAs::Guest => Self::Guest,
        }
    }
}

fn who(paired: &Paired) -> String {
    named(&paired.channel, &paired.sender, paired.name.as_deref())
}

fn named(channel: &str, sender: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{channel}:{sender} ({})", out::short(name, 60)),
        None => format!("{channel}:{sender}"),
    }
}

fn list(asking: &[PairingRequest], paired: &[Paired], json: bool) -> Result<u8, CliError> {
    if json {
        for request in asking {
            out::json(&serde_json::json!({
                "state": "asks",
                "code": request.code,
                "channel": request.session.channel,
                "sender": request.sender,
                "name": request.name,
                "session": request.session.to_string(),
                "expires_at": request.expires_at,
            }))?;
        }
        for paired in paired {
            out::json(&serde_json::json!({
                "state": "paired",
                "channel": paired.channel,
                "sender": paired.sender,
                "name": paired.name,
                "rank": paired.rank,
                "at": paired.at,
            }))?;
        }
        return Ok(exit::OK);
    }
    if asking.is_empty() && paired.is_empty() {
        return Ok(out::line("Nobody asks to be let in, and nobody was let in by a code."));
    }
    for request in asking {
        let who = named(&request.session.channel, &request.sender, request.name.as_deref());
        let until = time_of_day(request.expires_at);
        out::line(&out::plain(&format!("{}  asks until {until}: {who}", request.code)));
    }
    for paired in paired {
        let since = out::time(paired.at);
        out::line(&out::plain(&format!("{}  {}, since {since}", who(paired), paired.rank_name())));
    }
    Ok(exit::OK)
}

fn time_of_day(at: Timestamp) -> String {
    let whole = out::time(at);
    whole.split_once(' ').map_or(whole.clone(), |(_, time)| time.to_owned())
}
