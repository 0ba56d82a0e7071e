//! What a run came to.

use std::collections::BTreeMap;

use serde::Serialize;
use session_api::{
    Approval, InboundId, InboundView, Message, OutboxKind, Outcome, Part, SessionKey, Settled,
};

use crate::{AgentError, ModelErrorKind, TokenUsage, driver::Report, turn::Ending};

/// Why a run has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunError {
    /// What kind of failure, where a model was the cause.
    pub kind: Option<ModelErrorKind>,
    /// One sentence for a person.
    pub message: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResult {
    /// What the assistant said: the answer, a notice, or the open question.
    pub content: String,
    /// Tools that were called, in order of their first call. Known to the process that ran the turn.
    pub tools_used: Vec<String>,
    /// What the run added to the conversation. Known to the process that ran the turn.
    pub messages: Vec<Message>,
    /// Tokens used.
    pub usage: TokenUsage,
    /// Why it ended: `answered`, `stopped`, `suspended`, or a reason of [`Ending::stop_reason`].
    pub stop_reason: String,
    /// Set when there is no answer.
    pub error: Option<RunError>,
    /// `session`, `turn`, `inbound`, `correlation`, `model`, `resumed`.
    pub metadata: BTreeMap<String, String>,
    /// The open questions of a suspended run.
    #[serde(skip)]
    pub questions: Vec<Approval>,
}

/// A run that another process began and this one ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumedRun {
    /// The message it answers.
    pub inbound: InboundId,
    /// What it came to.
    pub result: RunResult,
}

fn metadata(
    session: &SessionKey,
    inbound: Option<InboundId>,
    turn: Option<String>,
) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([("session".to_owned(), session.to_string())]);
    metadata.extend(inbound.map(|id| ("inbound".to_owned(), id.to_string())));
    metadata.extend(turn.map(|turn| ("turn".to_owned(), turn)));
    metadata
}

impl RunResult {
    /// The answer alone, or why there is none: for a caller that wants nothing but the text.
    ///
    /// # Errors
    /// `Provider` without a model, `Tool` where calls went in circles, `Cancelled` after a stop, `Context` for a limit or
    /// an open question.
    pub fn answer(self) -> Result<String, AgentError> {
        match (self.stop_reason.as_str(), self.error) {
            ("stopped", _) => Err(AgentError::Cancelled),
            ("suspended", _) => Err(AgentError::Context(self.content)),
            ("repeated_call" | "repeated_failure", Some(error)) => Err(AgentError::Tool(error.message)),
            (_, Some(RunError { kind: Some(kind), message })) => Err(AgentError::model(kind, message)),
            (_, Some(RunError { kind: None, message })) => Err(AgentError::Context(message)),
            (_, None) => Ok(self.content),
        }
    }

    pub(super) fn of_report(report: Report, correlation: Option<String>) -> Self {
        let inbound = report.founders.last().copied();
        let mut metadata = metadata(&report.session, inbound, Some(report.turn.to_string()));
        metadata.insert("model".into(), report.model);
        metadata.insert("resumed".into(), report.resumed.to_string());
        metadata.extend(correlation.map(|id| ("correlation".to_owned(), id)));
        let kind = match &report.ending {
            Ending::ModelFailed { kind, .. } => Some(*kind),
            _ => None,
        };
        let failed = report.ending.outcome() == Outcome::Failed;
        Self {
            error: failed.then(|| RunError { kind, message: report.ending.notice().unwrap_or_default() }),
            content: report.content,
            tools_used: report.tools_used,
            messages: report.messages,
            usage: report.usage,
            stop_reason: report.ending.stop_reason().to_owned(),
            metadata,
            questions: Vec::new(),
        }
    }

    /// From what the store keeps: another process ran the turn, or it was settled as it came in.
    pub(super) fn of_settled(view: &InboundView, settled: &Settled) -> Self {
        // The answer alone, as for whoever ran the turn; where there is none, the notices. Never a question that was
        // answered since.
        let said = |kind: OutboxKind| {
            let messages = settled.replies.iter().filter(move |message| message.kind == kind);
            let texts = messages.flat_map(|message| message.parts.iter().filter_map(Part::as_text));
            texts.collect::<Vec<_>>().join("\n")
        };
        let answer = said(OutboxKind::Reply);
        let content = if answer.is_empty() { said(OutboxKind::Notice) } else { answer };
        let (stop_reason, failed) = match settled.outcome {
            Outcome::Replied | Outcome::Quiet => ("answered", false),
            Outcome::Stopped => ("stopped", false),
            Outcome::Refused => ("refused", true),
            Outcome::Failed => ("failed", true),
        };
        Self {
            error: failed.then(|| RunError { kind: None, message: content.clone() }),
            content,
            metadata: Self::row_metadata(view, settled.turn.map(|turn| turn.to_string())),
            ..Self::empty(stop_reason)
        }
    }

    pub(super) fn of_dead(view: &InboundView, error: &str) -> Self {
        Self {
            content: error.to_owned(),
            error: Some(RunError { kind: None, message: error.to_owned() }),
            metadata: Self::row_metadata(view, None),
            ..Self::empty("failed")
        }
    }

    pub(super) fn of_questions(view: &InboundView, questions: Vec<Approval>) -> Self {
        let texts: Vec<String> = questions
            .iter()
            .map(|question| format!("May I run `{}` with {}?", question.call.name, question.call.arguments))
            .collect();
        let turn = questions.first().map(|question| question.turn.to_string());
        Self {
            content: texts.join("\n"),
            metadata: Self::row_metadata(view, turn),
            questions,
            ..Self::empty("suspended")
        }
    }

    fn row_metadata(view: &InboundView, turn: Option<String>) -> BTreeMap<String, String> {
        let inbound = &view.row.inbound;
        let mut metadata = metadata(&inbound.session, Some(inbound.id), turn);
        metadata.insert("correlation".into(), inbound.correlation.clone());
        metadata
    }

    fn empty(stop_reason: &str) -> Self {
        Self {
            content: String::new(),
            tools_used: Vec::new(),
            messages: Vec::new(),
            usage: TokenUsage::default(),
            stop_reason: stop_reason.to_owned(),
            error: None,
            metadata: BTreeMap::new(),
            questions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_text_or_says_why_there_is_none() {
        let ended = |stop_reason: &str, error: Option<RunError>| {
            RunResult { content: "text".into(), error, ..RunResult::empty(stop_reason) }.answer()
        };
        let failed = |kind| Some(RunError { kind, message: "why".into() });
        assert_eq!(ended("answered", None).unwrap(), "text");
        assert!(matches!(ended("stopped", None), Err(AgentError::Cancelled)));
        assert!(matches!(ended("suspended", None), Err(AgentError::Context(question)) if question == "text"));
        assert!(matches!(ended("repeated_call", failed(None)), Err(AgentError::Tool(_))));
        assert!(matches!(ended("max_model_calls", failed(None)), Err(AgentError::Context(_))));
        let timeout = ended("model_failed", failed(Some(ModelErrorKind::Timeout))).unwrap_err();
        assert!(matches!(timeout, AgentError::Provider(_)) && timeout.retry_helps());
    }
}
