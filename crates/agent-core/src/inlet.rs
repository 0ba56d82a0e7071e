//! The way in for chat platforms: who may speak, which conversation it is, and the commit.

use std::{collections::BTreeSet, fmt, ops::Deref, sync::Arc, time::Duration};

use bytes::Bytes;
use session_api::{
    Acceptance, Accepted, Ack, Batch, Clock, CursorMove, CursorPosition, IdSource, Inbound, InboundId,
    InboundKind, Part, Rank, Route, RunOverrides, Runner, SessionKey, SourceLease, StoreError, Stores,
    WhenBusy, WorkerId, Writes,
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{Admission, Arrival, Judgement, Place, commands, context::note_speaker};

/// How long the right to poll an account holds unless it is renewed. A process that dies loses it at once.
const SOURCE_TTL: Duration = Duration::from_secs(60);

/// How often to ask for that right while another process has it. It ends without a sign when that process dies.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the configuration says about a channel's messages on their way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InletPolicy {
    /// How long to wait for more messages of the same chat before a turn starts.
    pub coalesce: Option<Duration>,
    /// What a message does while its chat's turn runs.
    pub busy: WhenBusy,
    /// Most bytes of one file that is taken in.
    pub media_limit: u64,
}

impl Default for InletPolicy {
    fn default() -> Self {
        Self { coalesce: None, busy: WhenBusy::Steer, media_limit: 20 << 20 }
    }
}

/// What an inlet stands on.
#[derive(Clone)]
pub struct InletSetup {
    /// All stores.
    pub stores: Stores,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// The name under which this process polls.
    pub worker: WorkerId,
    /// Who decides about senders.
    pub admission: Arc<dyn Admission>,
    /// Kind of channel.
    pub channel: String,
    /// The bot's own id there.
    pub account: String,
    /// What the configuration says.
    pub policy: InletPolicy,
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

/// Takes what a platform delivers into the durable inbox. Cheap to clone; clones are the same inlet.
#[derive(Clone)]
pub struct Inlet(Arc<Setup>);

struct Setup {
    given: InletSetup,
    /// Held while a stranger is answered: of two messages at the same time, the second is to find the code of the first.
    strangers: Mutex<()>,
}

impl Deref for Setup {
    type Target = InletSetup;

    fn deref(&self) -> &InletSetup {
        &self.given
    }
}

impl Inlet {
    /// For one account of one channel.
    #[must_use]
    pub fn new(setup: InletSetup) -> Self {
        Self(Arc::new(Setup { given: setup, strangers: Mutex::default() }))
    }

    /// Whether both are the same inlet, not only for the same account.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bot's own id on the platform.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// Time, for back-off and watchdogs.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    /// Most bytes of one file that is taken in. To be checked before a download and while it goes on.
    #[must_use]
    pub fn media_limit(&self) -> u64 {
        self.0.policy.media_limit
    }

    /// Whether its sender may speak. To be asked before anything of it is downloaded: nothing of a stranger's message
    /// goes any further.
    pub async fn admits(&self, arrival: &Arrival) -> Result<bool, StoreError> {
        Ok(self.judge(arrival).await?.principal.is_some())
    }

    /// Stores a file that an arrival brought, under a safe name; an image of a usual kind becomes an image.
    pub async fn keep(&self, bytes: Bytes, mime: &str, name: &str) -> Result<Part, StoreError> {
        let blob = self.0.stores.blobs.put_blob(bytes).await?;
        let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let image = ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&mime.as_str());
        Ok(if image { Part::Image { blob, mime } } else { Part::File { blob, mime, name: safe_name(name) } })
    }

    /// Waits for the right to poll this account: only one process at a time has it. `None` when `stop` was cancelled.
    pub async fn source(&self, stop: &CancellationToken) -> Result<Option<Source>, StoreError> {
        let setup = &self.0;
        loop {
            if let Some(lease) = self.claim().await? {
                return Ok(Some(Source { inlet: self.clone(), lease, claimed: setup.clock.monotonic() }));
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = setup.clock.sleep(ASK_AGAIN) => {}
            }
        }
    }

    /// Commits a whole batch of a platform that keeps no cursor with us (webhooks, sockets with acknowledgements),
    /// ignored arrivals included. The [`Ack`] is what entitles the channel to acknowledge the batch.
    pub async fn deliver(&self, batch: Vec<Arrival>) -> Result<(Vec<Delivered>, Ack), StoreError> {
        self.commit(None, batch, None).await
    }

    async fn claim(&self) -> Result<Option<SourceLease>, StoreError> {
        let InletSetup { stores, worker, channel, account, .. } = &self.0.given;
        stores.mailbox.claim_source(*worker, channel, account, SOURCE_TTL).await
    }

    async fn judge(&self, arrival: &Arrival) -> Result<Judgement, StoreError> {
        self.0.admission.judge(&self.0.channel, &self.0.account, arrival).await
    }

    async fn commit(
        &self,
        source: Option<&SourceLease>,
        batch: Vec<Arrival>,
        cursor: Option<CursorMove>,
    ) -> Result<(Vec<Delivered>, Ack), StoreError> {
        let (channel, account) = (&self.0.channel, &self.0.account);
        let mut rows: Vec<Option<Inbound>> = Vec::with_capacity(batch.len());
        let mut writes = Writes::default();
        // What is said to a stranger is said once, however much of theirs stands in one batch.
        let mut told: BTreeSet<String> = BTreeSet::new();
        let mut strangers = None;
        for arrival in batch {
            let judgement = self.judge(&arrival).await?;
            if judgement.principal.is_none() {
                if strangers.is_none() {
                    strangers = Some(self.0.strangers.lock().await);
                }
                let mut more = self.0.admission.turn_away(channel, account, &arrival, &judgement).await?;
                if !more.outbox.is_empty() && !told.insert(arrival.sender.clone()) {
                    (more.outbox, more.kv) = (Vec::new(), Vec::new());
                }
                writes.append(more);
            }
            let (place, name) = (arrival.place, arrival.sender_name.clone());
            let row = self.row(arrival, judgement);
            if let Some(row) = &row {
                let (kv, speaker) = (self.0.stores.kv.as_ref(), &row.principal.id);
                writes.kv.extend(note_speaker(kv, &row.session, place, speaker, name.as_deref()).await?);
            }
            rows.push(row);
        }
        let ids: Vec<Option<InboundId>> = rows.iter().map(|row| row.as_ref().map(|row| row.id)).collect();
        let batch = Batch { rows: rows.into_iter().flatten().collect(), cursor, writes };
        crate::failpoint("inbox.before");
        let Accepted { rows, ack, .. } = self.0.stores.mailbox.accept(source, batch, None).await?;
        drop(strangers);
        crate::failpoint("inbox.after");
        let mut accepted = rows.into_iter();
        let delivered = ids.into_iter().map(|id| match (id, id.and_then(|_| accepted.next())) {
            (Some(_), Some(Acceptance::Duplicate(first))) => Delivered::Duplicate(first),
            (Some(id), _) => Delivered::Accepted(id),
            (None, _) => Delivered::Ignored,
        });
        Ok((delivered.collect(), ack))
    }

    fn row(&self, arrival: Arrival, judgement: Judgement) -> Option<Inbound> {
        let setup = &self.0;
        let principal = judgement.principal?;
        let session = SessionKey {
            channel: setup.channel.clone(),
            account: setup.account.clone(),
            chat: arrival.chat,
            thread: arrival.thread,
        };
        let id = InboundId::new(setup.ids.as_ref());
        // A channel marks words that hardly come from whom they name. The owner's own are trusted, once admitted.
        let mut parts = arrival.parts;
        let marked = matches!(parts.first(), Some(Part::Outside { .. }));
        if marked && principal.rank == Rank::Owner {
            parts.remove(0);
        }
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        let kind = commands::kind_of(&texts.join("\n"));
        let voice = parts.iter().any(is_voice);
        let coalesce = setup.policy.coalesce.filter(|_| kind == InboundKind::Message && !voice);
        Some(Inbound {
            id,
            external_id: arrival.external_id,
            parent: None,
            reply: Route { reply_to: arrival.message_id, ..Route::to_session(&session) },
            session,
            principal,
            kind,
            coalesce,
            busy: setup.policy.busy,
            runner: Runner::Any,
            overrides: RunOverrides::default(),
            parts,
            shared: arrival.place == Place::Group,
            received_at: arrival.received_at,
            correlation: id.to_string(),
        })
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet")
            .field("channel", &self.0.channel)
            .field("account", &self.0.account)
            .finish_non_exhaustive()
    }
}

/// The right to poll an account, with its cursors.
#[derive(Debug)]
pub struct Source {
    inlet: Inlet,
    lease: SourceLease,
    claimed: Duration,
}

impl Source {
    /// Where a cursor stands; the start where it never moved.
    #[must_use]
    pub fn cursor(&self, name: &str) -> CursorPosition {
        let found = self.lease.cursors.iter().find(|(known, _)| known == name);
        found.map(|(_, at)| *at).unwrap_or_default()
    }

    /// All cursors by name.
    pub fn cursors(&self) -> impl Iterator<Item = (&str, CursorPosition)> {
        self.lease.cursors.iter().map(|(name, at)| (name.as_str(), *at))
    }

    /// Commits a whole batch, ignored arrivals included, and moves the cursor with it; an empty batch moves it as well.
    /// The [`Ack`] is what entitles the channel to acknowledge the batch. [`StoreError::Stale`] when another process
    /// polls this account now.
    pub async fn deliver(
        &mut self,
        batch: Vec<Arrival>,
        cursor: Option<CursorMove>,
    ) -> Result<(Vec<Delivered>, Ack), StoreError> {
        let now = self.inlet.0.clock.monotonic();
        if now.saturating_sub(self.claimed) > SOURCE_TTL / 3 {
            self.renew().await?;
        }
        let done = self.inlet.commit(Some(&self.lease), batch, cursor.clone()).await?;
        if let Some(CursorMove { name, to }) = cursor {
            match self.lease.cursors.iter_mut().find(|(known, _)| *known == name) {
                Some((_, at)) => *at = to.max(*at),
                None => self.lease.cursors.push((name, to)),
            }
        }
        Ok(done)
    }

    /// Renews the right; for channels that may be quiet for longer than a minute.
    pub async fn renew(&mut self) -> Result<(), StoreError> {
        let lost = || StoreError::Stale { what: "another process polls this account now".into() };
        let now = self.inlet.0.clock.monotonic();
        self.lease = self.inlet.claim().await?.ok_or_else(lost)?;
        self.claimed = now;
        Ok(())
    }
}

/// Whether a part is a voice note or other audio.
#[must_use]
pub fn is_voice(part: &Part) -> bool {
    matches!(part, Part::File { mime, .. } if mime.starts_with("audio/"))
}

/// A file name that is safe on any disk and in any listing: the base name, without controls, bidirectional overrides
/// and leading dots, at most 120 bytes, its extension kept.
#[must_use]
pub fn safe_name(name: &str) -> String {
    const MOST: usize = 120;
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
            || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
    };
    let clean: String = base.chars().filter(|c| !odd(*c)).collect();
    let clean = clean.trim().trim_start_matches('.').trim();
    if clean.is_empty() {
        return "file".into();
    }
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 16 => {
            (stem, format!(".{extension}"))
        }
        _ => (clean, String::new()),
    };
    let mut end = stem.len().min(MOST - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_safe() {
        for (name, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            (".bashrc", "bashrc"),
            ("..", "file"),
            ("", "file"),
            ("a\u{202E}gpj.exe", "agpj.exe"),
            ("tab\tand\nline.txt", "tabandline.txt"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        let long = safe_name(&format!("{}.tar", "ä".repeat(300)));
        assert!(long.len() <= 120 && long.ends_with(".tar"), "{long}");
    }
}
