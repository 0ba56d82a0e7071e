//! Who may speak, and what becomes of those who may not.

mod gate;
mod links;
mod pairing;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use session_api::{Principal, StoreError, Writes};

use crate::Arrival;

pub use gate::{ChannelRules, Gate, GroupPolicy, REFUSED};
pub use links::Link;
pub(crate) use links::{Linked, Links};
pub(crate) use pairing::plain_name;
pub use pairing::{Paired, Pairing, PairingError, PairingRequest};

/// What one rule said about an arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// The rule, in a few words.
    pub rule: String,
    /// Where it is set: a key of the configuration, a pairing, the platform.
    pub set_in: String,
    /// Whether the arrival passed it.
    pub passed: bool,
    /// What decided it.
    pub detail: String,
}

/// What was decided about an arrival, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// For whom it is; `None`: refused.
    pub principal: Option<Principal>,
    /// The rules that were asked, in order. The last one decided.
    pub rules: Vec<RuleVerdict>,
}

/// Decides who may speak. Nothing of a stranger's message goes any further.
#[async_trait]
pub trait Admission: Send + Sync {
    /// The judgement on `arrival` at `account` of `channel`. It changes nothing.
    async fn judge(&self, channel: &str, account: &str, arrival: &Arrival) -> Result<Judgement, StoreError>;

    /// What is stored, in the commit that acknowledges it, about an arrival that was refused: an answer, an audit row.
    /// None of it holds what the stranger wrote. The same arrival again stores nothing new.
    async fn turn_away(
        &self,
        _channel: &str,
        _account: &str,
        _arrival: &Arrival,
        _judgement: &Judgement,
    ) -> Result<Writes, StoreError> {
        Ok(Writes::default())
    }
}

/// Lets in those whose stable ids are listed, when they speak to the assistant; nobody while the list is empty. They are
/// the owner.
#[derive(Debug, Clone, Default)]
pub struct AllowList(pub Vec<String>);

#[async_trait]
impl Admission for AllowList {
    async fn judge(&self, channel: &str, _account: &str, arrival: &Arrival) -> Result<Judgement, StoreError> {
        let listed = self.0.contains(&arrival.sender);
        let trusted = arrival.distrusted.is_none();
        let rule = |rule: &str, passed: bool, detail: &str| RuleVerdict {
            rule: rule.to_owned(),
            set_in: format!("channels.{channel}.allow"),
            passed,
            detail: detail.to_owned(),
        };
        let rules = vec![
            rule("trusted by the channel", trusted, arrival.distrusted.as_deref().unwrap_or("yes")),
            rule("allow list", listed, &arrival.sender),
            rule("addressed", arrival.addressed, "spoken to"),
        ];
        let admitted = rules.iter().all(|rule| rule.passed);
        Ok(Judgement { principal: admitted.then(Principal::owner), rules })
    }
}
