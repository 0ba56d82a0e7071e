//! What a turn did, for a reader.

use serde::Serialize;
use session_api::{
    ApprovalState, InboundView, Message, OutboxMessage, Outcome, Part, Role, StepKind, Timestamp, ToolStatus,
    TurnId, TurnState,
};

use super::{attempts::AttemptReport, recorded::RecordedTurn};
use crate::{TokenUsage, turn::Machine};

/// What happened in a turn, as far as the stores keep it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnReport {
    /// The turn.
    pub turn: TurnId,
    /// Its conversation, as a session key is written.
    pub session: String,
    /// `running`, `suspended`, `done` or `failed`.
    pub state: &'static str,
    /// How its rows ended, if they have.
    pub outcome: Option<Outcome>,
    /// When it was first leased.
    pub started_at: Timestamp,
    /// When its last message was written, if it has one.
    pub ended_at: Option<Timestamp>,
    /// What it was about: the rows that founded it, then those that joined.
    pub inbound: Vec<InboundReport>,
    /// The model that the turn began with, as `PROVIDER/MODEL`; known only until the turn ends.
    pub model: Option<String>,
    /// Tokens used so far; known only until the turn ends. Afterwards the ledger has them, by day, model and session.
    pub usage: Option<TokenUsage>,
    /// The model's replies, in order.
    pub model_calls: Vec<ModelCallReport>,
    /// Who was asked, and what came of it, in model calls that did not go well at once; in order.
    pub attempts: Vec<AttemptReport>,
    /// The tool calls, in order.
    pub calls: Vec<CallReport>,
    /// The journal.
    pub steps: Vec<StepReport>,
    /// What the turn added to the history, or will when it ends.
    pub messages: Vec<Message>,
    /// Whether `messages` stand in the history.
    pub committed: bool,
    /// What went out. Messages to other chats are found among the newest 1000 of the conversation only.
    pub outbox: Vec<OutboxMessage>,
}

/// A row that founded or joined a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InboundReport {
    /// Its id.
    pub id: session_api::InboundId,
    /// What it is.
    pub kind: session_api::InboundKind,
    /// Who said it.
    pub principal: session_api::PrincipalId,
    /// Its text.
    pub text: String,
    /// Pictures and files that it brought.
    pub files: usize,
    /// Whether it joined the running turn.
    pub joined: bool,
    /// When the platform or the adapter saw it.
    pub received_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A reply of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelCallReport {
    /// Which of the turn, from 1.
    pub call: usize,
    /// When it was complete.
    pub at: Timestamp,
    /// The model that answered, where the journal says so.
    pub model: Option<String>,
    /// How long it took, in milliseconds, where the journal says so.
    pub millis: Option<u64>,
    /// What it said.
    pub text: String,
    /// The tool calls that it asked for.
    pub calls: Vec<session_api::CallId>,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallReport {
    /// Its id.
    pub id: session_api::CallId,
    /// The tool.
    pub name: String,
    /// Its arguments, as the model wrote them.
    pub arguments: String,
    /// What became of the question about it, where there was one.
    pub asked: Option<ApprovalState>,
    /// When it was journalled to start; only calls that must not be repeated are.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub millis: Option<u64>,
    /// How it ended, if it has.
    pub status: Option<ToolStatus>,
    /// What the model got to read.
    pub result: String,
    /// The whole result, where that is only its beginning.
    pub whole: Option<session_api::BlobId>,
}

/// A step of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Its place, from 0.
    pub no: u64,
    /// When.
    pub at: Timestamp,
    /// Whether it had reached the disk before the turn went on.
    pub durable: bool,
    /// What.
    #[serde(flatten)]
    pub kind: StepKind,
}

impl RecordedTurn {
    /// Tells the turn to a reader. `machine` is its last stored state, which a turn under way has.
    pub(super) fn report(
        &self,
        machine: Option<&Machine>,
        attempts: Vec<AttemptReport>,
        outbox: Vec<OutboxMessage>,
    ) -> TurnReport {
        let committed = !self.messages.is_empty();
        let messages = match machine {
            Some(machine) if !committed => machine.added().to_vec(),
            _ => self.messages.clone(),
        };
        let founders = self.founders.iter().map(|view| inbound(view, false));
        let inbound = founders.chain(self.joined.iter().map(|view| inbound(view, true))).collect();
        let step = |entry: &session_api::JournalEntry| StepReport {
            no: entry.no,
            at: entry.at,
            durable: entry.step.durable,
            kind: entry.step.kind.clone(),
        };
        TurnReport {
            turn: self.id,
            session: self.session.to_string(),
            state: match self.state {
                TurnState::Running => "running",
                TurnState::Suspended => "suspended",
                TurnState::Done => "done",
                TurnState::Failed => "failed",
            },
            outcome: self.outcome,
            started_at: self.started_at,
            ended_at: messages.last().filter(|_| committed).map(|message| message.at),
            inbound,
            model: machine.map(|machine| machine.model().to_owned()),
            usage: machine.map(Machine::usage),
            model_calls: self.model_calls(&messages),
            attempts,
            calls: self.calls(&messages),
            steps: self.journal.iter().map(step).collect(),
            messages,
            committed,
            outbox,
        }
    }

    fn model_calls(&self, messages: &[Message]) -> Vec<ModelCallReport> {
        let replies = messages.iter().filter(|message| message.role == Role::Assistant);
        let timed = |number: usize| {
            self.journal.iter().find_map(|entry| match &entry.step.kind {
                StepKind::ModelReplied { call, model, millis, .. }
                    if usize::try_from(*call) == Ok(number) =>
                {
                    Some((model.clone(), *millis))
                }
                _ => None,
            })
        };
        let report = |(index, reply): (usize, &Message)| {
            let (model, millis) = timed(index + 1).unzip();
            ModelCallReport {
                call: index + 1,
                at: reply.at,
                model,
                millis,
                text: reply.text(),
                calls: reply.tool_calls().map(|call| call.id.clone()).collect(),
            }
        };
        replies.enumerate().map(report).collect()
    }

    fn calls(&self, messages: &[Message]) -> Vec<CallReport> {
        let steps = self.call_steps();
        let report = |call: &session_api::ToolCall| {
            let result = messages.iter().flat_map(Message::tool_results).find(|r| r.call_id == call.id);
            let asked = self.approvals.iter().find(|approval| approval.call.id == call.id);
            let step = steps.get(&call.id).copied().unwrap_or_default();
            let texts = result.iter().flat_map(|result| result.content.iter().filter_map(Part::as_text));
            CallReport {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
                asked: asked.map(|approval| approval.state),
                started_at: step.started_at,
                ended_at: step.ended.map(|(at, ..)| at),
                millis: step.ended.map(|(_, _, millis)| millis),
                status: result.map(|result| result.status),
                result: texts.collect::<Vec<_>>().join("\n"),
                whole: result.and_then(|result| result.whole.clone()),
            }
        };
        messages.iter().flat_map(Message::tool_calls).map(report).collect()
    }
}

fn inbound(view: &InboundView, joined: bool) -> InboundReport {
    let row = &view.row;
    let texts: Vec<&str> = row.inbound.parts.iter().filter_map(Part::as_text).collect();
    InboundReport {
        id: row.inbound.id,
        kind: row.inbound.kind,
        principal: row.inbound.principal.id.clone(),
        files: row.inbound.parts.len() - texts.len(),
        text: texts.join("\n"),
        joined,
        received_at: row.inbound.received_at,
        accepted_at: row.accepted_at,
    }
}
