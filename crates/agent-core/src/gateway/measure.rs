//! What the gateway counts. Names and meanings stand in `docs/operations.md`.

use std::time::Duration;

use session_api::{Backlog, Settlement, Timestamp};

/// A part was sent, or not.
pub(super) fn sent(channel: &str, settlement: &Settlement) {
    let outcome = match settlement {
        Settlement::Sent { .. } => "sent",
        Settlement::RetryAt { .. } => "retry",
        Settlement::Failed { .. } => "failed",
        Settlement::Unknown { .. } => "unknown",
    };
    metrics::counter!("factotum_sends_total", "channel" => channel.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// A channel was lost and is connected again later.
pub(super) fn reconnect(channel: &str) {
    metrics::counter!("factotum_channel_restarts_total", "channel" => channel.to_owned()).increment(1);
}

/// A turn ended, or was suspended or lost.
pub(super) fn turn(outcome: &'static str, time: Duration) {
    metrics::counter!("factotum_turns_total", "outcome" => outcome).increment(1);
    metrics::histogram!("factotum_turn_seconds").record(time.as_secs_f64());
}

/// A job was fired so late; `broken`: it made no sense and was switched off.
pub(super) fn fired(late: Duration, broken: bool) {
    let outcome = if broken { "broken" } else { "fired" };
    metrics::counter!("factotum_jobs_total", "outcome" => outcome).increment(1);
    metrics::histogram!("factotum_job_lateness_seconds").record(late.as_secs_f64());
}

/// An accepted message was not worked on before its deadline, and the sweeper had to say so.
pub(super) fn silent() {
    metrics::counter!("factotum_silent_turns_total").increment(1);
}

/// What waits.
pub(super) fn backlog(backlog: &Backlog, now: Timestamp) {
    let age = |at: Option<Timestamp>| at.map_or(0.0, |at| now.since(at).as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts of rows are far below 2^52")]
    let set = |name: &'static str, value: u64| metrics::gauge!(name).set(value as f64);
    set("factotum_inbox_pending", backlog.pending);
    set("factotum_turns_running", backlog.running);
    set("factotum_turns_suspended", backlog.suspended);
    set("factotum_dead_letters", backlog.dead);
    set("factotum_outbox_unsent", backlog.unsent);
    metrics::gauge!("factotum_inbox_oldest_seconds").set(age(backlog.oldest_pending));
    metrics::gauge!("factotum_outbox_oldest_seconds").set(age(backlog.oldest_unsent));
}

/// So that each counter is there from the start, at zero.
pub(super) fn describe() {
    metrics::counter!("factotum_silent_turns_total").absolute(0);
}
