//! What became of an accepted message.

use agent_core::RuleVerdict;
use session_api::{InboundState, InboundView, OutboxMessage, Outcome, PartState, Principal, Rank};

use super::{section, today, verdict};
use crate::{
    Assistant,
    channel_kinds::WEBSOCKET,
    cli::{error::CliError, out, session_name::is_local},
};

/// An accepted message, from its sender to the delivery of its answer.
pub(super) struct Story {
    view: InboundView,
    /// Why its sender may speak today, as far as that is known.
    rules: Vec<RuleVerdict>,
    /// What was said to it, with what became of each part.
    deliveries: Vec<(OutboxMessage, Vec<PartState>)>,
}

impl Story {
    pub(super) async fn of(assistant: &Assistant, view: InboundView) -> Result<Self, CliError> {
        let rules = let_in(assistant, &view).await?;
        let mut deliveries = Vec::new();
        if let InboundState::Settled(settled) = &view.state {
            for reply in &settled.replies {
                let parts = assistant.parts(reply.id).await?;
                deliveries.push((reply.clone(), parts.iter().map(|part| part.state).collect()));
            }
        }
        Ok(Self { view, rules, deliveries })
    }

    pub(super) fn show(&self, json: bool) -> Result<(), CliError> {
        let row = &self.view.row;
        let inbound = &row.inbound;
        let (state, turn) = standing(&self.view.state);
        if json {
            let deliveries = self.deliveries.iter().map(|(said, parts)| {
                serde_json::json!({ "id": said.id, "kind": said.kind, "at": said.at, "parts": parts })
            });
            return Ok(out::json(&serde_json::json!({
                "verdict": "accepted",
                "id": inbound.id,
                "external_id": inbound.external_id,
                "session": inbound.session.to_string(),
                "principal": inbound.principal,
                "kind": inbound.kind,
                "accepted_at": row.accepted_at,
                "state": state,
                "turn": turn,
                "deliveries": deliveries.collect::<Vec<_>>(),
                "let_in_by": self.rules,
            }))?);
        }
        let mut lines = vec![
            format!("Accepted: {} ({})", inbound.id, inbound.external_id),
            format!("At:       {}", out::time(row.accepted_at)),
            format!("Session:  {}", inbound.session),
            format!("From:     {}, {}", inbound.principal.id, rank(inbound.principal.rank)),
            format!("Now:      {state}"),
        ];
        lines.extend(turn.map(|turn| format!("Turn:     {turn} (`factotum turn show {turn}`)")));
        for (said, parts) in &self.deliveries {
            lines.push(format!("Answer:   {}: {}", said.id, delivered(said, parts)));
        }
        lines.push("Let in by, as the rules are today:".into());
        lines.extend(self.rules.iter().map(verdict));
        out::line(&out::plain(&lines.join("\n")));
        Ok(())
    }
}

fn rank(rank: Rank) -> &'static str {
    match rank {
        Rank::Owner => "owner",
        Rank::Member => "member",
        Rank::Guest => "guest",
    }
}

fn standing(state: &InboundState) -> (String, Option<String>) {
    match state {
        InboundState::Pending { ahead } => {
            (format!("waits; {ahead} messages of its session stand before it"), None)
        }
        InboundState::Running(turn) => ("its turn runs, or is resumed".into(), Some(turn.to_string())),
        InboundState::Suspended(turn) => {
            ("its turn waits for an answer (`factotum approvals list`)".into(), Some(turn.to_string()))
        }
        InboundState::Dead { error } => (format!("a dead letter: {error}"), None),
        InboundState::Settled(settled) => {
            let how = match settled.outcome {
                Outcome::Replied => "answered",
                Outcome::Refused => "refused, and the sender was told",
                Outcome::Failed => "failed, and the sender was told",
                Outcome::Stopped => "stopped by the user",
                Outcome::Quiet => "done; it needed no answer",
            };
            (how.into(), settled.turn.map(|turn| turn.to_string()))
        }
    }
}

/// What became of the parts of an answer.
fn delivered(said: &OutboxMessage, parts: &[PartState]) -> String {
    if said.delivery == session_api::Delivery::Pull {
        return "read where it was asked".into();
    }
    if parts.is_empty() {
        return "not sent yet".into();
    }
    let count = |state: PartState| parts.iter().filter(|known| **known == state).count();
    let all = parts.len();
    let words = [
        (PartState::Sent, "sent"),
        (PartState::Draft, "shown while it is written"),
        (PartState::Pending, "to be sent"),
        (PartState::Sending, "being sent"),
        (PartState::Failed, "refused by the platform"),
        (PartState::Unknown, "sent or not, nobody knows"),
    ];
    let told = words.into_iter().filter(|(state, _)| count(*state) > 0);
    told.map(|(state, word)| format!("{} of {all} {word}", count(state))).collect::<Vec<_>>().join(", ")
}

/// Why the sender of a message may speak today.
async fn let_in(assistant: &Assistant, view: &InboundView) -> Result<Vec<RuleVerdict>, CliError> {
    let inbound = &view.row.inbound;
    let channel = inbound.session.channel.as_str();
    let rule = |rule: &str, set_in: String, passed: bool, detail: String| {
        vec![RuleVerdict { rule: rule.into(), set_in, passed, detail }]
    };
    if channel == WEBSOCKET {
        let detail = "whoever presents it is the owner".into();
        return Ok(rule("presents the token", "http.token".into(), true, detail));
    }
    let Some(section) = section(assistant, channel) else {
        return Ok(match is_local(channel) {
            true => rule("runs on this machine", "this user account".into(), true, "it is the owner".into()),
            false => {
                let detail = "the channel is switched off".to_owned();
                rule("the channel is on", format!("channels.{channel}.enabled"), false, detail)
            }
        });
    };
    let own = format!("{channel}:");
    if let Some(sender) = inbound.principal.id.0.strip_prefix(&own) {
        return today(assistant, channel, sender).await;
    }
    // The owner has one id for all accounts; in a direct chat the chat often is the sender.
    let paired = assistant.pairing().paired().await?;
    let paired = paired
        .into_iter()
        .filter(|paired| paired.channel == channel && paired.principal() == Principal::owner());
    let listed = section.allow.iter().filter(|id| *id != "*").cloned();
    let accounts: Vec<String> = listed.chain(paired.map(|paired| paired.sender)).collect();
    if accounts.contains(&inbound.session.chat) {
        return today(assistant, channel, &inbound.session.chat).await;
    }
    let detail = match accounts.as_slice() {
        [] => "no account is the owner's any more".to_owned(),
        known => format!("the owner's accounts are {}", known.join(", ")),
    };
    Ok(rule("sender is known", format!("channels.{channel}.allow"), !accounts.is_empty(), detail))
}
