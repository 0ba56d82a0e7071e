//! How a stranger becomes somebody who may speak: a code that the owner approves.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use session_api::{
    Batch, Clock, Delivery, IdSource, Job, JobWrite, KvEntry, KvWrite, OnDoubt, OutboxKind, OutboxMessage,
    PairingCode, Part, Principal, PrincipalId, Rank, Route, SessionKey, StoreError, Stores, Timestamp,
    Writes,
};

use crate::{Arrival, gateway::stable_id};

/// How long a code is good.
const LIFE: Duration = Duration::from_secs(10 * 60);
/// Codes for one sender in an hour; afterwards there is silence.
const CODES_AN_HOUR: usize = 3;
/// Codes that are open at the same time, over all senders: a crowd of strangers must not fill the owner's chat.
const MOST_OPEN: usize = 32;
/// Characters of a stranger's name that anybody reads.
const NAME: usize = 48;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Wrong codes that may be tried before a pause of [`LIFE`].
const TRIES: u32 = 5;

/// Somebody who asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingRequest {
    /// The code that they were told.
    pub code: PairingCode,
    /// Where they wrote.
    pub session: SessionKey,
    /// Their stable id on the platform.
    pub sender: String,
    /// Their name there. Anybody can take any name.
    pub name: Option<String>,
    /// When the code ends.
    pub expires_at: Timestamp,
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// Kind of channel.
    pub channel: String,
    /// Their stable id there.
    pub sender: String,
    /// Their name there when they asked.
    pub name: Option<String>,
    /// What they may do.
    pub rank: Rank,
    /// Since when.
    pub at: Timestamp,
}

impl Paired {
    /// Who they are.
    #[must_use]
    pub fn principal(&self) -> Principal {
        match self.rank {
            Rank::Owner => Principal::owner(),
            rank => Principal { id: PrincipalId(format!("{}:{}", self.channel, self.sender)), rank },
        }
    }

    /// Their rank, as it is written.
    #[must_use]
    pub fn rank_name(&self) -> &'static str {
        match self.rank {
            Rank::Owner => "owner",
            Rank::Member => "member",
            Rank::Guest => "guest",
        }
    }
}

/// Why a pairing could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// No such code, or its ten minutes are over.
    #[error(
        "there is no open request with this code: codes are good for 10 minutes, `factotum pairing list` shows them"
    )]
    NoSuchCode,
    /// No such pairing.
    #[error("nobody was paired as `{0}`; `factotum pairing list` shows who was")]
    NotPaired(String),
    /// Somebody guesses.
    #[error("too many wrong codes; wait 10 minutes")]
    TooManyTries,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Requests and pairings, kept in the store.
#[derive(Clone)]
pub struct Pairing {
    stores: Stores,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// The codes that a sender was given lately.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Given {
    at: Vec<Timestamp>,
}

/// A name as somebody chose it, made fit for the eyes of the owner and the model: one short line without markup. It stands
/// next to codes, commands and instructions, and must not look like any of them.
pub(crate) fn plain_name(name: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | ',' | '\'' | '@');
    let kept: String = name.chars().map(|c| if fits(c) { c } else { ' ' }).collect();
    let words: Vec<&str> = kept.split_whitespace().collect();
    words.join(" ").chars().take(NAME).collect()
}

fn code_key(code: PairingCode) -> String {
    format!("pairing:code:{code}")
}

fn given_key(channel: &str, sender: &str) -> String {
    format!("pairing:given:{channel}:{sender}")
}

fn paired_key(channel: &str, sender: &str) -> String {
    format!("pairing:paired:{channel}:{sender}")
}

const TRIES_KEY: &str = "pairing:tries";

impl Pairing {
    /// Over these stores.
    #[must_use]
    pub fn new(stores: Stores, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { stores, clock, ids }
    }

    /// What is stored when a stranger writes: a code and the answer that names it, or nothing while they have one.
    pub(super) async fn request(
        &self,
        session: &SessionKey,
        arrival: &Arrival,
        notify: Option<&Route>,
    ) -> Result<Writes, StoreError> {
        let now = self.clock.now();
        let key = given_key(&session.channel, &arrival.sender);
        let mut given: Given = self.read(&key).await?.unwrap_or_default();
        given.at.retain(|at| now.since(*at) < HOUR);
        let open = given.at.last().is_some_and(|at| now.since(*at) < LIFE);
        if open || given.at.len() >= CODES_AN_HOUR {
            return Ok(Writes::default());
        }
        if self.requests().await?.len() >= MOST_OPEN {
            tracing::warn!(channel = session.channel, "a stranger was told no code: too many are open");
            return Ok(Writes::default());
        }
        given.at.push(now);
        let name = arrival.sender_name.as_deref().map(plain_name).filter(|name| !name.is_empty());
        let code = PairingCode::new(self.ids.as_ref());
        let request = PairingRequest {
            code,
            session: session.clone(),
            sender: arrival.sender.clone(),
            name: name.clone(),
            expires_at: now.plus(LIFE),
        };
        let told = format!(
            "I do not know you yet. If this is your assistant, let yourself in with `factotum pairing approve {code} --as owner` within 10 minutes; else ask its owner to."
        );
        let route = Route { reply_to: arrival.message_id.clone(), ..Route::to_session(session) };
        let event = [session.channel.as_str(), &session.account, &arrival.external_id];
        let mut outbox =
            vec![self.message(["pairing", event[0], event[1], event[2]], route, &told, OutboxKind::Notice)];
        if let Some(owner) = notify {
            let who = name.as_deref().unwrap_or("somebody without a name");
            let text = format!(
                "{who} (id {}) asks on {} to be let in. Code: {code}. `/pairing approve {code}` makes them a member, `/pairing deny {code}` refuses.",
                arrival.sender, session.channel
            );
            let kind = OutboxKind::Pairing { code };
            outbox.push(self.message(
                ["pairing asks", event[0], event[1], event[2]],
                owner.clone(),
                &text,
                kind,
            ));
        }
        let kv = vec![
            self.set(code_key(code), &request, Some(request.expires_at))?,
            self.set(key, &given, Some(now.plus(HOUR)))?,
        ];
        Ok(Writes { outbox, kv, ..Writes::default() })
    }

    /// The open requests.
    pub async fn requests(&self) -> Result<Vec<PairingRequest>, StoreError> {
        self.list("pairing:code:").await
    }

    /// Who was let in.
    pub async fn paired(&self) -> Result<Vec<Paired>, StoreError> {
        self.list("pairing:paired:").await
    }

    /// Whether `sender` was let in on `channel`.
    pub async fn find(&self, channel: &str, sender: &str) -> Result<Option<Paired>, StoreError> {
        self.read(&paired_key(channel, sender)).await
    }

    /// Lets the one who was told `code` in, and tells them.
    pub async fn approve(&self, code: &str, rank: Rank) -> Result<Paired, PairingError> {
        let request = self.redeem(code).await?;
        let paired = Paired {
            channel: request.session.channel.clone(),
            sender: request.sender,
            name: request.name,
            rank,
            at: self.clock.now(),
        };
        let route = Route::to_session(&request.session);
        let told = "You are let in. Write to me.";
        let id = request.code.to_string();
        let welcome = self.message(["welcome", &id, "", ""], route, told, OutboxKind::Notice);
        let kv = vec![
            self.set(paired_key(&paired.channel, &paired.sender), &paired, None)?,
            KvWrite::Delete { owner: PrincipalId::installation(), key: code_key(request.code) },
        ];
        self.write(Writes { outbox: vec![welcome], kv, ..Writes::default() }).await?;
        Ok(paired)
    }

    /// Refuses the one who was told `code`. They are not told.
    pub async fn deny(&self, code: &str) -> Result<PairingRequest, PairingError> {
        let request = self.redeem(code).await?;
        let kv = vec![KvWrite::Delete { owner: PrincipalId::installation(), key: code_key(request.code) }];
        self.write(Writes { kv, ..Writes::default() }).await?;
        Ok(request)
    }

    /// Takes a pairing back: from now on they are a stranger again.
    pub async fn revoke(&self, channel: &str, sender: &str) -> Result<Paired, PairingError> {
        let Some(paired) = self.find(channel, sender).await? else {
            return Err(PairingError::NotPaired(format!("{channel}:{sender}")));
        };
        let kv =
            vec![KvWrite::Delete { owner: PrincipalId::installation(), key: paired_key(channel, sender) }];
        // Whoever may not speak any more is not spoken for at set times either. The owner stays the owner elsewhere.
        let theirs = match paired.rank {
            Rank::Owner => Vec::new(),
            _ => self.stores.jobs.jobs(Some(&paired.principal().id)).await?,
        };
        let off = |job: Job| JobWrite::Switch { id: job.id, enabled: false, due: None, next_run_at: None };
        let jobs = theirs.into_iter().filter(|job| job.enabled).map(off).collect();
        self.write(Writes { kv, jobs, ..Writes::default() }).await?;
        Ok(paired)
    }

    /// The request of `code`; a wrong one counts.
    async fn redeem(&self, code: &str) -> Result<PairingRequest, PairingError> {
        let tries: u32 = self.read(TRIES_KEY).await?.unwrap_or(0);
        if tries >= TRIES {
            return Err(PairingError::TooManyTries);
        }
        let known = match code.parse::<PairingCode>() {
            Ok(code) => self.read(&code_key(code)).await?,
            Err(_) => None,
        };
        if let Some(request) = known {
            return Ok(request);
        }
        let until = self.clock.now().plus(LIFE);
        let kv = vec![self.set(TRIES_KEY.into(), &(tries + 1), Some(until))?];
        self.write(Writes { kv, ..Writes::default() }).await?;
        Err(PairingError::NoSuchCode)
    }

    async fn write(&self, writes: Writes) -> Result<(), StoreError> {
        self.stores.mailbox.accept(None, Batch { writes, ..Batch::default() }, None).await.map(drop)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let entry = self.stores.kv.kv_get(&PrincipalId::installation(), key).await?;
        entry.map(|entry| parse(&entry)).transpose()
    }

    async fn list<T: serde::de::DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>, StoreError> {
        let entries = self.stores.kv.kv_list(&PrincipalId::installation(), prefix, 1000).await?;
        entries.iter().map(parse).collect()
    }

    fn set(
        &self,
        key: String,
        value: &impl Serialize,
        expires_at: Option<Timestamp>,
    ) -> Result<KvWrite, StoreError> {
        let value =
            serde_json::to_string(value).map_err(|error| StoreError::Invalid { what: error.to_string() })?;
        Ok(KvWrite::Set { owner: PrincipalId::installation(), key, value, expires_at })
    }

    fn message(&self, what: [&str; 4], route: Route, text: &str, kind: OutboxKind) -> OutboxMessage {
        let session = SessionKey {
            channel: route.channel.clone(),
            account: route.account.clone(),
            chat: route.chat.clone(),
            thread: route.thread.clone(),
        };
        OutboxMessage {
            id: stable_id(&what),
            turn: None,
            inbound: None,
            session,
            route,
            parts: vec![Part::text(text)],
            kind,
            delivery: Delivery::Push,
            on_doubt: OnDoubt::ResendOnce,
            drafts: Vec::new(),
            at: self.clock.now(),
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(entry: &KvEntry) -> Result<T, StoreError> {
    serde_json::from_str(&entry.value)
        .map_err(|error| StoreError::Corrupt { what: format!("the value `{}`: {error}", entry.key) })
}

impl std::fmt::Debug for Pairing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pairing")
    }
}

#[cfg(test)]
#[path = "pairing_tests.rs"]
mod tests;
