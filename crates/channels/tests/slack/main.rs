//! The Slack channel against a fake Slack.
#![cfg(feature = "slack")]

mod bench;
mod contract;
