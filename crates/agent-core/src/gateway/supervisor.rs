//! Keeps one channel going: connects it, runs it, sends for it, and starts again when it is lost.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    GatewayChannel, Shared, backoff::Backoff, dispatcher::dispatch, guard::guarded, health::ChannelState,
    measure, registry::Connected,
};
use crate::{ChannelError, Inlet, InletSetup, commands::COMMANDS};

/// How long a platform may take to greet.
const CONNECT_TIME: Duration = Duration::from_secs(30);
/// How long menus may take to be shown. Nothing waits for them.
const ANNOUNCE_TIME: Duration = Duration::from_secs(20);
/// A channel that ran so long was well: its next loss begins with a short pause again.
const WELL: Duration = Duration::from_secs(120);
/// The longest pause before a channel is tried again.
const LONGEST: Duration = Duration::from_secs(60);

/// When a channel ends: first it takes nothing in any more, then it sends nothing any more.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    pub(super) intake: CancellationToken,
    pub(super) sending: CancellationToken,
}

/// Runs a channel until both stages are over. Its failure is never anybody else's.
pub(super) async fn supervise(shared: Arc<Shared>, configured: GatewayChannel, stages: Stages) {
    let kind = configured.channel.kind().to_owned();
    let clock = shared.ports.clock.clone();
    // One that was ended says no more: its successor may be there already.
    let note = |state| {
        if !stages.sending.is_cancelled() {
            shared.health.channel(&kind, state, clock.now());
        }
    };
    note(ChannelState::Connecting);
    let mut trouble = Backoff::default();
    while !stages.intake.is_cancelled() {
        let begun = clock.monotonic();
        let error = tokio::select! {
            () = stages.intake.cancelled() => break,
            connected = connect(&shared, &configured) => match connected {
                Ok(connected) => {
                    let (account, name) = (connected.account.id.clone(), connected.account.name.clone());
                    tracing::info!(channel = kind, account, name, "channel connected");
                    note(ChannelState::Connected { account, name });
                    let ended = attend(&shared, connected, &stages).boxed().await;
                    match ended {
                        Ok(()) if stages.intake.is_cancelled() => break,
                        Ok(()) => ChannelError::Temporary { message: "the channel ended by itself".into(), after: None },
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            },
        };
        if clock.monotonic().saturating_sub(begun) > WELL {
            trouble = Backoff::default();
        }
        let text = error.to_string();
        let pause = match &error {
            ChannelError::Setup { .. } | ChannelError::Permanent { .. } => {
                tracing::error!(
                    channel = kind,
                    error = text,
                    "channel stopped; mend its configuration and reload"
                );
                note(ChannelState::Stopped { error: text });
                stages.intake.cancelled().await;
                break;
            }
            ChannelError::Temporary { after: Some(after), .. } => {
                (*after).max(trouble.next(shared.ports.ids.as_ref()))
            }
            _ => trouble.next(shared.ports.ids.as_ref()).min(LONGEST),
        };
        measure::reconnect(&kind);
        tracing::warn!(channel = kind, error = text, pause = ?pause, "channel lost; it is tried again");
        note(ChannelState::Retrying { error: text });
        tokio::select! {
            () = stages.intake.cancelled() => {}
            () = clock.sleep(pause) => {}
        }
    }
}

/// A channel that crashed is tried again, but not at once.
fn crashed(message: String) -> ChannelError {
    ChannelError::Temporary { message, after: Some(Duration::from_secs(30)) }
}

async fn connect(shared: &Shared, configured: &GatewayChannel) -> Result<Connected, ChannelError> {
    let GatewayChannel { channel, policy } = configured;
    let account = tokio::select! {
        connected = guarded(channel.connect(), crashed) => connected?,
        () = shared.ports.clock.sleep(CONNECT_TIME) => {
            let message = format!("the platform did not answer within {} s", CONNECT_TIME.as_secs());
            return Err(ChannelError::Temporary { message, after: None });
        }
    };
    let inlet = Inlet::new(InletSetup {
        stores: shared.ports.stores.clone(),
        clock: shared.ports.clock.clone(),
        ids: shared.ports.ids.clone(),
        worker: shared.ports.worker,
        admission: shared.admission.clone(),
        channel: channel.kind().to_owned(),
        account: account.id.clone(),
        policy: policy.inlet,
    });
    Ok(Connected { channel: channel.clone(), account, policy: *policy, inlet })
}

/// Takes in and sends, until the intake ends by itself or both stages are over. Sends that were begun are finished.
async fn attend(shared: &Arc<Shared>, connected: Connected, stages: &Stages) -> Result<(), ChannelError> {
    let kind = connected.channel.kind().to_owned();
    shared.ports.channels.set(&kind, &connected);
    announce(shared, &connected);
    let lost = stages.sending.child_token();
    let intake = async {
        let ended =
            guarded(connected.channel.run(connected.inlet.clone(), stages.intake.child_token()), crashed)
                .await;
        if !stages.intake.is_cancelled() {
            // Nothing can be sent either; what waits goes out when it is connected again.
            lost.cancel();
        }
        ended
    };
    let (ended, ()) = tokio::join!(intake, dispatch(shared, &connected, lost.clone()));
    shared.ports.channels.remove(&connected);
    ended
}

/// Shows the commands in the platform's menu. Nothing depends on it.
fn announce(shared: &Arc<Shared>, connected: &Connected) {
    let (shared_for_task, channel) = (shared.clone(), connected.channel.clone());
    let task = async move {
        tokio::select! {
            shown = guarded(channel.announce(COMMANDS), crashed) => if let Err(error) = shown {
                tracing::warn!(channel = channel.kind(), %error, "the command menu could not be shown");
            },
            () = shared_for_task.ports.clock.sleep(ANNOUNCE_TIME) => {}
        }
    };
    shared.ports.spawn.spawn("announce", Box::pin(task));
}
