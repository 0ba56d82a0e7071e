//! `AuditLog`, and how `Writes` appends to it.

use super::{
    StoreHarness,
    fixture::{Must, Rig, entry, session, step},
};
use crate::{AuditEntry, AuditHead, AuditVerdict, Scope, Turn, Writes};

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
        assert!(row.follows(&previous, row.no), "{row:?}");
        previous.clone_from(&row.hash);
    }
    let all = rig.stores.audit.audit_rows(None, 2).await.must();
    assert_eq!(all.iter().map(|row| row.entry.subject.as_str()).collect::<Vec<_>>(), ["two", "other"]);
}

/// A log that nobody tampered with is intact, however many chains it has.
pub async fn an_untouched_log_is_intact(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(rig.stores.audit.audit_verify().await.must(), AuditVerdict::Intact { rows: 0, head: None });
    let turn = rig.start("hello").await;
    for n in 1..=3 {
        append(&rig, &turn, vec![entry(&session(n), "one"), entry(&session(n), "two")]).await;
    }
    let mut expected: Option<AuditHead> = None;
    for row in rig.stores.audit.audit_rows(None, 10).await.must().iter().rev() {
        expected = Some(AuditHead::after(expected.as_ref(), &row.entry, row.no, &row.hash));
    }
    assert_eq!(
        rig.stores.audit.audit_verify().await.must(),
        AuditVerdict::Intact { rows: 6, head: expected },
        "the head of the newest day covers all rows"
    );
}

/// What was done stays on record when its session is deleted. The payloads go, every chain holds, and a row says how many
/// it were; other conversations keep theirs.
pub async fn the_log_outlives_its_session(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let two = vec![entry(&session(1), "one"), entry(&session(2), "other"), entry(&session(1), "two")];
    append(&rig, &turn, two.clone()).await;
    rig.commit(&turn, Writes::default()).await;
    rig.stores.sessions.delete_session(&Scope::All, &session(1)).await.must();
    let verdict = rig.stores.audit.audit_verify().await.must();
    assert!(matches!(verdict, AuditVerdict::Intact { rows: 4, .. }), "{verdict:?}");
    let rows = rig.stores.audit.audit_rows(Some(&session(1)), 10).await.must();
    let told: Vec<_> = rows.iter().map(|row| (row.entry.kind.as_str(), row.entry.payload.as_str())).collect();
    assert_eq!(
        told,
        [("audit.erased", r#"{"rows":2}"#), (two[2].kind.as_str(), ""), (two[0].kind.as_str(), "")]
    );
    assert_eq!(rows[2].erased.as_deref(), Some(two[0].payload_digest().as_str()));
    let others = rig.stores.audit.audit_rows(Some(&session(2)), 10).await.must();
    assert_eq!((others[0].entry.payload.as_str(), &others[0].erased), (two[1].payload.as_str(), &None));
}

/// Rows about a subject are found in all sessions, the newest first; one that only resembles it is another.
pub async fn rows_about_a_subject_are_listed_newest_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let about = |n, subject| entry(&session(n), subject);
    append(&rig, &turn, vec![about(1, "exec"), about(2, "exec"), about(1, "exec2"), about(1, "Exec")]).await;
    append(&rig, &turn, vec![about(1, "exec")]).await;
    let found = async |subject, limit| {
        let rows = rig.stores.audit.audit_about(subject, limit).await.must();
        rows.into_iter().map(|row| (row.entry.session, row.no)).collect::<Vec<_>>()
    };
    assert_eq!(found("exec", 10).await, [(session(1), 4), (session(2), 1), (session(1), 1)]);
    assert_eq!(found("exec", 1).await, [(session(1), 4)]);
    assert_eq!(found("exe", 10).await, []);
}
