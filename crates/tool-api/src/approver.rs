//! May this call run?

use session_api::{Outside, Principal, Rank, SessionKey, ToolCall};

use crate::{Risk, ToolSpec};

/// A call before it runs.
#[derive(Debug, Clone, Copy)]
pub struct CallToJudge<'a> {
    /// The call; its arguments have been checked.
    pub call: &'a ToolCall,
    /// The tool.
    pub spec: &'a ToolSpec,
    /// For whom.
    pub principal: &'a Principal,
    /// The conversation.
    pub session: &'a SessionKey,
    /// Through what the turn has read text from outside.
    pub outside: &'a Outside,
    /// What the call could do that such text must not talk the model into. Told only where there is such text.
    pub risk: Option<Risk>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Allow,
    /// It does not; the model is told why.
    Deny(String),
    /// A person of this rank decides; the turn is suspended until then.
    Ask {
        /// Why it is asked, for the person.
        reason: String,
        /// Who may answer.
        needs: Rank,
    },
}

/// Decides about calls. It never waits: asking is the turn's business.
pub trait Approver: Send + Sync {
    /// The verdict. The same call gets the same verdict while the configuration stands.
    fn decide(&self, call: CallToJudge<'_>) -> Verdict;
}

/// Lets every call run.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysAllow;

impl Approver for AlwaysAllow {
    fn decide(&self, _call: CallToJudge<'_>) -> Verdict {
        Verdict::Allow
    }
}

/// Asks the owner about calls of the tools named.
#[derive(Debug, Clone, Default)]
pub struct AlwaysAsk(pub Vec<String>);

impl Approver for AlwaysAsk {
    fn decide(&self, call: CallToJudge<'_>) -> Verdict {
        if self.0.contains(&call.spec.name) {
            let reason = format!("`{}` is set to ask before every call", call.spec.name);
            Verdict::Ask { reason, needs: Rank::Owner }
        } else {
            Verdict::Allow
        }
    }
}

/// In a turn that has read text from outside, asks the owner about what such text must not talk a model into; else as the
/// inner one says.
#[derive(Debug, Clone, Copy, Default)]
pub struct AskAfterOutside<A>(pub A);

impl<A: Approver> Approver for AskAfterOutside<A> {
    fn decide(&self, call: CallToJudge<'_>) -> Verdict {
        match (self.0.decide(call), call.risk) {
            (Verdict::Allow, Some(risk)) if !call.outside.is_empty() => Verdict::Ask {
                reason: format!("this turn has read text from outside ({}), and {risk}", call.outside),
                needs: Rank::Owner,
            },
            (verdict, _) => verdict,
        }
    }
}
