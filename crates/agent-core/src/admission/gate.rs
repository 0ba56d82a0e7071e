//! The rules of the configuration and the pairings, put together.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use session_api::{
    AuditEntry, Clock, IdSource, Principal, PrincipalId, Rank, Route, SessionKey, StoreError, Stores, Writes,
};

use super::{Admission, Judgement, Links, Pairing, RuleVerdict};
use crate::{Arrival, Place};

/// The kind of audit row that records a refused arrival. Its subject is `channel:account:external id`.
pub const REFUSED: &str = "admission.refused";

/// When the assistant listens in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupPolicy {
    /// When it is mentioned, replied to, or given a command.
    #[default]
    Mention,
    /// To every message of those who may speak.
    Open,
    /// Never.
    Off,
}

/// Who may speak on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelRules {
    /// Stable ids of the owner's accounts. `*` lets everybody in, as guests.
    pub allow: Vec<String>,
    /// Stable ids of members.
    pub members: Vec<String>,
    /// When it listens in groups.
    pub groups: GroupPolicy,
    /// Whether a stranger who writes directly gets a pairing code.
    pub pairing: bool,
}

/// Admission by the configuration's lists and by pairings.
pub struct Gate {
    stores: Stores,
    clock: Arc<dyn Clock>,
    pairing: Pairing,
    links: Links,
    rules: ArcSwap<BTreeMap<String, ChannelRules>>,
    /// Where the owner hears of requests.
    notify: Option<Route>,
}

impl Gate {
    /// With the rules of each channel, by kind. `notify`: where the owner is told that somebody asks to be let in.
    #[must_use]
    pub fn new(
        stores: Stores,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        rules: BTreeMap<String, ChannelRules>,
        notify: Option<Route>,
    ) -> Self {
        let pairing = Pairing::new(stores.clone(), clock.clone(), ids.clone());
        let links = Links::new(stores.clone(), clock.clone(), ids);
        Self { stores, clock, pairing, links, rules: ArcSwap::from_pointee(rules), notify }
    }

    /// Replaces the rules; arrivals are judged by the new ones from now on.
    pub fn set_rules(&self, rules: BTreeMap<String, ChannelRules>) {
        self.rules.store(Arc::new(rules));
    }

    /// Who the sender is, with the rule that says so.
    async fn identify(
        &self,
        rules: &ChannelRules,
        channel: &str,
        sender: &str,
    ) -> Result<(Option<Principal>, RuleVerdict), StoreError> {
        let own = PrincipalId(format!("{channel}:{sender}"));
        let verdict = |set_in: String, passed: bool, detail: String| RuleVerdict {
            rule: "sender is known".into(),
            set_in,
            passed,
            detail,
        };
        if rules.allow.iter().any(|id| id == sender) {
            let detail = format!("{sender} is listed: owner");
            return Ok((
                Some(Principal::owner()),
                verdict(format!("channels.{channel}.allow"), true, detail),
            ));
        }
        if rules.members.iter().any(|id| id == sender) {
            let detail = format!("{sender} is listed: member");
            let principal = Principal { id: own, rank: Rank::Member };
            return Ok((Some(principal), verdict(format!("channels.{channel}.members"), true, detail)));
        }
        if let Some(paired) = self.pairing.find(channel, sender).await? {
            let detail = format!("{sender} was paired: {}", paired.rank_name());
            return Ok((Some(paired.principal()), verdict("factotum pairing list".into(), true, detail)));
        }
        if rules.allow.iter().any(|id| id == "*") {
            let detail = "`*` lets everybody in: guest".to_owned();
            let principal = Principal { id: own, rank: Rank::Guest };
            return Ok((Some(principal), verdict(format!("channels.{channel}.allow"), true, detail)));
        }
        let detail = format!("{sender} is not in allow or members and was not paired");
        Ok((None, verdict(format!("channels.{channel}.allow"), false, detail)))
    }
}

#[async_trait]
impl Admission for Gate {
    async fn judge(&self, channel: &str, _account: &str, arrival: &Arrival) -> Result<Judgement, StoreError> {
        let all = self.rules.load();
        let none = ChannelRules::default();
        let rules = all.get(channel).unwrap_or(&none);
        let mut verdicts = vec![RuleVerdict {
            rule: "trusted by the channel".into(),
            set_in: format!("channel {channel}"),
            passed: arrival.distrusted.is_none(),
            detail: arrival.distrusted.clone().unwrap_or_else(|| "nothing speaks against it".into()),
        }];
        if arrival.distrusted.is_some() {
            return Ok(Judgement { principal: None, rules: verdicts });
        }
        if arrival.place == Place::Group {
            let (passed, detail) = match rules.groups {
                GroupPolicy::Off => (false, "the assistant does not listen in groups"),
                GroupPolicy::Open => (true, "the assistant listens to every message in groups"),
                GroupPolicy::Mention if arrival.addressed => (true, "the assistant was mentioned"),
                GroupPolicy::Mention => (false, "the assistant was not mentioned"),
            };
            let set_in = format!("channels.{channel}.groups");
            verdicts.push(RuleVerdict { rule: "listens here".into(), set_in, passed, detail: detail.into() });
            if !passed {
                return Ok(Judgement { principal: None, rules: verdicts });
            }
        }
        let (principal, verdict) = self.identify(rules, channel, &arrival.sender).await?;
        verdicts.push(verdict);
        let principal = match principal {
            Some(principal) => Some(self.links.resolve(principal).await?),
            None => None,
        };
        Ok(Judgement { principal, rules: verdicts })
    }

    async fn turn_away(
        &self,
        channel: &str,
        account: &str,
        arrival: &Arrival,
        judgement: &Judgement,
    ) -> Result<Writes, StoreError> {
        let spoken_to = arrival.place == Place::Direct || arrival.addressed;
        if !spoken_to {
            // Talk among others is none of our business, and there is much of it.
            return Ok(Writes::default());
        }
        let session = SessionKey {
            channel: channel.to_owned(),
            account: account.to_owned(),
            chat: arrival.chat.clone(),
            thread: arrival.thread.clone(),
        };
        let subject = format!("{channel}:{account}:{}", arrival.external_id);
        if !self.stores.audit.audit_about(&subject, 1).await?.is_empty() {
            return Ok(Writes::default());
        }
        let all = self.rules.load();
        let pairs = all.get(channel).is_some_and(|rules| rules.pairing);
        let mut writes = Writes::default();
        if pairs && arrival.place == Place::Direct && arrival.distrusted.is_none() {
            writes = self.pairing.request(&session, arrival, self.notify.as_ref()).await?;
        }
        let payload = serde_json::json!({
            "sender": arrival.sender,
            "chat": arrival.chat,
            "rules": judgement.rules,
            "told": !writes.outbox.is_empty(),
        });
        writes.audit.push(AuditEntry {
            at: self.clock.now(),
            session,
            turn: None,
            principal: PrincipalId(format!("{channel}:{}", arrival.sender)),
            kind: REFUSED.into(),
            subject,
            payload: payload.to_string(),
            millis: 0,
        });
        Ok(writes)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("rules", &self.rules.load()).finish_non_exhaustive()
    }
}
