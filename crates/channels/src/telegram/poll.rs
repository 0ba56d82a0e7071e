//! Our own `getUpdates` loop.
//!
//! An update is confirmed by the next poll, whose offset lies above it; so that poll goes out only after the commit that
//! moved our cursor. What is malformed or of no use moves the cursor all the same. Every failed round ends the loop: the
//! supervisor starts it anew after a pause, with fresh connections.

use std::time::Duration;

use agent_core::{ChannelError, Delivered, Inlet, Source};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::Value;
use session_api::{CursorMove, CursorPosition};
use teloxide_core::{
    payloads::{DeleteWebhook, GetUpdates, GetUpdatesSetters as _},
    types::AllowedUpdate,
};
use tokio_util::sync::CancellationToken;

use super::{
    Telegram, albums,
    albums::Albums,
    api::Api,
    error::{CallError, Cause},
    inbound::{self, Incoming},
    media,
};

/// The cursor: the offset of the next poll.
const UPDATES: &str = "updates";

/// A cursor beside it: the day, since 1970 by Telegram's clock, of the newest update.
const DAY: &str = "day";

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// Telegram restarts its numbering after a week without updates. A day less, since we note whole days only.
const IDLE_DAYS: i64 = 6;

/// How long a poll may be overdue. A half-open connection shows by nothing else.
const OVERDUE: Duration = Duration::from_secs(20);

/// How long after its first part an album is taken as complete.
const ALBUM_WAIT: Duration = Duration::from_millis(600);

/// How often the right to poll is renewed while files are fetched; it holds for a minute.
const RENEW: Duration = Duration::from_secs(20);

/// Most updates in one answer; also the most that the server gives.
const BATCH: u8 = 100;

/// The kinds of updates that we read. Named in each poll, since the server remembers what was asked for last.
pub(super) fn wanted() -> [AllowedUpdate; 3] {
    [AllowedUpdate::Message, AllowedUpdate::EditedMessage, AllowedUpdate::CallbackQuery]
}

/// Polls until `stop` or an error.
pub(super) async fn run(
    telegram: &Telegram,
    inlet: &Inlet,
    stop: &CancellationToken,
) -> Result<(), ChannelError> {
    let Some(source) = inlet.source(stop).await? else { return Ok(()) };
    let mut poller = Poller::new(telegram, inlet, source)?;
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        done = poller.work() => done,
    }
}

struct Poller<'a> {
    telegram: &'a Telegram,
    inlet: &'a Inlet,
    api: Api,
    source: Source,
    cursor: CursorPosition,
    /// See [`DAY`].
    day: i64,
    /// The offset of the next poll. Usually the cursor's position.
    offset: u64,
    /// The offset that the server has seen.
    confirmed: u64,
    albums: Albums,
    /// Signs for pressed buttons, under way beside the next poll. At most as many as one batch has presses, each with the
    /// time limit of a call.
    signs: FuturesUnordered<BoxFuture<'a, ()>>,
}

impl<'a> Poller<'a> {
    fn new(telegram: &'a Telegram, inlet: &'a Inlet, source: Source) -> Result<Self, ChannelError> {
        let cursor = source.cursor(UPDATES);
        let day = i64::try_from(source.cursor(DAY).position).unwrap_or(0);
        Ok(Self {
            api: telegram.fresh_api()?,
            telegram,
            inlet,
            source,
            offset: cursor.position,
            confirmed: 0,
            cursor,
            day,
            albums: Albums::default(),
            signs: FuturesUnordered::new(),
        })
    }

    async fn work(&mut self) -> Result<(), ChannelError> {
        let usual = self.telegram.poll_seconds();
        let (mut wait, mut webhook_taken_off) = (usual, false);
        loop {
            match self.poll(wait).await? {
                Ok(batch) => wait = if self.take(batch).await? { 0 } else { usual },
                // Left by another program, or by an earlier configuration. Once: if it comes back, somebody wants it.
                Err(error) if error.cause() == Some(Cause::WebhookActive) && !webhook_taken_off => {
                    webhook_taken_off = true;
                    let _: bool = self.api.call(&DeleteWebhook::new()).await.map_err(CallError::harmless)?;
                }
                Err(error) => return Err(error.harmless()),
            }
        }
    }

    /// One round trip. The outer error is the watchdog's.
    async fn poll(&mut self, wait: u64) -> Result<Result<Vec<Value>, CallError>, ChannelError> {
        let mut request = GetUpdates::new()
            .limit(BATCH)
            .timeout(u32::try_from(wait).unwrap_or(0))
            .allowed_updates(wanted());
        // Without an offset the server begins with the oldest update that was never confirmed.
        request.offset = i32::try_from(self.offset).ok().filter(|offset| *offset > 0);
        let confirms = self.offset != self.confirmed;
        if confirms {
            tracing::trace!(target: "failpoint", site = "ack.before");
        }
        let limit = Duration::from_secs(wait) + OVERDUE;
        // The pool's own limit is only a second net.
        let asked = self.api.call_within(&request, limit + OVERDUE);
        let overdue = self.inlet.clock().sleep(limit);
        tokio::pin!(asked, overdue);
        let answer = loop {
            tokio::select! {
                answer = &mut asked => break answer,
                () = &mut overdue => return Err(ChannelError::Temporary {
                    message: format!("Telegram did not answer a poll within {} s; the connection is dead", limit.as_secs()),
                    after: None,
                }),
                Some(()) = self.signs.next(), if !self.signs.is_empty() => {}
            }
        };
        if confirms && answer.is_ok() {
            tracing::trace!(target: "failpoint", site = "ack.after");
            self.confirmed = self.offset;
        }
        Ok(answer)
    }

    /// Commits a batch, or its beginning; whether the rest of it is to be asked for again at once.
    async fn take(&mut self, batch: Vec<Value>) -> Result<bool, ChannelError> {
        if batch.is_empty() {
            self.source.renew().await?;
            return Ok(false);
        }
        let batch = numbered(batch)?;
        self.notice_a_new_numbering(&batch);
        let newest = batch.iter().filter_map(|(_, update)| inbound::date_of(update)).max();
        let bot = self.telegram.bot();
        let mut ids = Vec::with_capacity(batch.len());
        let mut read = Vec::with_capacity(batch.len());
        for (id, update) in batch {
            let external_id = self.external_id(id);
            let incoming = inbound::read(external_id, update, &bot, self.inlet.clock().now());
            let incoming = incoming.unwrap_or_else(|error| {
                tracing::warn!(target: "channels::telegram", update_id = id, %error, "a malformed update is skipped");
                None
            });
            // A part of an album that comes again was stored under the id of the album's first part.
            let again = id < self.cursor.position && incoming.as_ref().is_some_and(|one| one.album.is_some());
            ids.push(id);
            read.push(incoming.filter(|_| !again));
        }
        let ready = self.albums.ready(&read);
        let held = read.len() - ready;
        read.truncate(ready);
        if ready > 0 {
            self.commit(albums::merge(read.into_iter().flatten().collect()), ids[ready - 1] + 1).await?;
            self.remember_day(newest).await?;
        }
        if held > 0 {
            self.inlet.clock().sleep(ALBUM_WAIT).await;
        }
        Ok(held > 0)
    }

    async fn commit(&mut self, mut batch: Vec<Incoming>, offset: u64) -> Result<(), ChannelError> {
        for incoming in &mut batch {
            self.fetch(incoming).await?;
        }
        let presses: Vec<Option<String>> =
            batch.iter_mut().map(|incoming| incoming.callback.take()).collect();
        let position = offset.max(self.cursor.position);
        let to = CursorPosition { position, ..self.cursor };
        let arrivals = batch.into_iter().map(|incoming| incoming.arrival).collect();
        let moved = CursorMove { name: UPDATES.to_owned(), to };
        let (delivered, ack) = self.source.deliver(arrivals, Some(moved)).await?;
        // The next poll is the acknowledgement, and this is what entitles us to it.
        drop(ack);
        (self.cursor, self.offset) = (to, offset);
        for (press, became) in presses.into_iter().zip(delivered) {
            if let Some(press) = press.filter(|_| became != Delivered::Ignored) {
                self.signs.push(Box::pin(self.telegram.answer_press(press)));
            }
        }
        Ok(())
    }

    /// Fetches files, however long it takes, without losing the right to poll.
    async fn fetch(&mut self, incoming: &mut Incoming) -> Result<(), ChannelError> {
        let fetched = media::fetch(self.telegram.api(), self.inlet, incoming);
        tokio::pin!(fetched);
        loop {
            tokio::select! {
                done = &mut fetched => return done,
                () = self.inlet.clock().sleep(RENEW) => self.source.renew().await?,
            }
        }
    }

    fn external_id(&self, update: u64) -> String {
        match self.cursor.generation {
            0 => format!("update:{update}"),
            generation => format!("update:{generation}:{update}"),
        }
    }

    /// After a week without updates Telegram numbers anew, from a random number on that may lie below our cursor. An
    /// update below the cursor is then not an old one that comes again, and its number may have been in use before.
    ///
    /// What tells the two apart is Telegram's own date: an old update is no newer than the newest that we have seen,
    /// whereas the first one of a new numbering comes (nearly) a week after it. Our own clock has no part in this: it may
    /// jump.
    fn notice_a_new_numbering(&mut self, batch: &[(u64, Value)]) {
        let begins = (self.day + IDLE_DAYS) * DAY_SECONDS;
        let anew = batch.iter().any(|(id, update)| {
            *id < self.cursor.position && inbound::date_of(update).is_some_and(|date| date >= begins)
        });
        if anew && self.day > 0 {
            tracing::info!(target: "channels::telegram", "Telegram numbers its updates anew");
            self.cursor = CursorPosition { generation: self.cursor.generation + 1, position: 0 };
        }
    }

    /// Notes the day of the newest update. A commit of its own, but only once a day.
    async fn remember_day(&mut self, newest: Option<i64>) -> Result<(), ChannelError> {
        let Some(day) = newest.map(|date| date / DAY_SECONDS).filter(|day| *day > self.day) else {
            return Ok(());
        };
        let position = u64::try_from(day).unwrap_or(0);
        let moved = CursorMove { name: DAY.to_owned(), to: CursorPosition { generation: 0, position } };
        let (_, ack) = self.source.deliver(Vec::new(), Some(moved)).await?;
        // It belongs to no update.
        drop(ack);
        self.day = day;
        Ok(())
    }
}

/// The updates by their numbers: in order, each once. What has no number can be neither told apart nor confirmed.
fn numbered(batch: Vec<Value>) -> Result<Vec<(u64, Value)>, ChannelError> {
    let all = batch.len();
    let mut numbered: Vec<(u64, Value)> =
        batch.into_iter().filter_map(|update| Some((update.get("update_id")?.as_u64()?, update))).collect();
    if numbered.len() < all {
        tracing::warn!(target: "channels::telegram", count = all - numbered.len(), "updates without a number are skipped");
    }
    if numbered.is_empty() {
        let message = "Telegram's answer to a poll holds no update with a number".to_owned();
        return Err(ChannelError::Temporary { message, after: None });
    }
    numbered.sort_by_key(|(id, _)| *id);
    numbered.dedup_by_key(|(id, _)| *id);
    Ok(numbered)
}
