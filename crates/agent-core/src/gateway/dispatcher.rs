//! Sends what stands in the outbox.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use session_api::{PartClaim, Settlement, StoreError};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    backoff::Backoff,
    guard::{doubtful, guarded},
    measure, notices,
    registry::Connected,
    split::ChannelSplitter,
};
use crate::{ChannelError, Ports, Reconciled};

/// Most sends of one channel at the same time. Each is for another chat.
const AT_ONCE: usize = 16;
/// How long one send may take before nobody knows what became of it. A large file takes its time.
const SEND_TIME: Duration = Duration::from_secs(120);
/// How much longer it may take once the channel was lost.
const PARTING: Duration = Duration::from_secs(10);
/// How often to look whether a back-off is over when nothing else happens.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same where nothing was sent for [`LATELY`]: an idle process is to use next to nothing.
const LOOK_SELDOM: Duration = Duration::from_secs(5);
/// Longer than any pause between two attempts.
const LATELY: Duration = Duration::from_secs(15 * 60);
/// The longest pause before a store in trouble is asked again: it may be well at any moment, and everybody waits.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// The longest wait that a platform is granted.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);
/// A part is given up after so many attempts: with the longest pause between them that is more than a day.
const MOST_ATTEMPTS: u32 = 300;

/// Sends the parts of one connected channel, in order within each chat, until `stop`; then finishes the sends it has
/// begun.
pub(super) async fn dispatch(shared: &Shared, connected: &Connected, stop: CancellationToken) {
    let ports = &shared.ports;
    let kind = connected.channel.kind().to_owned();
    let splitter = Arc::new(ChannelSplitter(connected.channel.capabilities()));
    let mailbox = &ports.stores.mailbox;
    let mut sending = FuturesUnordered::new();
    let mut trouble = Backoff::default();
    let mut sent_at: Option<Duration> = None;
    while !stop.is_cancelled() {
        let room = AT_ONCE.saturating_sub(sending.len());
        let claimed = async {
            // Read before the claim, so that what comes in between ends the wait at once.
            let version = mailbox.changed(0).await?;
            let claims = if room == 0 {
                Vec::new()
            } else {
                mailbox.claim_parts(ports.worker, std::slice::from_ref(&kind), room, splitter.clone()).await?
            };
            Ok::<_, StoreError>((version, claims))
        };
        let (version, claims) = match claimed.await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, channel = kind, "the outbox could not be read");
                let pause = trouble.next(ports.ids.as_ref()).min(STORE_AGAIN);
                tokio::select! {
                    () = stop.cancelled() => {}
                    Some(()) = sending.next() => {}
                    () = ports.clock.sleep(pause) => {}
                }
                continue;
            }
        };
        trouble = Backoff::default();
        let idle = claims.is_empty();
        let now = ports.clock.monotonic();
        if !idle {
            sent_at = Some(now);
        }
        let lately = sent_at.is_some_and(|at| now.saturating_sub(at) < LATELY);
        let look_again = if lately { LOOK_AGAIN } else { LOOK_SELDOM };
        for claim in claims {
            sending.push(deliver(shared, connected, claim, &stop));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(()) = sending.next() => {}
            changed = mailbox.changed(version), if idle && room > 0 => {
                if let Err(error) = changed {
                    tracing::warn!(%error, "changes cannot be followed");
                    ports.clock.sleep(LOOK_AGAIN).await;
                }
            }
            () = ports.clock.sleep(look_again), if idle => {}
            () = std::future::ready(()), if !idle && room > 0 => {}
        }
    }
    while sending.next().await.is_some() {}
}

/// Sends one part and settles its claim, however long that takes: a claim that is left open would hold its chat.
async fn deliver(shared: &Shared, connected: &Connected, claim: PartClaim, stop: &CancellationToken) {
    let ports = &shared.ports;
    let settlement = outcome(ports, connected, &claim, stop).await;
    measure::sent(connected.channel.kind(), &settlement);
    let mut trouble = Backoff::default();
    loop {
        crate::failpoint("sent.before");
        match ports.stores.mailbox.settle_part(&claim, settlement.clone()).await {
            Ok(()) => break,
            // Somebody else has it now.
            Err(StoreError::Stale { .. }) => return,
            Err(error) => {
                tracing::warn!(%error, part = %claim.part.id, "a send could not be recorded; trying again");
                ports.clock.sleep(trouble.next(ports.ids.as_ref()).min(STORE_AGAIN)).await;
            }
        }
    }
    crate::failpoint("sent.after");
    let error = match &settlement {
        Settlement::Failed { error } => error,
        Settlement::Unknown { error } if claim.part.doubted => error,
        _ => return,
    };
    notices::undelivered(shared, &claim, error).await;
}

/// What became of one attempt.
async fn outcome(
    ports: &Ports,
    connected: &Connected,
    claim: &PartClaim,
    stop: &CancellationToken,
) -> Settlement {
    let doubt = |message: String| settled(ports, claim, &ChannelError::Doubtful { message });
    let account = &claim.route.account;
    if !account.is_empty() && *account != connected.account.id {
        let error = format!(
            "it was meant to leave through the account {account}, and the channel is connected as {}",
            connected.account.id
        );
        return Settlement::Failed { error };
    }
    if claim.part.doubted {
        let asked = tokio::select! {
            asked = guarded(connected.channel.reconcile(claim), doubtful) => asked,
            unanswered = unanswered(ports, stop) => return doubt(unanswered),
        };
        match asked {
            Ok(Reconciled::Sent(sent)) => return Settlement::Sent { platform_id: sent.platform_id },
            Ok(Reconciled::NotSent) => {}
            Ok(Reconciled::Unknown) if claim.may_resend => {}
            Ok(Reconciled::Unknown) => {
                return Settlement::Unknown { error: "the platform cannot tell whether it was sent".into() };
            }
            Err(error) => return settled(ports, claim, &error),
        }
    }
    crate::failpoint("send.before");
    let sent = tokio::select! {
        sent = guarded(connected.channel.send(claim), doubtful) => sent,
        unanswered = unanswered(ports, stop) => Err(ChannelError::Doubtful { message: unanswered }),
    };
    crate::failpoint("send.after");
    match sent {
        Ok(sent) => Settlement::Sent { platform_id: sent.platform_id },
        Err(error) => settled(ports, claim, &error),
    }
}

/// Returns when a platform has had its time to answer, which is short once the channel is lost or ends: what comes
/// after it waits for this.
async fn unanswered(ports: &Ports, stop: &CancellationToken) -> String {
    let parting = async {
        stop.cancelled().await;
        ports.clock.sleep(PARTING).await;
    };
    tokio::select! {
        () = parting => "the channel ended before the platform answered".into(),
        () = ports.clock.sleep(SEND_TIME) => format!("the platform did not answer within {} s", SEND_TIME.as_secs()),
    }
}

fn settled(ports: &Ports, claim: &PartClaim, error: &ChannelError) -> Settlement {
    let message = error.to_string();
    tracing::warn!(channel = claim.route.channel, part = %claim.part.id, attempts = claim.part.attempts, error = message, "a part was not sent");
    let wait = match error {
        ChannelError::Permanent { .. } => return Settlement::Failed { error: message },
        ChannelError::Doubtful { .. } => return Settlement::Unknown { error: message },
        _ if claim.part.attempts >= MOST_ATTEMPTS => {
            return Settlement::Failed {
                error: format!("given up after {MOST_ATTEMPTS} attempts: {message}"),
            };
        }
        // Our own pause as well: a platform that always says "in a second" would use up all attempts in minutes.
        ChannelError::Temporary { after: Some(after), .. } => {
            (*after).min(LONGEST_WAIT).max(Backoff::after(claim.part.attempts, ports.ids.as_ref()))
        }
        // The channel's own supervisor sees to a bad key; the message waits for it.
        ChannelError::Setup { .. } => Duration::from_secs(60),
        ChannelError::Temporary { after: None, .. } | ChannelError::Store(_) => {
            Backoff::after(claim.part.attempts, ports.ids.as_ref())
        }
    };
    Settlement::RetryAt { at: ports.clock.now().plus(wait), error: message }
}
