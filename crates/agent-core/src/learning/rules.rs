//! Standing rules as they are kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use session_api::{
    KvEntry, KvStore, KvWrite, Principal, PrincipalId, Rank, SessionKey, StoreError, Timestamp,
};
use sha2::{Digest, Sha256};

use super::Detected;

/// Most rules of one person, and of everybody together.
pub(super) const MOST_RULES: usize = 100;
/// Longest text, in characters.
const MOST_CHARS: usize = 500;
const PREFIX: &str = "rule:";

/// For whom a rule holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleScope {
    /// For its person, everywhere.
    Person,
    /// For its person, on one channel.
    Channel(String),
    /// For everybody. Only the owner makes such rules.
    All,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearntRule {
    /// Its short name.
    pub id: String,
    /// What it is about; a newer one about the same takes its place.
    pub topic: Option<String>,
    /// In the words in which it was said.
    pub text: String,
    /// For whom it holds.
    pub scope: RuleScope,
    /// When it was said, or last changed.
    pub at: Timestamp,
    /// The conversation in which it was said; none for one that was written by hand.
    pub session: Option<SessionKey>,
    /// The message.
    pub message: Option<String>,
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) session: &'a SessionKey,
    pub(crate) message: &'a str,
    pub(crate) at: Timestamp,
}

/// What to write, and what to say of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Learnt {
    pub(crate) writes: Vec<KvWrite>,
    pub(crate) notes: Vec<String>,
}

/// Reads the rules. Changes are returned as writes.
#[derive(Clone)]
pub struct RuleBook {
    kv: Arc<dyn KvStore>,
}

/// Under whom the rules of a person are kept: apart from the notes that a model may write for them.
fn shelf(person: &PrincipalId) -> PrincipalId {
    PrincipalId(format!("rules:{person}"))
}

impl LearntRule {
    fn key(&self) -> String {
        let place = match &self.scope {
            RuleScope::Channel(channel) => format!("{channel}/"),
            RuleScope::Person | RuleScope::All => String::new(),
        };
        match &self.topic {
            Some(topic) => format!("{PREFIX}{place}{topic}"),
            None => format!("{PREFIX}{place}#{}", self.id),
        }
    }

    fn shelf(&self, person: &PrincipalId) -> PrincipalId {
        match self.scope {
            RuleScope::All => shelf(&PrincipalId::installation()),
            RuleScope::Person | RuleScope::Channel(_) => shelf(person),
        }
    }

    /// For whom it holds, in words.
    #[must_use]
    pub fn scope_words(&self) -> String {
        match &self.scope {
            RuleScope::Person => "you, everywhere".into(),
            RuleScope::Channel(channel) => format!("you, on {channel}"),
            RuleScope::All => "everybody".into(),
        }
    }
}

impl RuleBook {
    /// Over this store.
    #[must_use]
    pub fn new(kv: Arc<dyn KvStore>) -> Self {
        Self { kv }
    }

    /// The rules that hold for a person, those for everybody first, then oldest first; only those of `channel` and of all
    /// channels where one is given.
    ///
    /// # Errors
    /// The store's.
    pub async fn rules(
        &self,
        person: &PrincipalId,
        channel: Option<&str>,
    ) -> Result<Vec<LearntRule>, StoreError> {
        let mut rules = self.of(&shelf(&PrincipalId::installation())).await?;
        rules.extend(self.of(&shelf(person)).await?);
        rules.retain(|rule| match (&rule.scope, channel) {
            (RuleScope::Channel(of), Some(channel)) => of == channel,
            _ => true,
        });
        rules.sort_by_key(|rule| {
            (rule.scope != RuleScope::All, matches!(rule.scope, RuleScope::Channel(_)), rule.at)
        });
        Ok(rules)
    }

    async fn of(&self, owner: &PrincipalId) -> Result<Vec<LearntRule>, StoreError> {
        let read = |entry: KvEntry| match serde_json::from_str(&entry.value) {
            Ok(rule) => Some(rule),
            Err(error) => {
                tracing::warn!(key = entry.key, %error, "a rule cannot be read");
                None
            }
        };
        Ok(self.kv.kv_list(owner, PREFIX, MOST_RULES * 2).await?.into_iter().filter_map(read).collect())
    }

    /// What is to be written for wishes of one message. The same message twice gives the same writes.
    pub(crate) async fn learn(
        &self,
        person: &Principal,
        wishes: Vec<Detected>,
        origin: Origin<'_>,
    ) -> Result<Learnt, StoreError> {
        let mut learnt = Learnt::default();
        if wishes.is_empty() {
            return Ok(learnt);
        }
        let known = self.rules(&person.id, None).await?;
        for (n, wish) in wishes.into_iter().enumerate() {
            let scope = match wish {
                Detected { all: true, .. } if person.rank == Rank::Owner => RuleScope::All,
                Detected { here: true, .. } => RuleScope::Channel(origin.session.channel.clone()),
                _ => RuleScope::Person,
            };
            let digest = Sha256::digest(format!("{}\0{}\0{n}", origin.session, origin.message).as_bytes());
            let rule = LearntRule {
                id: hex::encode(&digest[..3]),
                topic: wish.topic,
                text: wish.text,
                scope,
                at: origin.at,
                session: Some(origin.session.clone()),
                message: Some(origin.message.to_owned()),
            };
            let same = |old: &&LearntRule| {
                old.scope == rule.scope && old.text.to_lowercase() == rule.text.to_lowercase()
            };
            if known.iter().any(|old| same(&old)) {
                continue;
            }
            let replaced = known
                .iter()
                .find(|old| rule.topic.is_some() && old.key() == rule.key() && old.scope == rule.scope);
            let full = known.iter().filter(|old| old.shelf(&person.id) == rule.shelf(&person.id)).count()
                >= MOST_RULES;
            if full && replaced.is_none() {
                learnt.notes.push(format!(
                    "“{}” was not noted as a rule: there are {MOST_RULES}; `/memory rules` shows them.",
                    rule.text
                ));
                continue;
            }
            learnt.notes.push(match replaced {
                Some(old) => format!("Noted as a rule: “{}”. It replaces “{}”.", rule.text, old.text),
                None => format!("Noted as a rule: “{}”. `/memory rules` shows and changes it.", rule.text),
            });
            learnt.writes.extend(put(&rule, &person.id));
        }
        Ok(learnt)
    }

    /// A rule by the beginning of its name.
    ///
    /// # Errors
    /// The store's; inside, why none is meant, for a person.
    pub async fn find(
        &self,
        person: &PrincipalId,
        name: &str,
    ) -> Result<Result<LearntRule, String>, StoreError> {
        let mut found = self.rules(person, None).await?;
        found.retain(|rule| !name.is_empty() && rule.id.starts_with(name));
        Ok(match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(format!("there is no rule `{name}`")),
            _ => Err(format!("several rules begin with `{name}`")),
        })
    }

    /// What takes a rule away.
    #[must_use]
    pub fn removal(rule: &LearntRule, person: &PrincipalId) -> KvWrite {
        KvWrite::Delete { owner: rule.shelf(person), key: rule.key() }
    }

    /// What changes a rule's words, or adds one written by hand.
    ///
    /// # Errors
    /// When the text is empty or too long, for a person.
    pub fn wording(
        rule: &LearntRule,
        text: &str,
        at: Timestamp,
        person: &PrincipalId,
    ) -> Result<KvWrite, String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() || text.chars().count() > MOST_CHARS {
            return Err(format!("a rule has between 1 and {MOST_CHARS} characters"));
        }
        put(&LearntRule { text, at, ..rule.clone() }, person)
            .ok_or_else(|| "the rule cannot be written".to_owned())
    }
}

fn put(rule: &LearntRule, person: &PrincipalId) -> Option<KvWrite> {
    let value = serde_json::to_string(rule).ok()?;
    Some(KvWrite::Set { owner: rule.shelf(person), key: rule.key(), value, expires_at: None })
}
