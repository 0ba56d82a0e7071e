//! From the gateway into the inbox: one commit for each channel's messages, which moves that channel's cursor.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use agent_core::{ChannelError, Inlet, Source};
use serenity::all::{ChannelId, Message};
use session_api::{Clock, CursorMove, CursorPosition};

use super::{
    error::Failure,
    files::Files,
    gateway::{Outlet, Signal},
    inbound,
    places::{Places, Spot},
    rest::Rest,
};

/// Most messages that one commit takes.
const BATCH: usize = 64;
/// How many messages of this run are remembered, so that a replay costs nothing.
const REMEMBERED: usize = 4096;
/// How often a quiet channel renews its right to poll.
const TICK: Duration = Duration::from_secs(15);
/// How long no session may stand before the connection is given up, and with it the supervisor's turn comes.
const PATIENCE: Duration = Duration::from_secs(45);

/// A message as it came; without content where it cannot be read.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) message: Option<Box<Message>>,
    /// Whether the gateway brought it: only there a message tells of its server.
    pub(super) live: bool,
}

/// Reads what the shard tells until the connection is lost.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a Rest,
    pub(super) places: &'a Places,
    pub(super) files: &'a Files,
    pub(super) clock: &'a dyn Clock,
    pub(super) inlet: Inlet,
    pub(super) source: Source,
    pub(super) me: u64,
    /// Channels that may have said something while no session stood, most recent first.
    pub(super) behind: VecDeque<u64>,
    recent: Recent,
    /// Since when no session stands.
    apart: Option<Duration>,
    /// When the right to poll was renewed last.
    renewed: Duration,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        (rest, places, files): (&'a Rest, &'a Places, &'a Files),
        clock: &'a dyn Clock,
        inlet: Inlet,
        source: Source,
        me: u64,
    ) -> Self {
        let now = clock.monotonic();
        let (behind, recent) = (VecDeque::new(), Recent::default());
        Self { rest, places, files, clock, inlet, source, me, behind, recent, apart: Some(now), renewed: now }
    }

    /// Reads on. `identified` is told whenever a new session begins.
    pub(super) async fn run(
        &mut self,
        signals: &mut Outlet<Signal>,
        identified: impl Fn(Duration),
    ) -> Result<(), ChannelError> {
        loop {
            let first = match signals.ready() {
                Some(signal) => Some(signal),
                None if !self.behind.is_empty() => None,
                None => tokio::select! {
                    // `None`: the shard's thread is gone, and its ending says why.
                    signal = signals.next() => match signal {
                        Some(signal) => Some(signal),
                        None => return std::future::pending().await,
                    },
                    () = tokio::time::sleep(TICK) => None,
                },
            };
            self.check_patience()?;
            let now = self.clock.monotonic();
            if now.saturating_sub(self.renewed) >= TICK {
                self.source.renew().await?;
                self.renewed = now;
            }
            let mut batch = Vec::new();
            let mut next = first;
            while let Some(signal) = next.take() {
                match signal {
                    Signal::Message(message) => {
                        batch.push(*message);
                        if batch.len() < BATCH {
                            next = signals.ready();
                        }
                    }
                    other => {
                        // What came before it is committed before it counts.
                        self.take(std::mem::take(&mut batch)).await?;
                        self.note(&other, &identified);
                        next = signals.ready();
                    }
                }
            }
            self.take(batch).await?;
            // One page between two looks at the gateway: neither can starve the other.
            if let Some(channel) = self.behind.front().copied() {
                self.catch_up_page(channel).await?;
            }
        }
    }

    fn note(&mut self, signal: &Signal, identified: &impl Fn(Duration)) {
        match signal {
            Signal::Ready => {
                self.apart = None;
                identified(self.clock.monotonic());
                self.fall_behind();
                tracing::info!(channels = self.behind.len(), "Discord session begun; catching up");
            }
            Signal::Resumed => {
                self.apart = None;
                tracing::debug!("Discord session resumed");
            }
            Signal::Apart => {
                let now = self.clock.monotonic();
                self.apart.get_or_insert(now);
            }
            Signal::Message(_) => {}
        }
    }

    fn check_patience(&self) -> Result<(), ChannelError> {
        let Some(since) = self.apart else { return Ok(()) };
        if self.clock.monotonic().saturating_sub(since) < PATIENCE {
            return Ok(());
        }
        let message = "Discord's gateway cannot be reached, or refuses the session".into();
        Err(ChannelError::Temporary { message, after: None })
    }

    /// Commits messages of the gateway, channel by channel. A channel that is behind is caught up first: what came now
    /// must not overtake what came before.
    async fn take(&mut self, batch: Vec<Message>) -> Result<(), ChannelError> {
        let mut channels: Vec<(ChannelId, Vec<Item>)> = Vec::new();
        for message in batch {
            let channel = message.channel_id;
            let item = Item { id: message.id.get(), message: Some(Box::new(message)), live: true };
            match channels.iter_mut().find(|(known, _)| *known == channel) {
                Some((_, items)) => items.push(item),
                None => channels.push((channel, vec![item])),
            }
        }
        for (channel, items) in channels {
            let channel = channel.get();
            while self.behind.contains(&channel) {
                self.catch_up_page(channel).await?;
            }
            self.deliver(channel, items).await?;
        }
        Ok(())
    }

    /// Commits messages of one channel, in order, and moves its cursor behind the last one.
    pub(super) async fn deliver(&mut self, channel: u64, items: Vec<Item>) -> Result<(), ChannelError> {
        let mut batch = Vec::new();
        let mut last = 0;
        let mut taken = Vec::new();
        for Item { id, message, live } in items {
            if self.recent.has(id) {
                continue;
            }
            last = last.max(id);
            taken.push(id);
            let Some(message) = message.filter(|message| !inbound::is_noise(message, self.me)) else {
                continue;
            };
            let spot = match message.guild_id {
                None if live => Spot::direct(channel),
                _ => self.spot(channel).await?,
            };
            let mut heard = inbound::heard(*message, self.me, spot);
            if !heard.files.is_empty() && self.inlet.admits(&heard.arrival).await? {
                for file in &heard.files {
                    heard.arrival.parts.push(self.files.take(&self.inlet, file, heard.voice).await?);
                }
            } else if heard.arrival.parts.is_empty() {
                // Of a stranger's file nothing but its presence.
                heard.arrival.parts.push(session_api::Part::text("[file]"));
            }
            batch.push(heard.arrival);
        }
        if taken.is_empty() {
            return Ok(());
        }
        let to = CursorPosition { generation: 0, position: last };
        let cursor = CursorMove { name: cursor_name(channel), to };
        let (_, ack) = self.source.deliver(batch, Some(cursor)).await?;
        // Discord wants no acknowledgement: the cursor, moved in the same commit, is what it would be.
        tracing::trace!(target: "failpoint", site = "ack.before", position = last);
        drop(ack);
        tracing::trace!(target: "failpoint", site = "ack.after", position = last);
        taken.into_iter().for_each(|id| self.recent.add(id));
        Ok(())
    }

    /// Where `channel` is. One that the bot may not look at is taken for a channel of a server.
    async fn spot(&self, channel: u64) -> Result<Spot, ChannelError> {
        loop {
            match self.places.of(self.rest, channel).await {
                Ok(spot) => return Ok(spot),
                Err(failure) if failure.is_out_of_reach() => return Ok(Spot::of(channel, 0, None)),
                Err(failure) => wait_for_limit(failure).await?,
            }
        }
    }
}

/// The longest wait for a rate limit that is not worth a new connection.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits where the failure asks for nothing else.
pub(super) async fn wait_for_limit(failure: Failure) -> Result<(), ChannelError> {
    match failure {
        Failure::Limited { after } if after <= LONGEST => {
            tokio::time::sleep(after).await;
            Ok(())
        }
        other => Err(other.repeatable()),
    }
}

const CURSOR: &str = "channel:";

/// The name of a channel's cursor.
fn cursor_name(channel: u64) -> String {
    format!("{CURSOR}{channel}")
}

/// The channel of a cursor.
pub(super) fn cursor_channel(name: &str) -> Option<u64> {
    name.strip_prefix(CURSOR)?.parse().ok()
}

/// The messages that were committed last. It spares work only: the mailbox knows duplicates by itself.
#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<u64>,
    known: BTreeSet<u64>,
}

impl Recent {
    fn has(&self, id: u64) -> bool {
        self.known.contains(&id)
    }

    fn add(&mut self, id: u64) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
