//! placeholder
use agent_core::{ChannelKind, ChannelSetupError};
pub(crate) const KIND: ChannelKind = ChannelKind {
    name: "slack",
    summary: "slack",
    build: |_, _| Err(ChannelSetupError { key: String::new(), message: "under construction".into() }),
};
