//! What was pinned in a conversation: it stands in the prompt, so that no summary can lose it.

use session_api::{KvStore, PrincipalId, SessionKey, StoreError};

use super::{PromptSection, Share};

const PREFIX: &str = "pin:";
/// Most pins of one conversation.
pub(crate) const MOST_PINS: usize = 50;

/// Something pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// Its number, for `/unpin`.
    pub(crate) number: u32,
    /// What it says.
    pub(crate) text: String,
}

impl Pin {
    /// The name under which the session keeps it.
    pub(crate) fn key(number: u32) -> String {
        format!("{PREFIX}{number:08}")
    }
}

/// What is pinned in a session, oldest first.
pub(crate) async fn pins(kv: &dyn KvStore, session: &SessionKey) -> Result<Vec<Pin>, StoreError> {
    let entries = kv.kv_list(&PrincipalId::of_session_state(session), PREFIX, MOST_PINS).await?;
    let pin = |entry: session_api::KvEntry| {
        Some(Pin { number: entry.key.strip_prefix(PREFIX)?.parse().ok()?, text: entry.value })
    };
    Ok(entries.into_iter().filter_map(pin).collect())
}

/// Each pin is a section of its own: one that does not fit does not keep the others out.
pub(crate) fn section(pin: &Pin) -> PromptSection {
    PromptSection {
        share: Share::Pins,
        name: format!("Pinned in this conversation ({})", pin.number),
        text: pin.text.clone(),
        absent: None,
    }
}
