//! The driver and the façade over a store in memory, a scripted model, scripted tools and a clock that stands still.

mod approvals;
mod commands;
mod crashes;
mod events;
mod failures;
mod history;
mod hooks;
mod queues;
mod stops;
mod support;
mod tools;
mod turns;
