//! Who speaks, and what they may see.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::SessionKey;

/// A person, as Factotum knows them. Several platform accounts may stand for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrincipalId(pub String);

impl PrincipalId {
    /// Whose values belong to the installation and to nobody: the lock, who was let in, what may be spent. No person has
    /// this id, so that nobody's own values reach them.
    #[must_use]
    pub fn installation() -> Self {
        Self("factotum".into())
    }

    /// Whose values belong to a session and go with it: what is pinned there. No person has this id.
    #[must_use]
    pub fn of_session(key: &SessionKey) -> Self {
        Self(format!("session:{key}"))
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a principal may do at all. Ordered: a later rank may do what an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Let in for one chat, with the least rights.
    Guest,
    /// One of the team, with a memory of their own.
    Member,
    /// The one whose assistant this is.
    Owner,
}

/// A speaker with their rank at the time they spoke.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// Who it is.
    pub id: PrincipalId,
    /// What they may do.
    pub rank: Rank,
}

impl Principal {
    /// The owner, under the one id that the owner always has.
    #[must_use]
    pub fn owner() -> Self {
        Self { id: PrincipalId("owner".into()), rank: Rank::Owner }
    }
}

/// On whose behalf something is read. A store returns nothing that lies outside; to the reader it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The operator of this installation: everything.
    All,
    /// Sessions in which only this principal has ever spoken.
    Of(PrincipalId),
    /// One session.
    Session(SessionKey),
}
