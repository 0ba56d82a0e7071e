//! The fake as a test sees it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::bell::{Bell, Late};
use super::fault::Fault;
use super::hook::{self, HookAttempt};
use super::say::{self, Say};
use super::seen::{Seen, shown};
use super::serve::connection;
use super::state::{Call, Latency, Shown, State};

/// The bot's token at every fake.
const TOKEN: &str = "123456789:AAFakeFakeFakeFakeFakeFakeFakeFakeF";

/// The bot's user id.
const BOT: i64 = 123_456_789;

/// The bot's user name.
const NAME: &str = "factotum_bot";

/// A Telegram on `127.0.0.1`. Dropping it closes the port and all connections at once.
#[derive(Debug)]
pub struct FakeTelegram {
    address: SocketAddr,
    bell: Arc<Bell>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeTelegram {
    /// Starts one on a free port. It accepts connections when this returns.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn start() -> Self {
        match Self::start_on(0) {
            Ok(server) => server,
            Err(error) => panic!("the fake Telegram does not start: {error}"),
        }
    }

    /// Starts one on this port; 0 is any free one.
    ///
    /// # Errors
    /// When the port or a thread is not to be had.
    pub fn start_on(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bell = Arc::new(Bell::new(State::new(TOKEN, BOT, NAME)));
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&bell);
        // The runtime ends with the thread, and with it whatever still waits or hangs.
        let thread = std::thread::Builder::new()
            .name("fake-telegram".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { address, bell, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`, to be used as `api_url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The one token that is taken.
    #[must_use]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The bot's user id.
    #[must_use]
    pub fn bot_id(&self) -> i64 {
        BOT
    }

    /// The bot's name, without `@`.
    #[must_use]
    pub fn bot_name(&self) -> &'static str {
        NAME
    }

    /// Revokes the token: from now on every call is answered with 401.
    pub fn revoke_token(&self) {
        self.bell.change(|state| state.token = "revoked:revoked".into());
    }

    /// Somebody says something; gives the id of the update.
    pub fn say(&self, say: Say) -> i64 {
        self.bell.change(|state| say::push(state, say, None))
    }

    /// The same under a chosen update id, such as one that was used before.
    pub fn say_as(&self, update_id: i64, say: Say) -> i64 {
        self.bell.change(|state| say::push(state, say, Some(update_id)))
    }

    /// Many at once, so that one poll gets them together; gives the ids of the updates.
    pub fn say_all(&self, all: impl IntoIterator<Item = Say>) -> Vec<i64> {
        self.bell.change(|state| all.into_iter().map(|say| say::push(state, say, None)).collect())
    }

    /// `user` presses the button with this data under a message of the bot; gives the id of the update.
    pub fn press(&self, user: i64, chat: i64, message: i64, data: &str) -> i64 {
        self.bell.change(|state| say::press(state, user, chat, message, data))
    }

    /// Queues an update as it is; only its `update_id` is set. For shapes that no [`Say`] has.
    pub fn push_raw(&self, update: Value) -> i64 {
        self.bell.change(|state| state.push(update, None))
    }

    /// Delivers all updates there ever were again, so many times, shuffled; the bot's confirmations do not count for them
    /// until they were given once.
    pub fn redeliver_all(&self, times: usize, seed: u64) {
        self.bell.change(|state| state.redeliver(times, seed));
    }

    /// Numbers updates anew from `next` on and lets so much time pass on Telegram's side, as after an idle week.
    pub fn renumber(&self, next: i64, pause: Duration) {
        self.bell.change(|state| state.renumber(next, pause));
    }

    /// Orders a fault for the next `times` calls of a method; `file` is a download, `*` is any method.
    pub fn fault(&self, method: &str, times: u32, fault: Fault) {
        self.bell.change(|state| state.faults.order(method, times, fault));
    }

    /// Takes back the faults that did not happen yet.
    pub fn heal(&self) {
        self.bell.change(|state| state.faults.clear());
    }

    /// From now on calls for this chat fail with this code and description, such as 403 and `Forbidden: bot was blocked
    /// by the user`.
    pub fn close_chat(&self, chat: i64, code: u16, description: &str) {
        self.bell.change(|state| state.closed.insert(chat, (code, description.to_owned())));
    }

    /// The group `from` becomes the supergroup `to`.
    pub fn migrate(&self, from: i64, to: i64) {
        self.bell.change(|state| state.migrated.insert(from, to));
    }

    /// What the bot shows in a chat now, in order.
    #[must_use]
    pub fn shown(&self, chat: i64) -> Vec<Shown> {
        shown(&self.bell.read(), chat)
    }

    /// The texts of [`shown`](Self::shown).
    #[must_use]
    pub fn texts(&self, chat: i64) -> Vec<String> {
        self.shown(chat).into_iter().map(|shown| shown.text).collect()
    }

    /// Confirmed update ids, in the order of their confirmation.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<i64> {
        self.bell.read().acknowledged.clone()
    }

    /// How many updates wait to be confirmed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bell.read().queue.len()
    }

    /// The calls of a method (any case) so far.
    #[must_use]
    pub fn calls(&self, method: &str) -> Vec<Call> {
        self.bell
            .read()
            .calls
            .iter()
            .filter(|call| call.method.eq_ignore_ascii_case(method))
            .cloned()
            .collect()
    }

    /// Deliveries to the webhook so far.
    #[must_use]
    pub fn hook_attempts(&self) -> Vec<HookAttempt> {
        self.bell.read().hook_attempts.clone()
    }

    /// The address and the secret of the webhook.
    #[must_use]
    pub fn webhook(&self) -> Option<(String, Option<String>)> {
        self.bell.read().webhook.clone().map(|hook| (hook.url, hook.secret))
    }

    /// The menu of commands: name and description.
    #[must_use]
    pub fn commands(&self) -> Vec<(String, String)> {
        self.bell.read().commands.clone()
    }

    /// Ids of the button presses that the bot answered.
    #[must_use]
    pub fn answered_callbacks(&self) -> Vec<String> {
        self.bell.read().answered_callbacks.clone()
    }

    /// The kinds of updates that the bot asked for last.
    #[must_use]
    pub fn allowed_updates(&self) -> Value {
        self.bell.read().allowed_updates.clone()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.bell.read().connections
    }

    /// How many polls wait for updates now.
    #[must_use]
    pub fn polls_waiting(&self) -> usize {
        self.bell.read().polls_waiting
    }

    /// How long each answered message waited, in the order of the answers. An answer is matched to the message that it
    /// replies to, else to the chat's oldest without one.
    #[must_use]
    pub fn latencies(&self) -> Vec<Latency> {
        self.bell.read().latencies.clone()
    }

    /// Forgets what is over, so that a long run does not fill the memory: calls, latencies, acknowledged ids, and all
    /// but the last ten thousand messages. What is still under way is not touched.
    pub fn forget_ledgers(&self) {
        self.bell.change(State::forget);
    }

    /// Blocks until `enough` holds; it is asked after every change. Not for a thread that also drives the bot; see
    /// [`reached`](Self::reached).
    ///
    /// # Errors
    /// [`Late`] at the deadline, with `what`.
    pub fn wait_for(
        &self,
        what: &str,
        within: Duration,
        mut enough: impl FnMut(&Seen<'_>) -> bool,
    ) -> Result<(), Late> {
        let found = self.bell.wait(within, |state| enough(&Seen(state)).then_some(()));
        found.ok_or_else(|| self.late(what, within))
    }

    /// [`wait_for`](Self::wait_for) for asynchronous tests.
    ///
    /// # Errors
    /// [`Late`] at the deadline, with `what`.
    pub async fn reached(
        &self,
        what: &str,
        within: Duration,
        mut enough: impl FnMut(&Seen<'_>) -> bool,
    ) -> Result<(), Late> {
        let found = self.bell.until(|state| enough(&Seen(state)).then_some(()));
        tokio::time::timeout(within, found).await.map_err(|_| self.late(what, within))
    }

    /// Delivers one update to the webhook with this secret, whatever is queued; gives the status of the answer. For
    /// forgeries.
    ///
    /// # Errors
    /// What the connection says.
    pub async fn forge(url: &str, secret: Option<&str>, update: &Value) -> io::Result<u16> {
        hook::post(url, secret, update).await
    }

    fn late(&self, what: &str, within: Duration) -> Late {
        let state = self.bell.read();
        let last = state.calls.iter().rev().take(3).map(|call| format!("{} -> {}", call.method, call.status));
        let there_is = format!(
            "{} updates pending, {} acknowledged, {} messages shown, last calls [{}]",
            state.queue.len(),
            state.acknowledged.len(),
            state.shown.len(),
            last.collect::<Vec<_>>().join(", ")
        );
        Late { what: what.to_owned(), there_is, within }
    }
}

impl Drop for FakeTelegram {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Had it panicked, the panic would stand in the test's output already.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, bell: Arc<Bell>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut open = JoinSet::new();
    open.spawn(hook::deliver(Arc::clone(&bell)));
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                open.spawn(connection(Arc::clone(&bell), stream));
            },
            Some(_) = open.join_next() => {}
        }
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
