//! The way in for chat platforms: who may speak, which conversation it is, and the commit.

use std::{fmt, sync::Arc};

use session_api::{
    Acceptance, Accepted, Ack, CursorMove, IdSource, Inbound, InboundId, Mailbox, Part, Principal, Route,
    RunOverrides, Runner, SessionKey, SourceLease, StoreError,
};

use crate::{Arrival, commands};

/// Decides who may speak. Nothing of a stranger's message goes any further.
pub trait Admission: Send + Sync {
    /// The principal behind `sender` (the platform's stable id), or `None`: refused.
    fn admit(&self, channel: &str, sender: &str, chat: &str) -> Option<Principal>;
}

/// Lets in those whose stable ids are listed; nobody while the list is empty. They are the owner.
#[derive(Debug, Clone, Default)]
pub struct AllowList(pub Vec<String>);

impl Admission for AllowList {
    fn admit(&self, _channel: &str, sender: &str, _chat: &str) -> Option<Principal> {
        self.0.iter().any(|allowed| allowed == sender).then(Principal::owner)
    }
}

/// What became of one arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is in the inbox.
    Accepted(InboundId),
    /// It was in the inbox before.
    Duplicate(InboundId),
    /// Its sender may not speak, or it was not meant for the assistant.
    Ignored,
}

/// Takes what a platform delivers into the durable inbox.
#[derive(Clone)]
pub struct Inlet {
    mailbox: Arc<dyn Mailbox>,
    ids: Arc<dyn IdSource>,
    admission: Arc<dyn Admission>,
    channel: String,
    account: String,
}

impl Inlet {
    /// For one account of one channel.
    pub fn new(
        mailbox: Arc<dyn Mailbox>,
        ids: Arc<dyn IdSource>,
        admission: Arc<dyn Admission>,
        channel: impl Into<String>,
        account: impl Into<String>,
    ) -> Self {
        Self { mailbox, ids, admission, channel: channel.into(), account: account.into() }
    }

    /// Commits a whole batch, ignored arrivals included, and moves the cursor with it. The [`Ack`] is what entitles the
    /// channel to acknowledge the batch.
    pub async fn deliver(
        &self,
        source: Option<&SourceLease>,
        batch: Vec<Arrival>,
        cursor: Option<CursorMove>,
    ) -> Result<(Vec<Delivered>, Ack), StoreError> {
        let rows: Vec<Option<Inbound>> = batch.into_iter().map(|arrival| self.row(arrival)).collect();
        let ids: Vec<Option<InboundId>> = rows.iter().map(|row| row.as_ref().map(|row| row.id)).collect();
        let admitted = rows.into_iter().flatten().collect();
        let Accepted { rows, ack, .. } = self.mailbox.accept(source, admitted, cursor, None).await?;
        let mut accepted = rows.into_iter();
        let delivered = ids.into_iter().map(|id| match (id, id.and_then(|_| accepted.next())) {
            (Some(_), Some(Acceptance::Duplicate(first))) => Delivered::Duplicate(first),
            (Some(id), _) => Delivered::Accepted(id),
            (None, _) => Delivered::Ignored,
        });
        Ok((delivered.collect(), ack))
    }

    fn row(&self, arrival: Arrival) -> Option<Inbound> {
        let Arrival { external_id, chat, thread, sender, addressed, message_id, parts, received_at } =
            arrival;
        let principal = self.admission.admit(&self.channel, &sender, &chat).filter(|_| addressed)?;
        let session =
            SessionKey { channel: self.channel.clone(), account: self.account.clone(), chat, thread };
        let id = InboundId::new(self.ids.as_ref());
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        let kind = commands::kind_of(&texts.join("\n"));
        Some(Inbound {
            id,
            external_id,
            parent: None,
            reply: Route { reply_to: message_id, ..Route::to_session(&session) },
            session,
            principal,
            kind,
            coalesce: None,
            runner: Runner::Any,
            overrides: RunOverrides::default(),
            parts,
            received_at,
            correlation: id.to_string(),
        })
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet")
            .field("channel", &self.channel)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
