//! The mailbox for sent mail: a copy of each answer, and the proof that it went out.

use agent_core::ChannelError;
use session_api::Clock;

use crate::config::Config;
use crate::imap::Imap;
use crate::outbound::Outgoing;

/// Puts a copy of a delivered mail there, unless the server has done so itself.
pub(crate) async fn save(config: &Config, clock: &dyn Clock, mail: &Outgoing) -> Result<(), ChannelError> {
    let mut imap = Imap::open(config, clock).await?;
    let Some(mailbox) = imap.sent_mailbox().await? else {
        tracing::debug!("the mail server has no mailbox for sent mail; no copy is kept");
        return Ok(());
    };
    imap.select_raw(&mailbox).await?;
    if holds(&mut imap, &mail.id).await? {
        return Ok(());
    }
    imap.append(&mailbox, &mail.bytes).await
}

/// Whether a mail with this id stands there.
pub(crate) async fn has(config: &Config, clock: &dyn Clock, id: &str) -> Result<bool, ChannelError> {
    let mut imap = Imap::open(config, clock).await?;
    let Some(mailbox) = imap.sent_mailbox().await? else { return Ok(false) };
    imap.select_raw(&mailbox).await?;
    holds(&mut imap, id).await
}

/// `id` is one of ours: it needs no escaping.
async fn holds(imap: &mut Imap<'_>, id: &str) -> Result<bool, ChannelError> {
    Ok(!imap.search(&format!("HEADER Message-ID \"<{id}>\"")).await?.is_empty())
}
