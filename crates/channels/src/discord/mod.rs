//! placeholder
use agent_core::{ChannelKind, ChannelSetupError};
pub(crate) const KIND: ChannelKind = ChannelKind {
    name: "discord",
    summary: "discord",
    pairing: true, build: |_, _| Err(ChannelSetupError { key: String::new(), message: "under construction".into() }),
};
