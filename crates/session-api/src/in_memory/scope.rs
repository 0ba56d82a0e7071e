//! Who sees what.

use super::state::State;
use crate::{Scope, SessionKey};

impl State {
    /// Whether a reader with this scope may know of the session.
    pub(super) fn sees(&self, scope: &Scope, key: &SessionKey) -> bool {
        match scope {
            Scope::All => true,
            Scope::Of(principal) => self
                .sessions
                .get(key)
                .is_some_and(|session| !session.shared && session.principal == *principal),
            Scope::Session(only) => only == key,
        }
    }
}
