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

    /// Whose values belong to a session and go with it: what is kept in mind there. No person has such an id.
    #[must_use]
    pub fn of_session(key: &SessionKey) -> Self {
        Self(format!("session {key}"))
    }

    /// As [`of_session`](Self::of_session), for what tools do not reach: pins, and when a summary is tried again.
    #[must_use]
    pub fn of_session_state(key: &SessionKey) -> Self {
        Self(format!("state of session {key}"))
    }
}

impl PrincipalId {
    /// The name of the person's folder under `people/`: the id with everything but letters, digits, `-`, `_`, `@` and
    /// inner dots as `%` and two digits. Two people never have the same.
    #[must_use]
    pub fn folder(&self) -> String {
        let mut name = String::new();
        for (at, byte) in self.0.bytes().enumerate() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'@' => name.push(char::from(byte)),
                b'.' if at > 0 => name.push('.'),
                byte => name.push_str(&format!("%{byte:02x}")),
            }
        }
        name
    }

    /// Whose folder has this name; `None` where that of nobody has.
    #[must_use]
    pub fn of_folder(name: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            bytes.push(match byte {
                b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
                byte => byte,
            });
        }
        let id = Self(String::from_utf8(bytes).ok()?);
        (id.folder() == name).then_some(id)
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

/// A change to who is who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PersonWrite {
    /// Both are one person. The sessions, values, jobs and files of `from` are those of `into` from now on; a value of the
    /// same name stays as `into` has it.
    Join {
        /// Who is nobody of their own any more.
        from: PrincipalId,
        /// Whose all of it is.
        into: PrincipalId,
    },
    /// `from` is a person of their own again, with their files. Everything else stays where it is.
    Part {
        /// Who was joined.
        from: PrincipalId,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_person() {
        for (id, folder) in [
            ("owner", "owner"),
            ("telegram:42", "telegram%3a42"),
            ("email:a.b@c.de", "email%3aa.b@c.de"),
            ("..", "%2e."),
        ] {
            let id = PrincipalId(id.into());
            assert_eq!(id.folder(), folder);
            assert_eq!(PrincipalId::of_folder(folder), Some(id));
        }
        for wrong in ["a b", "..", "%3", "%zz", "%61", "a/b", "%ff"] {
            assert_eq!(PrincipalId::of_folder(wrong), None, "{wrong}");
        }
    }
}
