//! The driver and the façade over a store in memory, a scripted model, scripted tools and a clock that stands still.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what should be there and is not fails the test"
)]

mod approvals;
mod commands;
mod compaction;
mod crashes;
mod events;
mod failures;
mod gateway;
mod history;
mod hooks;
mod leases;
mod limits;
mod long_history;
mod outside;
mod prompts;
mod queues;
mod replay;
mod routing;
mod sessions;
mod spawning;
mod spending;
mod stops;
mod support;
mod tools;
mod turns;
mod worker;
