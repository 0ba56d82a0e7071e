//! Chat platforms: one folder and one cargo feature for each, all with the same files.
//!
//! To add one: a folder with `mod` (the [`Channel`](agent_core::Channel)), `config`, `inbound` (the platform's events to
//! [`Arrival`](agent_core::Arrival)s), `outbound` (parts to calls), `markup` (markdown to the platform's own),
//! `error`; a fake server in `tests/servers`; one line in [`KINDS`], one feature, one page in `docs/channels`.

#[cfg(feature = "discord")]
mod discord;
#[cfg(feature = "slack")]
mod slack;
#[cfg(feature = "telegram")]
mod telegram;

use agent_core::ChannelKind;

/// The kinds of this build.
pub const KINDS: &[ChannelKind] = &[
    #[cfg(feature = "telegram")]
    telegram::KIND,
    #[cfg(feature = "discord")]
    discord::KIND,
    #[cfg(feature = "slack")]
    slack::KIND,
];
