//! The connection that Discord speaks on: serenity's shard, on a thread and a runtime of its own.
//!
//! Why a runtime of its own: serenity spawns a task for each event and more for itself, and gives none of them away. On
//! a runtime with one thread these tasks run in the order in which they were spawned, so events keep their order; a
//! full queue blocks that thread, so nothing more is read from the socket; and all of them end with the runtime.
//!
//! What serenity does by itself: it resumes after a lost connection, and identifies anew, never more often than every
//! 5 s, where it cannot (a missing heartbeat acknowledgement included). What it cannot tell: closes 4010 to 4012, after
//! which it tries on; whoever reads its signals gives up when no session stands for a while. Known trap: after a reset
//! whose resume cannot connect it turns in circles until the next heartbeat is due, without ever yielding; only its own
//! thread suffers, and that thread is then left behind to end by itself.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};

use agent_core::ChannelError;
use async_trait::async_trait;
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serenity::{
    all::{
        Context, EventHandler, GatewayError, GatewayIntents, HttpBuilder, Interaction, Message, Ready,
        ResumedEvent, ShardId, ShardManager, ShardManagerOptions,
    },
    gateway::ConnectionStage,
    prelude::TypeMap,
};
use tokio::sync::{Mutex, Notify, RwLock, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Messages that wait for their commit.
const MESSAGES: usize = 256;
/// Commands and buttons that wait for theirs.
const INTERACTIONS: usize = 64;
/// How often it is looked whether a session stands.
const LOOK: Duration = Duration::from_secs(2);
/// How long the thread gets to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the shard tells, in order.
#[derive(Debug)]
pub(super) enum Signal {
    /// A new session began: whatever came since the last one is not replayed.
    Ready,
    /// The session goes on: what was missed has been replayed.
    Resumed,
    /// No session stands any more; the shard tries to get one.
    Apart,
    /// A message.
    Message(Box<Message>),
}

/// Why the shard ended by itself.
#[derive(Debug)]
pub(super) enum Ending {
    /// Discord refused it, and will again.
    Refused(GatewayError),
    /// Anything else.
    Broken(String),
}

impl Ending {
    /// What the supervisor gets to know.
    pub(super) fn explain(self) -> ChannelError {
        let setup = |message: &str| ChannelError::Setup { message: message.to_owned() };
        match self {
            Self::Refused(GatewayError::InvalidAuthentication | GatewayError::NoAuthentication) => setup(
                "Discord closed the connection: it does not take the bot's token (4004). Reset it on the Bot page \
                 of discord.com/developers and set channels.discord.token.",
            ),
            Self::Refused(GatewayError::DisallowedGatewayIntents) => setup(
                "Discord closed the connection: an intent is not allowed (4014). Switch on Message Content Intent on \
                 the Bot page of discord.com/developers, or take 32768 out of channels.discord.intents.",
            ),
            Self::Refused(GatewayError::InvalidGatewayIntents) => setup(
                "Discord closed the connection: it knows no such intents (4013). Correct channels.discord.intents, or \
                 leave it out.",
            ),
            Self::Refused(GatewayError::InvalidShardData | GatewayError::OverloadedShard) => setup(
                "Discord closed the connection: the bot is in more servers than one connection may serve (4011).",
            ),
            Self::Refused(other) => ChannelError::Temporary {
                message: format!("the gateway connection ended: {other}"),
                after: None,
            },
            Self::Broken(message) => ChannelError::Temporary { message, after: None },
        }
    }
}

/// The reading end of a bounded queue that is filled from the shard's thread.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    queue: Receiver<T>,
    filled: Arc<Notify>,
}

impl<T> Outlet<T> {
    /// What is there already.
    pub(super) fn ready(&mut self) -> Option<T> {
        self.queue.try_recv().ok()
    }

    /// The next one; `None` when the shard's thread is gone. Dropping the call loses nothing.
    pub(super) async fn next(&mut self) -> Option<T> {
        loop {
            match self.queue.try_recv() {
                Ok(item) => return Some(item),
                Err(TryRecvError::Disconnected) => return None,
                // Every filling leaves a permit behind, so one in between is not missed.
                Err(TryRecvError::Empty) => self.filled.notified().await,
            }
        }
    }
}

#[derive(Debug)]
struct Filler<T> {
    queue: SyncSender<T>,
    filled: Arc<Notify>,
}

impl<T> Filler<T> {
    /// Blocks the shard's thread while the queue is full: that is how the socket learns to wait. It ends when the
    /// reading end is dropped.
    fn put(&self, item: T) {
        let _ = self.queue.send(item);
        self.filled.notify_one();
    }
}

fn queue<T>(most: usize) -> (Filler<T>, Outlet<T>) {
    let (sender, receiver) = sync_channel(most);
    let filled = Arc::new(Notify::new());
    (Filler { queue: sender, filled: Arc::clone(&filled) }, Outlet { queue: receiver, filled })
}

#[derive(Debug)]
struct Ears {
    signals: Filler<Signal>,
    interactions: Filler<Interaction>,
}

#[async_trait]
impl EventHandler for Ears {
    async fn ready(&self, _: Context, _: Ready) {
        self.signals.put(Signal::Ready);
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        self.signals.put(Signal::Resumed);
    }

    async fn message(&self, _: Context, message: Message) {
        self.signals.put(Signal::Message(Box::new(message)));
    }

    async fn interaction_create(&self, _: Context, interaction: Interaction) {
        self.interactions.put(interaction);
    }
}

/// A running shard. Dropping it ends the shard without waiting for that.
#[derive(Debug)]
pub(super) struct Gateway {
    /// Taken once it was heard.
    ended: Option<oneshot::Receiver<Option<Ending>>>,
    stop: DropGuard,
}

/// What a shard connects with.
pub(super) struct Dial {
    /// The gateway's address. Given to serenity, which else would fall back to Discord's own where the question for it
    /// fails.
    pub(super) url: String,
    pub(super) api_url: String,
    pub(super) token: SecretString,
    pub(super) intents: u64,
}

impl Gateway {
    /// Starts the shard.
    pub(super) fn open(dial: Dial) -> Result<(Self, Outlet<Signal>, Outlet<Interaction>), ChannelError> {
        let (signals, told) = queue(MESSAGES);
        let (interactions, asked) = queue(INTERACTIONS);
        let wake = (Arc::clone(&signals.filled), Arc::clone(&interactions.filled));
        let (tell, ended) = oneshot::channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let failed = |error: std::io::Error| ChannelError::Temporary {
            message: format!("no thread for the gateway connection: {error}"),
            after: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let run = move || {
            let ears = Ears { signals, interactions };
            // serenity logs the text of messages that it cannot read, and whole frames: nothing of that is for a log.
            let ending =
                tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
                    runtime.block_on(drive(dial, ears, stopped))
                });
            runtime.shutdown_background();
            let _ = tell.send(ending);
            wake.0.notify_one();
            wake.1.notify_one();
        };
        thread::Builder::new().name("discord-gateway".into()).spawn(run).map_err(failed)?;
        Ok((Self { ended: Some(ended), stop: stop.drop_guard() }, told, asked))
    }

    /// Waits for the shard to end by itself.
    pub(super) async fn ended(&mut self) -> Ending {
        let Some(ended) = &mut self.ended else { return std::future::pending().await };
        let ending = ended.await;
        self.ended = None;
        ending.ok().flatten().unwrap_or_else(|| Ending::Broken("the gateway's thread ended".into()))
    }

    /// Ends the shard with all its tasks. The queues must be dropped before: a full one holds the thread back.
    pub(super) async fn close(self) {
        let Self { ended, stop } = self;
        drop(stop);
        let Some(ended) = ended else { return };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            tracing::warn!(
                "the Discord connection does not end at once; its thread is left to end by itself"
            );
        }
    }
}

async fn drive(dial: Dial, ears: Ears, stop: CancellationToken) -> Option<Ending> {
    // Bits that serenity does not know are Discord's to judge.
    let intents = GatewayIntents::from_bits_retain(dial.intents);
    let http =
        HttpBuilder::new(dial.token.expose_secret()).proxy(dial.api_url).ratelimiter_disabled(true).build();
    let ears = Arc::new(ears);
    let (manager, mut ended) = ShardManager::new(ShardManagerOptions {
        data: Arc::new(RwLock::new(TypeMap::new())),
        event_handlers: vec![Arc::<Ears>::clone(&ears)],
        raw_event_handlers: Vec::new(),
        shard_index: 0,
        shard_init: 0,
        shard_total: 0,
        ws_url: Arc::new(Mutex::new(dial.url)),
        http: Arc::new(http),
        intents,
        presence: None,
    });
    manager.set_shards(0, 1, 1).await;
    if let Err(error) = manager.initialize() {
        return Some(Ending::Broken(format!("the gateway connection does not start: {error}")));
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        ending = ended.next() => Some(match ending {
            Some(Err(error)) => Ending::Refused(error),
            Some(Ok(())) | None => Ending::Broken("the gateway connection ended".into()),
        }),
        never = look(&manager, &ears) => never,
    }
}

/// Tells whenever the session is lost. serenity's own events leave out most ways in which that happens.
async fn look(manager: &ShardManager, ears: &Ears) -> Option<Ending> {
    let mut stood = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let shards = manager.runners.lock().await;
        let stands = shards.get(&ShardId(0)).is_some_and(|shard| shard.stage == ConnectionStage::Connected);
        drop(shards);
        if stood && !stands {
            ears.signals.put(Signal::Apart);
        }
        stood = stands;
    }
}
