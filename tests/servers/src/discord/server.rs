//! The fake as a test sees it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::ledger::{Seen, Shared};
use super::saying::{Saying, person};
use super::world::{ChannelInfo, Shown, id_of};
use super::{BOT, GUILD, TOKEN, rest, socket};
use crate::TooFew;

/// Where the fake is, and since when.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) url: String,
    pub(super) gateway: String,
    pub(super) started: Instant,
    epoch: u64,
}

impl Origin {
    /// Milliseconds since 1970.
    pub(super) fn millis(&self) -> u64 {
        self.epoch + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(0)
    }
}

/// A Discord on `127.0.0.1`. Dropping it closes the port and all connections at once.
#[derive(Debug)]
pub struct FakeDiscord {
    origin: Origin,
    pub(super) shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeDiscord {
    /// Starts a fake with one server and no channels. It accepts connections when this returns.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(fake) => fake,
            Err(error) => panic!("the fake Discord does not start: {error}"),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the fake is the platform: it has a clock of its own")]
    fn try_start() -> io::Result<Self> {
        let bound = || {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            io::Result::Ok((listener.local_addr()?, listener))
        };
        // Two ports, as Discord has two hosts: clients keep connections per host.
        let ((address, listener), (beside, gateway)) = (bound()?, bound()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let origin = Origin {
            url: format!("http://{address}"),
            gateway: format!("ws://{beside}/gw"),
            started: Instant::now(),
            epoch: u64::try_from(now.as_millis()).unwrap_or(0),
        };
        let shared = Arc::new(Shared::default());
        shared.change(|world| world.heartbeat_ms = 41_250);
        let (stop, stopped) = oneshot::channel();
        let for_thread = (Arc::clone(&shared), origin.clone());
        // The runtime ends with the thread, and with it every connection.
        let thread = std::thread::Builder::new().name("fake-discord".into()).spawn(move || {
            runtime.block_on(accept((listener, gateway), for_thread.0, for_thread.1, stopped));
        })?;
        Ok(Self { origin, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`, for `api_url`.
    #[must_use]
    pub fn url(&self) -> String {
        self.origin.url.clone()
    }

    /// `ws://127.0.0.1:PORT/gw`: where the gateway is, as REST tells it too.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.origin.gateway.clone()
    }

    /// The address that REST listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let text = self.origin.url.trim_start_matches("http://");
        text.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The token that it takes.
    #[must_use]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// Adds a text channel of the server.
    pub fn add_channel(&self, id: u64) {
        self.add(id, ChannelInfo { kind: 0, parent: None, archived: false, refused: None });
    }

    /// Adds a public thread.
    pub fn add_thread(&self, id: u64, parent: u64) {
        self.add(id, ChannelInfo { kind: 11, parent: Some(parent), archived: false, refused: None });
    }

    /// Adds a direct chat with the bot. Saying something in an unknown channel does that as well.
    pub fn add_direct(&self, id: u64) {
        self.shared.change(|world| {
            world.channel(id);
        });
    }

    fn add(&self, id: u64, info: ChannelInfo) {
        self.shared.change(|world| world.channels.insert(id, info));
    }

    /// Archives a thread: posts to it are refused.
    pub fn archive(&self, thread: u64) {
        self.shared.change(|world| world.channel(thread).archived = true);
    }

    /// Refuses every call to this channel with this status and code, or none any more.
    pub fn refuse(&self, channel: u64, with: Option<(u16, u64)>) {
        self.shared.change(|world| world.channel(channel).refused = with);
    }

    /// A file that can be fetched; its URL. With `false` its link has expired.
    pub fn add_file(&self, name: &str, bytes: impl Into<Bytes>, alive: bool) -> String {
        self.shared.change(|world| world.files.insert(name.to_owned(), (bytes.into(), alive)));
        format!("{}/cdn/{name}?ex=1&hm=2", self.origin.url)
    }

    /// A person says something: it is kept and handed to the connected session. Its id. A message under a known id is
    /// delivered once more.
    pub fn say(&self, saying: &Saying) -> u64 {
        self.shared.change(|world| {
            let id = self.keep(world, saying);
            world.dispatch_message(saying.channel, saying.finish(id));
            id
        })
    }

    /// A person says something, and the gateway loses it: only REST knows of it.
    pub fn say_unseen(&self, saying: &Saying) -> u64 {
        self.shared.change(|world| self.keep(world, saying))
    }

    fn keep(&self, world: &mut super::world::World, saying: &Saying) -> u64 {
        let id = saying.id.unwrap_or_else(|| world.new_id(self.origin.millis()));
        world.last_id = world.last_id.max(id);
        if saying.guild && !world.channels.contains_key(&saying.channel) {
            let info = ChannelInfo { kind: 0, parent: None, archived: false, refused: None };
            world.channels.insert(saying.channel, info);
        }
        world.channel(saying.channel);
        world.keep(saying.channel, saying.finish(id));
        id
    }

    /// Keeps what is said while nobody is connected for the next session, instead of telling nobody.
    pub fn hold_until_connected(&self) {
        self.shared.change(|world| world.hold = true);
    }

    /// A slash command with its option `text`; the interaction's id.
    pub fn slash(&self, channel: u64, user: u64, name: &str, text: Option<&str>) -> u64 {
        let options =
            text.map_or_else(Vec::new, |text| vec![json!({"name": "text", "type": 3, "value": text})]);
        let data = json!({"id": "500", "name": name, "type": 1, "options": options});
        self.interact(channel, user, 2, &data, &Value::Null)
    }

    /// A press on a button of a message; the interaction's id.
    pub fn press(&self, channel: u64, user: u64, message: u64, custom_id: &str) -> u64 {
        let data = json!({"custom_id": custom_id, "component_type": 2});
        let shown = self
            .shared
            .read()
            .messages
            .get(&channel)
            .and_then(|all| all.iter().find(|known| id_of(&known["id"]) == message).cloned());
        self.interact(channel, user, 3, &data, &shown.unwrap_or(Value::Null))
    }

    fn interact(&self, channel: u64, user: u64, kind: u8, data: &Value, message: &Value) -> u64 {
        self.shared.change(|world| {
            let id = world.new_id(self.origin.millis());
            world.channel(channel);
            let guild = world.in_guild(channel);
            let mut event = json!({
                "id": id.to_string(), "application_id": BOT.to_string(), "type": kind, "data": data,
                "channel_id": channel.to_string(), "channel": world.channel_json(channel),
                "token": format!("interaction-token-{id}"), "version": 1, "locale": "en-US", "entitlements": [],
                "authorizing_integration_owners": {}, "attachment_size_limit": 1000,
            });
            if guild {
                event["guild_id"] = json!(GUILD.to_string());
                event["member"] = json!({
                    "user": person(user), "roles": [], "joined_at": "2020-01-01T00:00:00+00:00", "deaf": false,
                    "mute": false, "flags": 0, "permissions": "0", "premium_since": null, "nick": null,
                    "pending": false, "avatar": null, "communication_disabled_until": null,
                });
            } else {
                event["user"] = person(user);
            }
            if !message.is_null() {
                event["message"] = message.clone();
            }
            world.dispatch("INTERACTION_CREATE", event);
            id
        })
    }

    /// Dispatches anything.
    pub fn dispatch(&self, name: &str, data: &Value) {
        self.shared.change(|world| world.dispatch(name, data.clone()));
    }

    /// What the bot shows in a channel, in order.
    #[must_use]
    pub fn shown(&self, channel: u64) -> Vec<Shown> {
        self.shared.read().shown(channel)
    }

    /// Takes a message away, as its reader might.
    pub fn remove(&self, channel: u64, message: u64) {
        self.shared.change(|world| {
            world.messages.entry(channel).or_default().retain(|known| id_of(&known["id"]) != message);
        });
    }

    /// The slash commands that were registered.
    #[must_use]
    pub fn commands(&self) -> Vec<Value> {
        self.shared.read().commands.clone()
    }

    /// Looks at the ledgers.
    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.read().seen)
    }

    /// Blocks until the ledgers show what is waited for. Not for use on a thread that also drives the client.
    ///
    /// # Errors
    /// [`TooFew`] at the deadline.
    pub fn wait_for(
        &self,
        what: &'static str,
        within: Duration,
        enough: impl Fn(&Seen) -> bool,
    ) -> Result<(), TooFew> {
        self.shared.wait(what, within, enough)
    }

    /// [`FakeDiscord::wait_for`] for asynchronous tests.
    ///
    /// # Errors
    /// [`TooFew`] at the deadline.
    pub async fn reached(
        &self,
        what: &'static str,
        within: Duration,
        enough: impl Fn(&Seen) -> bool,
    ) -> Result<(), TooFew> {
        self.shared.reached(what, within, enough).await
    }
}

impl Drop for FakeDiscord {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Had it panicked, the panic would stand in the test's output already.
            let _ = thread.join();
        }
    }
}

async fn accept(
    (listener, gateway): (TcpListener, TcpListener),
    shared: Arc<Shared>,
    origin: Origin,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let Ok(gateway) = tokio::net::TcpListener::from_std(gateway) else { return };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                open.spawn(rest::serve(Arc::clone(&shared), origin.clone(), stream));
            },
            accepted = gateway.accept() => if let Ok((stream, _)) = accepted {
                open.spawn(socket::serve(Arc::clone(&shared), origin.clone(), stream));
            },
            Some(_) = open.join_next() => {}
        }
    }
}
