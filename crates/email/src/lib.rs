//! Email as a channel: IMAP in, SMTP out.

use agent_core::ChannelKind;

/// The kinds of this crate.
pub const KINDS: &[ChannelKind] = &[];
