//! Whether a part was sent whose sending was cut off.

use agent_core::{ChannelError, Reconciled, contract::channel::claim};
use servers::slack::{ApiFault, FakeSlack, Say};
use session_api::{Part, PartClaim};

use crate::bench::{ACCOUNT, Bench, FRIEND};

fn part(bench: &Bench, id: u128, text: &str) -> PartClaim {
    claim(bench.channel.as_ref(), ACCOUNT, "C1", id, text)
}

#[tokio::test]
async fn a_post_that_was_cut_off_is_found_by_its_mark() {
    let bench = Bench::new();
    let root = bench.fake.place(&Say::new("C1", FRIEND, "question"));
    for thread in [None, Some(root)] {
        let mut answer = part(&bench, 100 + u128::from(thread.is_some()), "the same words");
        answer.route.thread = thread;
        let before = bench.channel.reconcile(&answer).await.expect("it answers");
        assert_eq!(before, Reconciled::NotSent);
        bench.fake.fail_next("chat.postMessage", ApiFault::CutAfter);
        let error = bench.channel.send(&answer).await.expect_err("no answer came");
        assert!(matches!(error, ChannelError::Doubtful { .. }));
        let ts = bench.fake.read(|world| world.answers("C1").last().expect("it was posted").ts.clone());
        let after = bench.channel.reconcile(&answer).await.expect("it answers");
        assert!(matches!(after, Reconciled::Sent(sent) if sent.platform_id == Some(ts)));
    }
}

#[tokio::test]
async fn a_post_that_never_arrived_is_known_not_to_be_there() {
    let bench = Bench::new();
    bench.fake.fail_next("chat.postMessage", ApiFault::CutBefore);
    let answer = part(&bench, 1, "hello");
    assert!(bench.channel.send(&answer).await.is_err());
    bench.channel.send(&part(&bench, 2, "hello")).await.expect("another part with the same words");
    let known = bench.channel.reconcile(&answer).await.expect("it answers");
    assert_eq!(known, Reconciled::NotSent);
}

#[tokio::test]
async fn a_tail_that_cannot_be_read_to_its_end_proves_nothing() {
    let bench = Bench::new();
    for number in 0..501 {
        bench.fake.place(&Say::new("C1", FRIEND, &format!("talk {number}")));
    }
    let known = bench.channel.reconcile(&part(&bench, 1, "hello")).await.expect("it answers");
    assert_eq!(known, Reconciled::Unknown);
    // An id that holds its time: whatever is older need not be read.
    let fresh = 0x0fff_ffff_ffff_7000_8000_0000_0000_0001;
    let known = bench.channel.reconcile(&part(&bench, fresh, "hello")).await.expect("it answers");
    assert_eq!(known, Reconciled::NotSent);
}

#[tokio::test]
async fn an_edit_can_be_repeated_and_its_draft_proves_nothing() {
    let bench = Bench::new();
    let mut answer = part(&bench, 1, "draft");
    answer.part.platform_id = bench.channel.send(&answer).await.expect("it is sent").platform_id;
    answer.part.body = Some(Part::text("final"));
    let known = bench.channel.reconcile(&answer).await.expect("it answers");
    assert_eq!(known, Reconciled::NotSent);
}

#[tokio::test]
async fn errors_while_looking_are_told_and_a_missing_scope_leaves_doubt() {
    let bench = Bench::over(FakeSlack::start(), |_| {});
    bench.fake.fail_next("conversations.history", ApiFault::Limited(3));
    let error = bench.channel.reconcile(&part(&bench, 1, "x")).await.expect_err("it must wait");
    assert!(matches!(error, ChannelError::Temporary { after: Some(_), .. }));
    bench.fake.fail_next("conversations.history", ApiFault::Error("missing_scope".into()));
    let known = bench.channel.reconcile(&part(&bench, 1, "x")).await.expect("it answers");
    assert_eq!(known, Reconciled::Unknown);
}
