//! Kills the process at a named place, for tests of what a kill leaves behind.
//!
//! The places are trace events of the target `failpoint`; `FACTOTUM_FAILPOINT=SITE:N:kill` kills with SIGKILL when the
//! event of that site comes for the N-th time. Without the variable nobody listens and an event costs nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// The target of the events.
const TARGET: &str = "failpoint";

/// All places, in the order in which a message passes them; behind them those of a consolidation.
pub(crate) const SITES: [&str; 28] = [
    "inbox.before",
    "inbox.after",
    "ack.before",
    "ack.after",
    "lease.before",
    "lease.after",
    "journal.before",
    "journal.after",
    "model.before",
    "model.after",
    "draft.before",
    "draft.after",
    "tool_start.before",
    "tool_start.after",
    "tool_end.before",
    "tool_end.after",
    "commit.before",
    "commit.after",
    "compaction.asked",
    "compaction.before",
    "compaction.after",
    "send.before",
    "send.after",
    "sent.before",
    "sent.after",
    "consolidate.prepared",
    "consolidate.replaced",
    "consolidate.told",
];

/// One armed place.
#[derive(Debug)]
pub(crate) struct Failpoint {
    site: String,
    at: u32,
    hits: AtomicU32,
}

impl Failpoint {
    /// From `SITE:N:kill`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("FACTOTUM_FAILPOINT: {text:?} is not SITE:N:kill; the sites are {}", SITES.join(", "));
        let mut fields = text.split(':');
        let (Some(site), Some(at), Some("kill"), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(wrong());
        };
        let at: u32 = at.parse().ok().filter(|at| *at > 0).ok_or_else(wrong)?;
        if !SITES.contains(&site) {
            return Err(wrong());
        }
        Ok(Self { site: site.to_owned(), at, hits: AtomicU32::new(0) })
    }
}

struct Site<'a> {
    wanted: &'a str,
    found: bool,
}

impl Visit for Site<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.found |= field.name() == "site" && value == self.wanted;
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber> Layer<S> for Failpoint {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut site = Site { wanted: &self.site, found: false };
        event.record(&mut site);
        if site.found && self.hits.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            // Nothing may run any more, no destructor and no flush: that is what a kill means.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

/// Whether an event is one of ours.
pub(crate) fn is_failpoint(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_places_are_armed() {
        let armed = Failpoint::parse("send.after:3:kill").unwrap();
        assert_eq!((armed.site.as_str(), armed.at), ("send.after", 3));
        for wrong in [
            "",
            "send.after",
            "send.after:0:kill",
            "send.after:x:kill",
            "nowhere:1:kill",
            "send.after:1:panic",
        ] {
            assert!(Failpoint::parse(wrong).unwrap_err().contains("send.after"), "{wrong}");
        }
    }
}
