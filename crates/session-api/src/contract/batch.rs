//! What `Mailbox::accept` writes besides its rows.

use super::{
    StoreHarness,
    fixture::{
        Must, Refused, Rig, entry, founders, inbound, inbound_to, message, moving, notice, question, record,
        saying, seconds, sending, session, setting,
    },
    sending::{body, claim, claim_one},
};
use crate::{
    Acceptance, ApprovalWrite, Batch, CursorMove, CursorPosition, OutboxMessage, Part, Rank, SessionWrite,
    SourceLease, Writes,
};

fn to(position: u64) -> CursorMove {
    CursorMove { name: "updates".into(), to: CursorPosition { generation: 0, position } }
}

async fn source(rig: &Rig) -> SourceLease {
    rig.mailbox().claim_source(rig.worker, "test", "bot", seconds(60)).await.must().must()
}

/// A notice to a stranger, a code, and an audit row about it.
fn refusal() -> Writes {
    let stranger = session(9);
    let mut writes = setting("pairing.code", "1234");
    writes.outbox.push(notice(&stranger, "I do not know you"));
    writes.audit.push(entry(&stranger, "stranger"));
    writes
}

/// Checks that a [`refusal`] was written.
async fn is_refused(rig: &Rig) {
    assert_eq!(rig.value("pairing.code").await.as_deref(), Some("1234"));
    assert_eq!(rig.stores.audit.audit_about("stranger", 10).await.must().len(), 1);
    assert_eq!(body(&claim_one(rig).await), Some("I do not know you"));
}

/// Checks that nothing was written.
async fn is_untouched(rig: &Rig) {
    assert_eq!(rig.value("pairing.code").await, None);
    assert!(rig.stores.audit.audit_about("stranger", 10).await.must().is_empty());
    assert!(claim(rig, 10).await.is_empty());
}

/// What a batch says, sets and notes is committed with its rows and its cursor.
pub async fn a_batch_applies_its_writes(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = source(&rig).await;
    let batch = Batch { writes: refusal(), ..moving(vec![inbound("hello")], to(7)) };
    rig.mailbox().accept(Some(&lease), batch, None).await.must();
    is_refused(&rig).await;
    assert_eq!(source(&rig).await.cursors, [("updates".to_owned(), to(7).to)]);
    assert_eq!(founders(&rig.lease().await), ["hello"]);
}

/// A batch without rows applies its writes as well.
pub async fn writes_without_rows_are_applied(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.mailbox().accept(None, Batch { writes: refusal(), ..Batch::default() }, None).await.must();
    is_refused(&rig).await;
    rig.is_idle().await;
}

/// Writes are applied also when every row is a duplicate.
pub async fn writes_beside_duplicates_are_applied(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let row = inbound("hello");
    rig.accept(row.clone()).await;
    let batch = Batch { writes: refusal(), ..vec![row.clone()].into() };
    let accepted = rig.mailbox().accept(None, batch, None).await.must();
    assert_eq!(accepted.rows, [Acceptance::Duplicate(row.id)]);
    is_refused(&rig).await;
}

/// An outgoing message whose id stands already is left as it is.
pub async fn a_message_said_before_is_left_as_it_is(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = notice(&session(9), "first");
    let again = OutboxMessage { parts: vec![Part::text("again")], ..first.clone() };
    for said in [first.clone(), again] {
        let batch = Batch { writes: sending(vec![said]), ..Batch::default() };
        rig.mailbox().accept(None, batch, None).await.must();
    }
    assert_eq!(rig.mailbox().outbox(&session(9), 10).await.must(), [first]);
    assert_eq!(body(&claim_one(&rig).await), Some("first"));
}

/// Whatever else a batch may want to write is refused, and the whole batch with it.
pub async fn a_batch_that_writes_anything_else_is_invalid(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let others = [
        saying(vec![message(&turn, "hello")]),
        Writes { inbound: vec![inbound_to(&session(2), "from inside")], ..Writes::default() },
        Writes { approvals: vec![ApprovalWrite::Ask(question(&turn, Rank::Owner))], ..Writes::default() },
        Writes { session: Some(SessionWrite::default()), ..Writes::default() },
        Writes { record: Some(record("{}")), ..Writes::default() },
    ];
    for mut writes in others {
        writes.append(refusal());
        let batch = Batch { writes, ..vec![inbound_to(&session(3), "beside")].into() };
        rig.mailbox().accept(None, batch, None).await.invalid();
    }
    is_untouched(&rig).await;
    rig.is_idle().await;
}

/// A batch that is refused writes nothing.
pub async fn a_refused_batch_writes_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let batch = Batch { writes: refusal(), ..moving(Vec::new(), to(7)) };
    rig.mailbox().accept(None, batch, None).await.stale();
    is_untouched(&rig).await;
}

/// A lease that is given must be valid, also when no cursor moves.
pub async fn a_lease_that_is_given_must_be_valid(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = source(&rig).await;
    rig.clock.advance(seconds(61));
    let batch = Batch { writes: refusal(), ..vec![inbound("hello")].into() };
    rig.mailbox().accept(Some(&lease), batch, None).await.stale();
    is_untouched(&rig).await;
    rig.is_idle().await;
}
