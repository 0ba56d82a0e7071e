//! Why something was refused, and how a message is found by the name that its platform gave it.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use session_api::{
    AuditRow, CallId, InboundId, InboundView, PrincipalId, Scope, SessionKey, Timestamp, TurnId,
};

use super::Factotum;
use crate::{Admission as _, AgentError, Arrival, ChannelRules, Gate, Place, REFUSED, RuleVerdict};

/// Newest rows of the audit log that are looked through.
const AUDIT: usize = 10_000;
/// Rows that wait or died that are looked through.
const ROWS: usize = 1_000;
/// Conversations, last changed first, whose answers are looked through.
const SESSIONS: usize = 100;
/// Answers of each.
const ANSWERS: usize = 100;

/// An arrival that was not let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// `channel:account:external id`.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// The conversation that it would have been part of, as a session key is written.
    pub session: String,
    /// Kind of channel.
    pub channel: String,
    /// The sender's stable id on the platform.
    pub sender: String,
    /// Whether the sender was told something: a pairing code.
    pub told: bool,
    /// The rules that were asked, in order. The last one decided.
    pub rules: Vec<RuleVerdict>,
}

/// A tool call that was not let run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedCall {
    /// Its id.
    pub call: CallId,
    /// The tool.
    pub tool: String,
    /// Its arguments, as the model wrote them.
    pub arguments: String,
    /// Why, as the model read it.
    pub why: String,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// For whom.
    pub principal: PrincipalId,
    /// When.
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct RefusalPayload {
    sender: String,
    #[serde(default)]
    told: bool,
    #[serde(default)]
    rules: Vec<RuleVerdict>,
}

#[derive(Deserialize)]
struct CallPayload {
    call: String,
    arguments: String,
    result: String,
}

impl Factotum {
    /// Arrivals that were refused and are named so: by `channel:account:external id`, by the external id, or by the
    /// platform's own id in it. Newest first. Without the channel only the newest rows of the audit log are looked
    /// through.
    pub async fn refusals(&self, name: &str) -> Result<Vec<Refusal>, AgentError> {
        let audit = &self.ports.stores.audit;
        let mut found: Vec<Refusal> =
            audit.audit_about(name, ROWS).await?.into_iter().filter_map(refusal).collect();
        if found.is_empty() {
            let newest = audit.audit_rows(None, AUDIT).await?.into_iter().filter_map(refusal);
            found = newest.filter(|refusal| names(external(&refusal.subject), name)).collect();
        }
        Ok(found)
    }

    /// Accepted messages that their platform names so. Looked for among those that wait, those that died, and those
    /// that were answered lately.
    pub async fn accepted_as(&self, name: &str) -> Result<Vec<InboundView>, AgentError> {
        let stores = &self.ports.stores;
        let mut ids: Vec<InboundId> = Vec::new();
        let fits = |row: &session_api::Inbound| {
            let full = format!("{}:{}:{}", row.session.channel, row.session.account, row.external_id);
            full == name
                || names(&row.external_id, name)
                || row.reply.reply_to.as_deref().is_some_and(|id| id == name)
        };
        let waiting = stores.mailbox.overdue(Timestamp(i64::MAX), ROWS).await?;
        let dead = stores.mailbox.dead_letters(&Scope::All, ROWS).await?;
        let rows = waiting.into_iter().chain(dead.into_iter().map(|letter| letter.row));
        ids.extend(rows.filter(|row| fits(&row.inbound)).map(|row| row.inbound.id));
        let mut seen: HashSet<InboundId> = HashSet::new();
        for info in stores.sessions.sessions(&Scope::All, SESSIONS).await? {
            if matches!(info.key.channel.as_str(), "cli" | "library") {
                continue;
            }
            for said in stores.mailbox.outbox(&info.key, ANSWERS).await? {
                let Some(id) = said.inbound.filter(|id| seen.insert(*id)) else { continue };
                let view = stores.mailbox.inbound(id).await?;
                ids.extend(view.filter(|view| fits(&view.row.inbound)).map(|_| id));
            }
        }
        let mut views = Vec::new();
        let mut once: HashSet<InboundId> = HashSet::new();
        for id in ids {
            if once.insert(id) {
                views.extend(stores.mailbox.inbound(id).await?);
            }
        }
        Ok(views)
    }

    /// Tool calls that were refused, newest first: those of a conversation, or the newest of all.
    pub async fn refused_calls(&self, session: Option<&SessionKey>) -> Result<Vec<RefusedCall>, AgentError> {
        let rows = self.ports.stores.audit.audit_rows(session, AUDIT).await?;
        Ok(rows.into_iter().filter_map(refused_call).collect())
    }

    /// What the rules of a channel say today about somebody who writes directly. It changes nothing.
    pub async fn judge_sender(
        &self,
        channel: &str,
        rules: ChannelRules,
        sender: &str,
    ) -> Result<Vec<RuleVerdict>, AgentError> {
        let ports = &self.ports;
        let rules = BTreeMap::from([(channel.to_owned(), rules)]);
        let gate = Gate::new(ports.stores.clone(), ports.clock.clone(), ports.ids.clone(), rules, None);
        let arrival = Arrival {
            external_id: String::new(),
            chat: sender.to_owned(),
            thread: None,
            place: Place::Direct,
            sender: sender.to_owned(),
            sender_name: None,
            addressed: true,
            distrusted: None,
            message_id: None,
            parts: Vec::new(),
            received_at: ports.clock.now(),
        };
        // What the channel thinks of a message is known only when there is one.
        let rules = gate.judge(channel, "", &arrival).await?.rules;
        Ok(rules.into_iter().filter(|rule| !rule.set_in.starts_with("channel ")).collect())
    }
}

fn refusal(row: AuditRow) -> Option<Refusal> {
    let entry = row.entry;
    if entry.kind != REFUSED {
        return None;
    }
    let RefusalPayload { sender, told, rules } = serde_json::from_str(&entry.payload).ok()?;
    Some(Refusal {
        subject: entry.subject,
        at: entry.at,
        session: entry.session.to_string(),
        channel: entry.session.channel,
        sender,
        told,
        rules,
    })
}

fn refused_call(row: AuditRow) -> Option<RefusedCall> {
    let entry = row.entry;
    if entry.kind != "tool.refused" {
        return None;
    }
    let CallPayload { call, arguments, result } = serde_json::from_str(&entry.payload).ok()?;
    Some(RefusedCall {
        call: CallId(call),
        tool: entry.subject,
        arguments,
        why: result,
        turn: entry.turn,
        principal: entry.principal,
        at: entry.at,
    })
}

/// The external id in `channel:account:external id`. Neither kind nor account holds a colon.
fn external(subject: &str) -> &str {
    subject.splitn(3, ':').nth(2).unwrap_or(subject)
}

/// Whether somebody who says `name` may mean the event `external`. Adapters put a word or the chat in front of the
/// platform's id (`update:7`, `message:7`, `C01:1700.1`); mail puts the sender behind it (`<a@b> you@example.com`).
fn names(external: &str, name: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let (external, name) = (bare(external), bare(name));
    let tail = external.rsplit(':').next().unwrap_or_default();
    let head = bare(external.split_whitespace().next().unwrap_or_default());
    !name.is_empty() && [external.as_str(), tail, &head].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_the_name_that_its_platform_gave_it() {
        for (external, name, meant) in [
            ("update:7", "7", true),
            ("update:7", "update:7", true),
            ("update:17", "7", false),
            ("C01:1700.000100", "1700.000100", true),
            ("<a@b.example> you@example.com", "a@b.example", true),
            ("<a@b.example> you@example.com", "<a@b.example>", true),
            ("<a@b.example> you@example.com", "you@example.com", false),
            ("update:7", "", false),
        ] {
            assert_eq!(names(external, name), meant, "{external} {name}");
        }
        assert_eq!(external("telegram:99:update:7"), "update:7");
    }
}
