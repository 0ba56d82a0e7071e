//! Refusals in few words.

use crate::StoreError;

pub(super) fn stale(what: &str) -> StoreError {
    StoreError::Stale { what: what.to_owned() }
}

pub(super) fn invalid(what: &str) -> StoreError {
    StoreError::Invalid { what: what.to_owned() }
}

pub(super) fn conflict(what: &str) -> StoreError {
    StoreError::Conflict { what: what.to_owned() }
}
