//! Who is who.

use super::state::State;
use crate::{PersonWrite, PrincipalId};

impl State {
    pub(super) fn write_person(&mut self, write: PersonWrite) {
        match write {
            PersonWrite::Join { from, into } => self.join(&from, &into),
            PersonWrite::Part { from } => drop(self.joined.remove(&from)),
        }
    }

    fn join(&mut self, from: &PrincipalId, into: &PrincipalId) {
        for session in self.sessions.values_mut().filter(|session| session.principal == *from) {
            session.principal = into.clone();
        }
        for row in self.jobs.values_mut().filter(|row| row.job.owner == *from) {
            row.job.owner = into.clone();
        }
        for (key, entry) in std::mem::take(&mut self.kv) {
            let (owner, name) = key;
            if owner == *from {
                self.kv.entry((into.clone(), name)).or_insert(entry);
            } else {
                self.kv.insert((owner, name), entry);
            }
        }
        for joined in self.joined.values_mut().filter(|joined| *joined == from) {
            *joined = into.clone();
        }
        self.joined.insert(from.clone(), into.clone());
    }

    /// Whose the folder of `person` is now.
    pub(super) fn joined_to<'a>(&'a self, person: &'a PrincipalId) -> &'a PrincipalId {
        self.joined.get(person).unwrap_or(person)
    }
}
