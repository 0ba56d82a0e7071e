//! A client of the WebSocket channel that does what its documentation asks of one: it connects again whenever the line is
//! lost, goes on from the last event that it has, and says again, under the same id, what was not settled.
//!
//! It runs on a thread of its own, which ends with [`SocketClient`], and writes down what it was told. A test compares
//! that with what must have come.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    client::IntoClientRequest,
    http::{HeaderValue, header::AUTHORIZATION},
};

/// How long to look for frames before looking for something to send.
const TICK: Duration = Duration::from_millis(5);
/// The longest for a connection and its handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The wait before the next attempt, in ticks.
const RECONNECT: u32 = 4;
/// The wait before something is said again that the server refused for now, in ticks.
const AGAIN: u32 = 50;

/// What a client said and what it was told.
#[derive(Debug, Clone, Default)]
pub struct SocketLog {
    /// What it said, by id: the session and the text.
    pub said: BTreeMap<String, (String, String)>,
    /// Which of that was accepted, by id: the id in the inbox.
    pub accepted: BTreeMap<String, String>,
    /// Which of that ended, by id: how.
    pub settled: BTreeMap<String, String>,
    /// Replies, notices and questions in the order in which they came.
    pub heard: Vec<Value>,
    /// Live events, in the order in which they came.
    pub events: Vec<Value>,
    /// Errors.
    pub errors: Vec<Value>,
    /// The last event of each session.
    pub last: BTreeMap<String, String>,
    /// How often it was let in.
    pub connections: usize,
}

impl SocketLog {
    /// The replies, of all sessions.
    pub fn replies(&self) -> impl Iterator<Item = &Value> {
        self.heard.iter().filter(|frame| frame["type"] == "reply")
    }

    /// Ids of what was accepted and has not ended.
    #[must_use]
    pub fn open(&self) -> Vec<&str> {
        self.accepted.keys().filter(|id| !self.settled.contains_key(*id)).map(String::as_str).collect()
    }

    /// Ids of events that came more than once.
    #[must_use]
    pub fn doubled(&self) -> Vec<&str> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for id in self.heard.iter().filter_map(|frame| frame["event_id"].as_str()) {
            *seen.entry(id).or_default() += 1;
        }
        seen.into_iter().filter(|(_, times)| *times > 1).map(|(id, _)| id).collect()
    }
}

/// What was waited for did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("{what} did not come within {after:?}: {log:#?}")]
pub struct NotHeard {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub after: Duration,
    /// What stood in the log instead.
    pub log: Box<SocketLog>,
}

#[derive(Debug)]
struct State {
    log: SocketLog,
    /// Sent once, in order, as soon as there is a connection.
    outgoing: VecDeque<Value>,
    addr: SocketAddr,
    cut: bool,
    ended: bool,
    next_id: u64,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    token: String,
}

/// The client.
#[derive(Debug)]
pub struct SocketClient {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl SocketClient {
    /// Connects to this server, now or once it is there.
    #[must_use]
    pub fn start(addr: SocketAddr, token: &str) -> Self {
        let state = State {
            log: SocketLog::default(),
            outgoing: VecDeque::new(),
            addr,
            cut: false,
            ended: false,
            next_id: 0,
        };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), token: token.to_owned() });
        let of_thread = shared.clone();
        Self { thread: Some(std::thread::spawn(move || live(&of_thread))), shared }
    }

    /// Says something and keeps saying it until it is settled. Returns its id.
    pub fn say(&self, session: &str, text: &str) -> String {
        let mut state = self.shared.state.lock();
        state.next_id += 1;
        let id = format!("m-{}", state.next_id);
        if !state.log.last.contains_key(session) {
            state.follow(session);
        }
        state.log.said.insert(id.clone(), (session.to_owned(), text.to_owned()));
        state.outgoing.push_back(message(&id, session, text));
        id
    }

    /// Follows a session from its beginning.
    pub fn follow(&self, session: &str) {
        self.shared.state.lock().follow(session);
    }

    /// Sends a frame once.
    pub fn send(&self, frame: Value) {
        self.shared.state.lock().outgoing.push_back(frame);
    }

    /// Cuts the line without a word.
    pub fn cut(&self) {
        self.shared.state.lock().cut = true;
    }

    /// Goes to another address: that of a server which was started again.
    pub fn move_to(&self, addr: SocketAddr) {
        let mut state = self.shared.state.lock();
        (state.addr, state.cut) = (addr, true);
    }

    /// What it was told until now.
    #[must_use]
    pub fn log(&self) -> SocketLog {
        self.shared.state.lock().log.clone()
    }

    /// Waits until the log is as wanted.
    ///
    /// # Errors
    /// With the log as it stands when that takes too long.
    pub fn wait(
        &self,
        what: &str,
        timeout: Duration,
        wanted: impl Fn(&SocketLog) -> bool,
    ) -> Result<SocketLog, NotHeard> {
        let mut state = self.shared.state.lock();
        let waited = self.shared.changed.wait_while_for(&mut state, |state| !wanted(&state.log), timeout);
        let log = state.log.clone();
        if waited.timed_out() {
            return Err(NotHeard { what: what.to_owned(), after: timeout, log: Box::new(log) });
        }
        Ok(log)
    }
}

impl Drop for SocketClient {
    fn drop(&mut self) {
        self.shared.state.lock().ended = true;
        if let Some(thread) = self.thread.take() {
            // It panicked at worst, and has said so.
            let _ = thread.join();
        }
    }
}

fn message(id: &str, session: &str, text: &str) -> Value {
    json!({ "type": "message", "id": id, "session": session, "text": text })
}

impl State {
    fn follow(&mut self, session: &str) {
        let last = self.log.last.entry(session.to_owned()).or_insert_with(|| "0".into()).clone();
        self.outgoing.push_back(json!({ "type": "attach", "session": session, "after": last }));
    }

    /// What a new connection begins with.
    fn begin(&mut self) {
        self.cut = false;
        self.log.connections += 1;
        self.outgoing.retain(|frame| !matches!(frame["type"].as_str(), Some("attach" | "message")));
        let mut first: VecDeque<Value> = VecDeque::new();
        for (session, last) in &self.log.last {
            first.push_back(json!({ "type": "attach", "session": session, "after": last }));
        }
        first.extend(self.unsettled());
        first.append(&mut self.outgoing);
        self.outgoing = first;
    }

    fn unsettled(&self) -> Vec<Value> {
        let mut open: Vec<_> =
            self.log.said.iter().filter(|(id, _)| !self.log.settled.contains_key(*id)).collect();
        // In the order in which it was said.
        open.sort_by_key(|(id, _)| id.trim_start_matches("m-").parse::<u64>().unwrap_or(u64::MAX));
        open.into_iter().map(|(id, (session, text))| message(id, session, text)).collect()
    }

    /// Writes down what a frame tells. Returns whether something is to be said again.
    fn hear(&mut self, frame: Value) -> bool {
        let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str().unwrap_or_default() {
            "accepted" => {
                self.log.accepted.insert(text("id"), text("inbound"));
            }
            "settled" => {
                self.log.settled.insert(text("id"), text("outcome"));
            }
            "reply" | "notice" | "question" => {
                self.log.last.insert(text("session"), text("event_id"));
                self.log.heard.push(frame);
            }
            "event" => self.log.events.push(frame),
            "error" => {
                let again = ["rate_limited", "unavailable", "storage_full", "too_many_messages"];
                let again = again.contains(&frame["code"].as_str().unwrap_or_default());
                self.log.errors.push(frame);
                return again;
            }
            _ => {}
        }
        false
    }
}

/// Connects again and again until the client is dropped.
fn live(shared: &Shared) {
    let mut wait = 0;
    loop {
        let (addr, ended) = {
            let state = shared.state.lock();
            (state.addr, state.ended)
        };
        if ended {
            return;
        }
        if wait > 0 {
            wait -= 1;
            std::thread::sleep(TICK);
            continue;
        }
        wait = RECONNECT;
        if let Ok(mut socket) = connect(addr, &shared.token) {
            shared.state.lock().begin();
            shared.changed.notify_all();
            converse(shared, &mut socket);
        }
    }
}

fn connect(addr: SocketAddr, token: &str) -> Result<WebSocket<TcpStream>, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect_timeout(&addr, HANDSHAKE)?;
    stream.set_read_timeout(Some(HANDSHAKE))?;
    stream.set_write_timeout(Some(HANDSHAKE))?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{addr}/ws").into_client_request()?;
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?);
    let (socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
    socket.get_ref().set_read_timeout(Some(TICK))?;
    Ok(socket)
}

/// Sends what there is to send and writes down what comes, until the line is lost.
fn converse(shared: &Shared, socket: &mut WebSocket<TcpStream>) {
    let mut again = None;
    loop {
        let next = {
            let mut state = shared.state.lock();
            if state.cut || state.ended {
                return;
            }
            if again == Some(0) {
                let open = state.unsettled();
                state.outgoing.extend(open);
                again = None;
            }
            state.outgoing.pop_front()
        };
        if let Some(frame) = next {
            if socket.send(Message::text(frame.to_string())).is_err() {
                return;
            }
            continue;
        }
        match socket.read() {
            Ok(Message::Text(text)) => {
                let Ok(frame) = serde_json::from_str(&text) else { continue };
                if shared.state.lock().hear(frame) {
                    again = Some(AGAIN);
                }
                shared.changed.notify_all();
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                again = again.map(|ticks: u32| ticks.saturating_sub(1));
            }
            Err(_) => return,
        }
    }
}
