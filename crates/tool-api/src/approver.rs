//! May this call run?

use session_api::{Principal, Rank, SessionKey, ToolCall};

use crate::ToolSpec;

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
