//! Questions to a person, and their answers.

use serde::{Deserialize, Serialize};

use crate::{ApprovalId, PrincipalId, Rank, SessionKey, Timestamp, ToolCall, TurnId};

/// A question whether one tool call may run, with the exact call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The suspended turn.
    pub turn: TurnId,
    /// Its conversation.
    pub session: SessionKey,
    /// The call, as it would run.
    pub call: ToolCall,
    /// Why it is asked.
    pub reason: String,
    /// The least rank that may answer.
    pub needs: Rank,
    /// Whose turn it is; they may answer besides, when their rank suffices.
    pub asked_by: PrincipalId,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// After this it counts as denied.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Nobody has answered.
    Open,
    /// The call may run.
    Allowed,
    /// It may not.
    Denied,
    /// Denied by a new message of somebody who could have answered.
    Superseded,
    /// Denied since nobody answered in time.
    Expired,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Let it run, this once.
    Allow,
    /// Do not.
    Deny,
}

/// A change to the questions of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalWrite {
    /// Ask.
    Ask(Approval),
}
