//! Taking in what arrives: the cursor, catching up, and waiting for more.

use std::time::Duration;

use agent_core::{ChannelError, Delivered, Inlet, Source};
use futures_util::StreamExt;
use parking_lot::Mutex;
use session_api::{CursorMove, CursorPosition, Timestamp};

use crate::brake::Brake;
use crate::config::Config;
use crate::error::{self, temporary, within};
use crate::imap::Imap;
use crate::inbound::{self, Mail};
use crate::mailbox::Listed;

/// Mails of one commit: so many, or so many bytes.
const BATCH: usize = 16;
const BATCH_BYTES: u64 = 8 << 20;
/// A larger mail is not fetched; a note takes the place of its content.
const MOST_BYTES: u32 = 25 << 20;
/// How long the server may tell of new mail before it is asked: short at first, since a mail may have come between the
/// search and the IDLE; later below the few minutes after which routers forget a silent connection.
const FIRST_IDLE: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(9 * 60);
/// How long the server may take to begin or to end an IDLE. A connection whose other end is gone shows here.
const IDLE_ANSWER: Duration = Duration::from_secs(20);
/// The right to poll holds a minute.
const RENEW: Duration = Duration::from_secs(15);
/// How far back mails are looked at again when the server has renumbered the mailbox.
const RESCAN: Duration = Duration::from_secs(7 * 24 * 3600);

/// One run of the channel's incoming half.
pub(crate) struct Watch<'a> {
    pub(crate) config: &'a Config,
    pub(crate) brake: &'a Mutex<Brake>,
    pub(crate) inlet: &'a Inlet,
    pub(crate) source: Source,
}

/// Where the mailbox was read up to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    cursor: String,
    validity: u64,
    last: u32,
}

impl Place {
    fn up_to(&self, uid: u32) -> CursorMove {
        let to = CursorPosition { generation: self.validity, position: u64::from(uid) };
        CursorMove { name: self.cursor.clone(), to }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It goes on from here.
    Known(Place),
    /// The mailbox was never looked at.
    New(Place),
    /// The server has given all mails other numbers.
    Renumbered(Place),
}

/// Which cursor holds for a mailbox with this UIDVALIDITY.
fn place(mailbox: &str, validity: u64, cursors: &[(&str, CursorPosition)]) -> Found {
    let main = format!("uid:{mailbox}");
    // A cursor never moves back, and a restored server may count its UIDVALIDITY from below: such a one gets its own.
    let own = format!("uid:{mailbox}:{validity}");
    let find = |name: &str| cursors.iter().find(|(known, _)| *known == name).map(|(_, at)| at);
    for name in [&own, &main] {
        if let Some(at) = find(name).filter(|at| at.generation == validity) {
            let last = u32::try_from(at.position).unwrap_or(u32::MAX);
            return Found::Known(Place { cursor: name.clone(), validity, last });
        }
    }
    let last = 0;
    match find(&main) {
        None => Found::New(Place { cursor: main, validity, last }),
        Some(at) if at.generation < validity => Found::Renumbered(Place { cursor: main, validity, last }),
        Some(_) => Found::Renumbered(Place { cursor: own, validity, last }),
    }
}

impl Watch<'_> {
    /// Takes in mail until the connection is lost.
    pub(crate) async fn run(&mut self) -> Result<(), ChannelError> {
        let inlet = self.inlet.clone();
        let mut imap = Imap::open(self.config, inlet.clock()).await?;
        let can_idle = self.config.idle && imap.can_idle().await?;
        let mut place = self.start(&mut imap).await?;
        let mut limit = FIRST_IDLE;
        loop {
            let found = imap.search(&format!("UID {}:*", u64::from(place.last) + 1)).await?;
            // The last mail is always found, however low its UID is.
            let new: Vec<u32> = found.into_iter().filter(|uid| *uid > place.last).collect();
            for uids in new.chunks(BATCH) {
                let last = uids.last().copied().unwrap_or(place.last);
                let listed = imap.list(uids).await?;
                self.take(&mut imap, &listed, Some((&place, last))).await?;
                place.last = last;
            }
            if !new.is_empty() {
                limit = FIRST_IDLE;
                continue;
            }
            if can_idle {
                imap = self.idle(imap, limit).await?;
            } else {
                self.pause(self.config.poll).await?;
                imap.noop().await?;
            }
            limit = IDLE;
        }
    }

    /// Opens the mailbox and finds the place from which on its mails are new.
    async fn start(&mut self, imap: &mut Imap<'_>) -> Result<Place, ChannelError> {
        let mailbox = self.config.mailbox.clone();
        let state = imap.select(&mailbox).await?;
        let validity = state.uid_validity.ok_or_else(|| temporary("the IMAP server names no UIDVALIDITY"))?;
        let next = match state.uid_next {
            Some(next) => next,
            None => imap.search("ALL").await?.last().map_or(1, |last| last.saturating_add(1)),
        };
        let began = format!("since:{mailbox}");
        let cursors: Vec<_> = self.source.cursors().collect();
        match place(&mailbox, u64::from(validity), &cursors) {
            Found::Known(place) => Ok(place),
            Found::New(place) => {
                // What was in the mailbox before the assistant is nobody's question to it.
                let now = u64::try_from(self.inlet.clock().now().0).unwrap_or_default();
                let to = CursorPosition { generation: 1, position: now };
                let (_, _ack) = self.source.deliver(Vec::new(), Some(CursorMove { name: began, to })).await?;
                self.skip_to(place, next).await
            }
            Found::Renumbered(place) => {
                tracing::warn!(%mailbox, validity, "the mail server has renumbered the mailbox; recent mails are looked at again");
                let began = Timestamp(i64::try_from(self.source.cursor(&began).position).unwrap_or(i64::MAX));
                self.rescan(imap, began).await?;
                self.skip_to(place, next).await
            }
        }
    }

    async fn skip_to(&mut self, mut place: Place, next: u32) -> Result<Place, ChannelError> {
        place.last = next.saturating_sub(1);
        let (_, _ack) = self.source.deliver(Vec::new(), Some(place.up_to(place.last))).await?;
        Ok(place)
    }

    /// Delivers what came in the last days again; the inbox knows what it has had by Message-ID.
    async fn rescan(&mut self, imap: &mut Imap<'_>, began: Timestamp) -> Result<(), ChannelError> {
        let days_ago =
            self.inlet.clock().now().0.saturating_sub(i64::try_from(RESCAN.as_millis()).unwrap_or(i64::MAX));
        let since = Timestamp(began.0.max(days_ago).max(0));
        // SINCE counts in the server's days: one more, and the exact comparison is ours.
        let day = jiff::Timestamp::from_millisecond(since.0.saturating_sub(86_400_000)).unwrap_or_default();
        let day = day.to_zoned(jiff::tz::TimeZone::UTC).strftime("%-d-%b-%Y").to_string();
        let found: Vec<u32> = imap.search(&format!("SINCE {day}")).await?.into_iter().collect();
        for uids in found.chunks(BATCH) {
            let mut listed = imap.list(uids).await?;
            listed.retain(|mail| mail.received_at.is_some_and(|at| at >= since));
            self.take(imap, &listed, None).await?;
        }
        Ok(())
    }

    /// Fetches these mails and hands them over; where `place` is given, it moves up to `last` with the final commit.
    async fn take(
        &mut self,
        imap: &mut Imap<'_>,
        listed: &[Listed],
        place: Option<(&Place, u32)>,
    ) -> Result<(), ChannelError> {
        let mut batch = Vec::new();
        let mut uids = Vec::new();
        let mut bytes = 0;
        for mail in listed.iter().filter(|mail| !mail.unwanted) {
            let whole = mail.size <= MOST_BYTES;
            let Some(raw) = imap.fetch(mail.uid, whole).await? else { continue };
            bytes += raw.len() as u64;
            let received_at = mail.received_at.unwrap_or_else(|| self.inlet.clock().now());
            let too_large = (!whole).then_some(u64::from(mail.size));
            let mail_bytes = Mail { raw, received_at, too_large };
            batch.push(inbound::arrival(&mail_bytes, self.config, self.brake, self.inlet).await?);
            uids.push(mail.uid);
            if bytes > BATCH_BYTES {
                bytes = 0;
                let cursor = place.map(|(place, _)| place.up_to(mail.uid));
                self.commit(imap, std::mem::take(&mut batch), std::mem::take(&mut uids), cursor).await?;
            }
        }
        let cursor = place.map(|(place, last)| place.up_to(last));
        self.commit(imap, batch, uids, cursor).await
    }

    async fn commit(
        &mut self,
        imap: &mut Imap<'_>,
        batch: Vec<agent_core::Arrival>,
        uids: Vec<u32>,
        cursor: Option<CursorMove>,
    ) -> Result<(), ChannelError> {
        for arrival in &batch {
            if let Some(why) = &arrival.distrusted {
                tracing::info!(sender = %arrival.sender, mail = %arrival.external_id, %why, "a mail is not listened to");
            }
        }
        let (delivered, _ack) = self.source.deliver(batch, cursor).await?;
        // What was refused stays unread, for the person whose mailbox it is.
        let taken: Vec<u32> = uids
            .into_iter()
            .zip(delivered)
            .filter(|(_, delivered)| *delivered != Delivered::Ignored)
            .map(|(uid, _)| uid)
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        tracing::trace!(target: "failpoint", site = "ack.before");
        imap.mark_seen(&taken).await?;
        tracing::trace!(target: "failpoint", site = "ack.after");
        Ok(())
    }

    /// Waits until the server says anything, or `limit` has passed.
    async fn idle<'i>(&mut self, imap: Imap<'i>, limit: Duration) -> Result<Imap<'i>, ChannelError> {
        let clock = imap.clock;
        let mut handle = imap.session.idle();
        let late = || temporary("the IMAP server does not answer any more");
        let begun = within(clock, IDLE_ANSWER, handle.init()).await.ok_or_else(late)?;
        begun.map_err(|error| error::imap("IDLE", &error))?;
        let mut over = clock.sleep(limit);
        let mut renew = clock.sleep(RENEW);
        loop {
            tokio::select! {
                said = handle.next() => match said {
                    // Whatever it is: a search will tell.
                    Some(Ok(_)) => break,
                    Some(Err(error)) => return Err(error::imap("IDLE", &error.into())),
                    None => return Err(temporary("the IMAP server closed the connection")),
                },
                () = &mut over => break,
                () = &mut renew => {
                    self.source.renew().await?;
                    renew = clock.sleep(RENEW);
                }
            }
        }
        let session = within(clock, IDLE_ANSWER, handle.done()).await.ok_or_else(late)?;
        Ok(Imap { session: session.map_err(|error| error::imap("DONE", &error))?, clock })
    }

    /// Waits, keeping the right to poll.
    async fn pause(&mut self, length: Duration) -> Result<(), ChannelError> {
        let mut left = length;
        while !left.is_zero() {
            let step = left.min(RENEW);
            self.inlet.clock().sleep(step).await;
            self.source.renew().await?;
            left -= step;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_survives_renumbering_in_either_direction() {
        let at = |generation, position| CursorPosition { generation, position };
        let here = |cursor: &str, validity, last| Place { cursor: cursor.to_owned(), validity, last };
        let main = "uid:INBOX";
        for (validity, cursors, found) in [
            (5, vec![], Found::New(here(main, 5, 0))),
            (5, vec![(main, at(5, 7))], Found::Known(here(main, 5, 7))),
            (6, vec![(main, at(5, 7))], Found::Renumbered(here(main, 6, 0))),
            (4, vec![(main, at(5, 7))], Found::Renumbered(here("uid:INBOX:4", 4, 0))),
            (4, vec![(main, at(5, 7)), ("uid:INBOX:4", at(4, 2))], Found::Known(here("uid:INBOX:4", 4, 2))),
            (5, vec![("uid:Other", at(5, 7))], Found::New(here(main, 5, 0))),
        ] {
            assert_eq!(place("INBOX", validity, &cursors), found);
        }
    }
}
