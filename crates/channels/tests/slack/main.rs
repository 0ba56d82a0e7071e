//! The Slack channel against a fake Slack.
#![cfg(feature = "slack")]
#![expect(clippy::expect_used, clippy::panic, reason = "a broken promise fails the test")]

mod bench;
mod contract;
mod files;
mod hook;
mod inbound;
mod outbound;
mod reconcile;
mod socket;
