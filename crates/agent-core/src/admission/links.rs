//! Several accounts of one person.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use session_api::{
    AuditEntry, Clock, IdSource, KvWrite, PairingCode, PersonWrite, Principal, PrincipalId, SessionKey,
    StoreError, Stores, Writes,
};

/// How long a code is good.
const LIFE: Duration = Duration::from_secs(10 * 60);
/// Wrong codes that one account may type in that time.
const TRIES: u32 = 5;

/// An account that was joined to somebody's others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Who the account was, and is again when it is parted.
    pub from: PrincipalId,
    /// Who it is now.
    pub into: Principal,
}

/// What became of a wish to join or part accounts.
#[derive(Debug)]
pub(crate) enum Linked {
    /// It is done with these writes.
    Done(Link, Box<Writes>),
    /// It is not, for this reason; the writes count the try.
    Refused(&'static str, Box<Writes>),
}

/// Which accounts were joined, kept in the store.
#[derive(Clone)]
pub(crate) struct Links {
    stores: Stores,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

fn link_key(from: &PrincipalId) -> String {
    format!("link:account:{from}")
}

fn code_key(code: PairingCode) -> String {
    format!("link:code:{code}")
}

impl Links {
    pub(crate) fn new(stores: Stores, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { stores, clock, ids }
    }

    /// As whom somebody speaks who comes as `principal`.
    pub(crate) async fn resolve(&self, principal: Principal) -> Result<Principal, StoreError> {
        let link: Option<Link> = self.read(&link_key(&principal.id)).await?;
        Ok(link.map_or(principal, |link| link.into))
    }

    /// The accounts that were joined to a person.
    pub(crate) async fn of(&self, person: &PrincipalId) -> Result<Vec<Link>, StoreError> {
        let entries = self.stores.kv.kv_list(&PrincipalId::installation(), "link:account:", 1000).await?;
        let links: Vec<Link> =
            entries.iter().map(|entry| parsed(&entry.key, &entry.value)).collect::<Result<_, _>>()?;
        Ok(links.into_iter().filter(|link| link.into.id == *person).collect())
    }

    /// A code with which another account joins `person`.
    pub(crate) fn offer(&self, person: &Principal) -> Result<(PairingCode, Writes), StoreError> {
        let code = PairingCode::new(self.ids.as_ref());
        let kv = vec![set(code_key(code), person, Some(self.clock.now().plus(LIFE)))?];
        Ok((code, Writes { kv, ..Writes::default() }))
    }

    /// Joins the one who types `code` to the person who was given it.
    pub(crate) async fn join(
        &self,
        from: &Principal,
        session: &SessionKey,
        code: &str,
    ) -> Result<Linked, StoreError> {
        let tries_key = format!("link:tries:{}", from.id);
        let tries: u32 = self.read(&tries_key).await?.unwrap_or(0);
        let refused = |why, writes| Ok(Linked::Refused(why, Box::new(writes)));
        if tries >= TRIES {
            return refused("Too many wrong codes; wait 10 minutes.", Writes::default());
        }
        let code = code.parse::<PairingCode>().ok();
        let into: Option<Principal> = match code {
            Some(code) => self.read(&code_key(code)).await?,
            None => None,
        };
        let (Some(code), Some(into)) = (code, into) else {
            let until = Some(self.clock.now().plus(LIFE));
            let kv = vec![set(tries_key, &(tries + 1), until)?];
            let why = "This is no code that is good now. Write /link in your other account; its code is good for 10 minutes.";
            return refused(why, Writes { kv, ..Writes::default() });
        };
        if into.id == from.id {
            return refused("Both accounts are one person already.", Writes::default());
        }
        if from.rank > into.rank {
            let why =
                "This account may do more than the other one. Write /link here, and type its code there.";
            return refused(why, Writes::default());
        }
        let link = Link { from: from.id.clone(), into: into.clone() };
        let mut kv = vec![
            set(link_key(&link.from), &link, None)?,
            KvWrite::Delete { owner: PrincipalId::installation(), key: code_key(code) },
        ];
        // What was joined to this account goes along.
        for earlier in self.of(&from.id).await? {
            kv.push(set(link_key(&earlier.from), &Link { into: into.clone(), ..earlier }, None)?);
        }
        let people = vec![PersonWrite::Join { from: from.id.clone(), into: into.id.clone() }];
        let audit = vec![self.row("people.joined", session, &link)];
        Ok(Linked::Done(link, Box::new(Writes { kv, people, audit, ..Writes::default() })))
    }

    /// Parts the account named `from` from a person; the only one where none is named.
    pub(crate) async fn part(
        &self,
        person: &PrincipalId,
        session: &SessionKey,
        from: Option<&str>,
    ) -> Result<Option<(Link, Writes)>, StoreError> {
        let mut links = self.of(person).await?;
        links.retain(|link| from.is_none_or(|from| link.from.0 == from));
        let [link] = links.as_slice() else { return Ok(None) };
        let kv = vec![KvWrite::Delete { owner: PrincipalId::installation(), key: link_key(&link.from) }];
        let people = vec![PersonWrite::Part { from: link.from.clone() }];
        let audit = vec![self.row("people.parted", session, link)];
        Ok(Some((link.clone(), Writes { kv, people, audit, ..Writes::default() })))
    }

    fn row(&self, kind: &str, session: &SessionKey, link: &Link) -> AuditEntry {
        AuditEntry {
            at: self.clock.now(),
            session: session.clone(),
            turn: None,
            principal: link.into.id.clone(),
            kind: kind.into(),
            subject: link.from.0.clone(),
            payload: serde_json::json!({ "from": link.from, "into": link.into.id }).to_string(),
            millis: 0,
        }
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let entry = self.stores.kv.kv_get(&PrincipalId::installation(), key).await?;
        entry.map(|entry| parsed(&entry.key, &entry.value)).transpose()
    }
}

fn parsed<T: serde::de::DeserializeOwned>(key: &str, value: &str) -> Result<T, StoreError> {
    serde_json::from_str(value)
        .map_err(|error| StoreError::Corrupt { what: format!("the value `{key}`: {error}") })
}

fn set(
    key: String,
    value: &impl Serialize,
    expires_at: Option<session_api::Timestamp>,
) -> Result<KvWrite, StoreError> {
    let value =
        serde_json::to_string(value).map_err(|error| StoreError::Invalid { what: error.to_string() })?;
    Ok(KvWrite::Set { owner: PrincipalId::installation(), key, value, expires_at })
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
