//! Email as a channel: IMAP in, SMTP out.
//!
//! Mail comes in through one IMAP connection that idles or polls (`watch`); its place is a cursor of the inbox, so
//! that no mail is lost or answered twice. Whether a mail may speak is decided by its header alone (`trust`) before
//! anything of it is read. An answer goes out in one SMTP conversation whose every step is known (`smtp`); a copy in
//! the mailbox for sent mail is the proof that it went (`sent`). What is lost or doubled at worst stands in
//! `docs/channels/email.md`.

mod address;
mod attachments;
mod auth_results;
mod body;
mod brake;
mod config;
mod error;
mod heads;
mod html;
mod imap;
mod inbound;
mod mailbox;
mod markup;
mod outbound;
mod quotes;
mod sent;
mod smtp;
mod threads;
mod tls;
mod trust;
mod watch;

use std::sync::Arc;

use agent_core::{
    Account, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelKind, ChannelSetupError, Inlet,
    Reconciled, Sent, TextUnit,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use session_api::{Part, PartClaim};
use tokio_util::sync::CancellationToken;

use crate::brake::Brake;
use crate::config::Config;
use crate::error::{permanent, setup};
use crate::imap::Imap;
use crate::watch::Watch;

/// The kinds of this crate.
pub const KINDS: &[ChannelKind] =
    &[ChannelKind { name: "email", summary: "email: IMAP in, SMTP out", pairing: false, build }];

fn build(table: serde_json::Value, deps: &ChannelDeps) -> Result<Arc<dyn Channel>, ChannelSetupError> {
    let config = config::read(table)?;
    Ok(Arc::new(Email { config, deps: deps.clone(), brake: Mutex::default() }))
}

struct Email {
    config: Config,
    deps: ChannelDeps,
    brake: Mutex<Brake>,
}

impl Email {
    /// Nothing is read or sent before the owner said that it may be.
    fn consent(&self) -> Result<(), ChannelError> {
        if self.config.consent {
            return Ok(());
        }
        let address = &self.config.address;
        Err(setup(format!(
            "no mail of {address} is read or sent before you agree to it: set `consent = true` under [channels.email]"
        )))
    }

    /// The bytes of a part that is a file.
    async fn file(&self, part: Option<&Part>) -> Result<Option<bytes::Bytes>, ChannelError> {
        let Some(Part::Image { blob, .. } | Part::File { blob, .. }) = part else { return Ok(None) };
        let bytes = self.deps.blobs.get_blob(blob).await?;
        let bytes = bytes.ok_or_else(|| permanent("the file to send is gone from the store"))?;
        if bytes.len() as u64 > outbound::MOST_FILE {
            return Err(permanent(format!(
                "the file has {}; a mail carries {}",
                attachments::size(bytes.len() as u64),
                attachments::size(outbound::MOST_FILE)
            )));
        }
        Ok(Some(bytes))
    }
}

#[async_trait]
impl Channel for Email {
    fn kind(&self) -> &str {
        "email"
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: 12_000,
            unit: TextUnit::Chars,
            edits: None,
            working: None,
            buttons: false,
            threads: true,
            media: Some(outbound::MOST_FILE),
            idempotent_sends: false,
        }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        self.consent()?;
        let clock = self.deps.clock.as_ref();
        if !self.config.verify_sender {
            tracing::warn!("channels.email.verify_sender is off: anybody can write in anybody's name");
        } else if self.config.authserv_id.is_none() {
            tracing::warn!(
                "channels.email.authserv_id is not set: every mail is refused, since no sender can be verified"
            );
        }
        drop(Imap::open(&self.config, clock).await?);
        match smtp::check(&self.config, clock).await {
            Err(error @ ChannelError::Setup { .. }) => return Err(error),
            // Mail can come in while none can go out: answers wait in the outbox.
            Err(error) => tracing::warn!(%error, "no mail can be sent at present"),
            Ok(()) => {}
        }
        Ok(Account { id: self.config.address.clone(), name: self.config.name.clone() })
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        self.consent()?;
        let Some(source) = inlet.source(&stop).await? else { return Ok(()) };
        let mut watch = Watch { config: &self.config, brake: &self.brake, inlet: &inlet, source };
        tokio::select! {
            // What is dropped in the middle is fetched again: the cursor moves only with a commit.
            biased;
            () = stop.cancelled() => Ok(()),
            ended = watch.run() => ended,
        }
    }

    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        self.consent()?;
        let clock = self.deps.clock.as_ref();
        let file = self.file(claim.part.body.as_ref()).await?;
        let mail = outbound::compose(&self.config, claim, file, clock.now())?;
        smtp::deliver(&self.config, clock, &mail).await?;
        if self.config.save_sent
            && let Err(error) = sent::save(&self.config, clock, &mail).await
        {
            tracing::warn!(%error, mail = %mail.id, "a mail went out, but no copy of it was saved");
        }
        Ok(Sent { platform_id: Some(mail.id) })
    }

    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        self.consent()?;
        let id = threads::own_id(claim.part.id.0, self.config.domain());
        let found = sent::has(&self.config, self.deps.clock.as_ref(), &id).await?;
        // A mail that is not there may have gone out all the same: the copy is made after the delivery.
        Ok(if found { Reconciled::Sent(Sent { platform_id: Some(id) }) } else { Reconciled::Unknown })
    }
}
