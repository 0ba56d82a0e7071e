//! Servers that go away, and ones that only seem to be there.

use std::sync::Arc;
use std::time::Duration;

use agent_core::ChannelError;
use session_api::{Clock, ManualClock};

use crate::desk::{Desk, mail, texts};
use crate::office::{FRIEND, PATIENCE};

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_and_a_server_that_is_down_are_temporary() {
    let Some(mut desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    desk.proxy.cut();
    assert!(matches!(running.ended().await, Err(ChannelError::Temporary { .. })));
    desk.dovecot.kill();
    assert!(matches!(desk.channel().connect().await, Err(ChannelError::Temporary { .. })));
    assert!(matches!(desk.run().ended().await, Err(ChannelError::Temporary { .. })));
    desk.dovecot.start_again();
    desk.dovecot.inbox().deliver(mail("a1@test.local", FRIEND, "", "after the outage"));
    let running = desk.start(2).await;
    assert_eq!(texts(&desk.arrived(1).await[0]), ["after the outage"]);
    running.stop().await.unwrap();
}

/// The master is killed and the idling session lives on, mute: only our own deadlines show it.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_is_given_up_by_the_channel_itself() {
    let clock = Arc::new(ManualClock::default());
    let Some(desk) = Desk::at(clock.clone()) else { return };
    let running = desk.start(1).await;
    assert!(desk.proxy.counted("+", 1, PATIENCE).await);
    desk.proxy.stall(true);
    // The first IDLE ends after half a minute; the right to poll is renewed meanwhile without ending it.
    while !running.is_over() {
        clock.advance(Duration::from_secs(15));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(clock.monotonic() < Duration::from_secs(300), "{:?}", clock.monotonic());
    assert_eq!(
        (desk.proxy.count("IDLE"), desk.proxy.count("DONE")),
        (1, 1),
        "it asks once whether anybody is there"
    );
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, ChannelError::Temporary { .. }), "{error}");
    assert!(error.to_string().contains("does not answer any more"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_heeded_in_the_middle_of_a_stalled_command() {
    let Some(desk) = Desk::open() else { return };
    let running = desk.start(1).await;
    desk.proxy.stall(true);
    running.stop().await.expect("it ends without an error");
}
