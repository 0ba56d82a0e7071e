//! `AuditLog`, and how `Writes` appends to it.

use super::{
    StoreHarness,
    fixture::{Must, Rig, session, step},
};
use crate::{AuditEntry, AuditVerdict, Principal, Scope, SessionKey, Timestamp, Turn, Writes};

fn entry(key: &SessionKey, subject: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp(1),
        session: key.clone(),
        turn: None,
        principal: Principal::owner().id,
        kind: "tool.ok".into(),
        subject: subject.into(),
        payload: "{}".into(),
        millis: 3,
    }
}

async fn append(rig: &Rig, turn: &Turn, audit: Vec<AuditEntry>) {
    rig.mailbox().journal(&turn.lease, step("call-1"), Writes { audit, ..Writes::default() }).await.must();
}

/// Rows of a session stand in a chain of their own; the newest is listed first.
pub async fn rows_of_a_session_form_a_chain(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    append(&rig, &turn, vec![entry(&session(1), "one"), entry(&session(2), "other")]).await;
    append(&rig, &turn, vec![entry(&session(1), "two")]).await;
    let rows = rig.stores.audit.audit_rows(Some(&session(1)), 10).await.must();
    assert_eq!(
        rows.iter().map(|row| (row.no, row.entry.subject.as_str())).collect::<Vec<_>>(),
        [(2, "two"), (1, "one")]
    );
    let mut previous = String::new();
    for row in rows.iter().rev() {
        assert_eq!(row.hash, row.entry.chain_hash(&previous, row.no));
        previous.clone_from(&row.hash);
    }
    let all = rig.stores.audit.audit_rows(None, 2).await.must();
    assert_eq!(all.iter().map(|row| row.entry.subject.as_str()).collect::<Vec<_>>(), ["two", "other"]);
}

/// A log that nobody tampered with is intact, however many chains it has.
pub async fn an_untouched_log_is_intact(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(rig.stores.audit.audit_verify().await.must(), AuditVerdict::Intact { rows: 0 });
    let turn = rig.start("hello").await;
    for n in 1..=3 {
        append(&rig, &turn, vec![entry(&session(n), "one"), entry(&session(n), "two")]).await;
    }
    assert_eq!(rig.stores.audit.audit_verify().await.must(), AuditVerdict::Intact { rows: 6 });
}

/// What was done stays on record when its session is deleted.
pub async fn the_log_outlives_its_session(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    append(&rig, &turn, vec![entry(&session(1), "one")]).await;
    rig.commit(&turn, Writes::default()).await;
    rig.stores.sessions.delete_session(&Scope::All, &session(1)).await.must();
    assert_eq!(rig.stores.audit.audit_verify().await.must(), AuditVerdict::Intact { rows: 1 });
}
