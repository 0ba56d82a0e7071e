//! When a summary is tried again. Kept in the store, so that a process that runs for one message only knows it too.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use session_api::{KvStore, KvWrite, PrincipalId, SessionKey, StoreError, Timestamp};

/// The session's own: how often it failed in a row, and not before when it is tried again.
const OWN: &str = "compaction";
/// The installation's: what went wrong last, for `status`.
const LAST: &str = "compaction:trouble";
/// The first pause; it doubles.
const FIRST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);
/// For how long a summary that somebody took back is not made anew unasked.
const TAKEN_BACK: Duration = Duration::from_secs(24 * 60 * 60);
/// When a note that nobody renews is of no use any more.
const FORGOTTEN: Duration = Duration::from_secs(3 * 24 * 60 * 60);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Own {
    failures: u32,
    not_before: Timestamp,
}

/// Summaries fail: since when, where last, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactionTrouble {
    /// The first failure since one went well.
    pub since: Timestamp,
    /// The session of the last failure.
    pub session: SessionKey,
    /// The last failure, for a person.
    pub error: String,
    /// Failures since one went well.
    pub failures: u32,
}

async fn own(kv: &dyn KvStore, session: &SessionKey) -> Result<Own, StoreError> {
    let entry = kv.kv_get(&PrincipalId::of_session_state(session), OWN).await?;
    Ok(entry.and_then(|entry| serde_json::from_str(&entry.value).ok()).unwrap_or_default())
}

/// Whether a summary of `session` is not due yet, since one failed or was taken back.
pub(crate) async fn waits(
    kv: &dyn KvStore,
    session: &SessionKey,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(now < own(kv, session).await?.not_before)
}

/// What goes wrong with summaries; `None` while nothing does.
pub(crate) async fn trouble(kv: &dyn KvStore) -> Result<Option<CompactionTrouble>, StoreError> {
    let entry = kv.kv_get(&PrincipalId::installation(), LAST).await?;
    Ok(entry.and_then(|entry| serde_json::from_str(&entry.value).ok()))
}

/// A summary failed: not before a while, which doubles, and not before what stands already.
pub(super) async fn failed(
    kv: &dyn KvStore,
    session: &SessionKey,
    now: Timestamp,
    error: &str,
) -> Result<Vec<KvWrite>, StoreError> {
    let own = own(kv, session).await?;
    let failures = own.failures.saturating_add(1);
    let pause = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST);
    let before = trouble(kv).await?;
    let trouble = CompactionTrouble {
        since: before.as_ref().map_or(now, |before| before.since),
        session: session.clone(),
        error: error.to_owned(),
        failures: before.map_or(1, |before| before.failures.saturating_add(1)),
    };
    let last = KvWrite::Set {
        owner: PrincipalId::installation(),
        key: LAST.into(),
        value: serde_json::to_string(&trouble).unwrap_or_default(),
        expires_at: Some(now.plus(FORGOTTEN)),
    };
    // Somebody who took a summary back and then asked for another one gets none unasked because that one failed.
    let not_before = own.not_before.max(now.plus(pause));
    Ok(vec![hold(session, failures, not_before, now), last])
}

/// Nobody wants a summary of `session` for now: one was taken back.
pub(crate) fn held(session: &SessionKey, now: Timestamp) -> KvWrite {
    hold(session, 0, now.plus(TAKEN_BACK), now)
}

fn hold(session: &SessionKey, failures: u32, not_before: Timestamp, now: Timestamp) -> KvWrite {
    KvWrite::Set {
        owner: PrincipalId::of_session_state(session),
        key: OWN.into(),
        value: serde_json::to_string(&Own { failures, not_before }).unwrap_or_default(),
        expires_at: Some(now.plus(FORGOTTEN)),
    }
}

/// A summary went well.
pub(super) fn went_well(session: &SessionKey) -> Vec<KvWrite> {
    vec![
        KvWrite::Delete { owner: PrincipalId::of_session_state(session), key: OWN.into() },
        KvWrite::Delete { owner: PrincipalId::installation(), key: LAST.into() },
    ]
}
