//! A gateway in memory, and those who call it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent_core::{
    BudgetConfig, ChosenModel, Core, Factotum, HookRequest, HookResponse, LocalBus, Models, NoPrompts,
    NoSkills, Ports, ScriptedProvider, ScriptedReply, Spawn, SpendingCaps, turn::Limits,
};
use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _, future::BoxFuture};
use http_api::{ChannelHealth, Health, HttpConfig, Operations, Readiness, WebSocketPolicy};
use serde_json::Value;
use session_api::{
    InMemoryStore, LeasePolicy, ManualClock, SequentialIds, SessionKey, Stores, Timestamp, WorkerId,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, HeaderValue},
    },
};
use tokio_util::sync::CancellationToken;
use tool_api::{Approver, Registry, Tool, ToolSource};

/// The token of all tests.
pub(crate) const TOKEN: &str = "correct-horse-battery-staple";
/// Longer than anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Tasks(Mutex<JoinSet<()>>);

impl Spawn for Tasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().expect("not poisoned").spawn(task);
    }
}

/// What the server is told about the process.
#[derive(Default)]
pub(crate) struct Office {
    pub(crate) reasons: Mutex<Vec<String>>,
    pub(crate) hooks: Mutex<Vec<(String, HookRequest)>>,
}

#[async_trait]
impl Operations for Office {
    fn health(&self) -> Health {
        let channel = ChannelHealth { kind: "telegram".into(), state: "running".into(), detail: None };
        Health { role: "active".into(), version: "0.0.0".into(), channels: vec![channel] }
    }

    fn ready(&self) -> Readiness {
        Readiness { reasons: self.reasons.lock().expect("not poisoned").clone() }
    }

    fn metrics(&self) -> String {
        "factotum_turns_total 7\n".into()
    }

    async fn hook(&self, kind: &str, request: HookRequest) -> HookResponse {
        match (kind, request.header("x-signature")) {
            ("slack", Some("good")) => {
                self.hooks.lock().expect("not poisoned").push((kind.into(), request));
                HookResponse { status: 200, body: "challenge".into() }
            }
            ("slack", _) => HookResponse::status(401),
            ("slow", _) => std::future::pending().await,
            _ => HookResponse::status(404),
        }
    }
}

/// A store, an assistant on it, and servers that come and go.
pub(crate) struct Gateway {
    pub(crate) factotum: Factotum,
    pub(crate) store: InMemoryStore,
    pub(crate) clock: ManualClock,
    pub(crate) office: Arc<Office>,
    pub(crate) addr: SocketAddr,
    config: HttpConfig,
    stop: CancellationToken,
    serving: JoinSet<()>,
    workers: JoinSet<()>,
}

/// What tests change about a gateway.
pub(crate) struct Setup {
    pub(crate) replies: Vec<ScriptedReply>,
    pub(crate) tools: Vec<Arc<dyn Tool>>,
    pub(crate) approver: Arc<dyn Approver>,
    pub(crate) config: HttpConfig,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            replies: vec![ScriptedReply::text("The answer.")],
            tools: Vec::new(),
            approver: Arc::new(tool_api::AlwaysAllow),
            config: config(),
        }
    }
}

/// The token, the WebSocket channel, and any free port.
pub(crate) fn config() -> HttpConfig {
    HttpConfig {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        token: Some(TOKEN.into()),
        websocket: Some(WebSocketPolicy::default()),
        ..HttpConfig::default()
    }
}

impl Gateway {
    /// One whose model says these, the last one for ever.
    pub(crate) async fn saying(replies: Vec<ScriptedReply>) -> Self {
        Self::new(Setup { replies, ..Setup::default() }).await
    }

    pub(crate) async fn new(setup: Setup) -> Self {
        let Setup { replies, tools, approver, config } = setup;
        let clock = ManualClock::at(Timestamp(1_795_000_000_000));
        let ids = Arc::new(SequentialIds::default());
        let store = InMemoryStore::new(Arc::new(clock.clone()), ids.clone(), LeasePolicy::default());
        let default = ChosenModel::new(Arc::new(ScriptedProvider::new(replies)), "model");
        let core = Core {
            models: Models::new(default, Vec::new()),
            tools: Registry::new(&[Arc::new(tools) as Arc<dyn ToolSource>]).expect("different names"),
            approver,
            hooks: Vec::new(),
            prompts: Arc::new(NoPrompts),
            skills: Arc::new(NoSkills),
            transcriber: None,
            limits: Limits::default(),
            caps: SpendingCaps::default(),
            budget: BudgetConfig::default(),
            compaction: agent_core::Compaction::default(),
            effort: None,
            approval_expiry: Duration::from_secs(600),
            zones: Default::default(),
            autonomy: agent_core::Autonomy::default(),
        };
        let ports = Ports {
            stores: Stores::of(Arc::new(store.clone())),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            bus: Arc::new(LocalBus::default()),
            spawn: Arc::new(Tasks::default()),
            channels: agent_core::gateway::Channels::default(),
            redact: std::sync::Arc::new(agent_core::NoSecrets),
            worker: WorkerId::new(ids.as_ref()),
            lease_ttl: LeasePolicy::default().ttl,
        };
        let mut gateway = Self {
            factotum: Factotum::new(ports, core),
            store,
            clock,
            office: Arc::default(),
            addr: config.bind,
            config,
            stop: CancellationToken::new(),
            serving: JoinSet::new(),
            workers: JoinSet::new(),
        };
        gateway.serve().await;
        gateway
    }

    /// Starts the server: another one where the last was stopped.
    pub(crate) async fn serve(&mut self) {
        let server = http_api::bind(self.config.clone()).await.expect("the address is free");
        self.addr = server.addr();
        self.stop = CancellationToken::new();
        self.serving.spawn(server.serve(self.factotum.clone(), self.office.clone(), self.stop.clone()));
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(DEADLINE, self.serving.join_next()).await;
        ended.expect("the server ends in time").expect("it was started").expect("it does not fail");
    }

    /// Runs what comes in, as the gateway's workers do.
    pub(crate) fn work(&mut self) {
        let factotum = self.factotum.clone();
        self.workers.spawn(async move {
            let mut version = 0;
            loop {
                version = factotum.changed(version).await.expect("the store answers");
                for session in factotum.sessions().list(100).await.expect("the store answers") {
                    factotum.resume(&session.key).await.expect("the turn runs");
                }
            }
        });
    }

    pub(crate) async fn client(&self) -> Client {
        Client::with_header(self.addr).await
    }

    /// How many WebSocket clients the server counts.
    pub(crate) async fn clients(&self) -> u64 {
        let health = ask(self.addr, "GET /healthz", &[], b"").await.json();
        health["websocket_clients"].as_u64().expect("a number")
    }

    /// Waits until the server counts so many clients.
    pub(crate) async fn has_clients(&self, count: u64) {
        let counted = async {
            while self.clients().await != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, counted).await.expect("the clients come and go in time");
    }

    /// What is known of a conversation; `None` when nothing ever came in.
    pub(crate) async fn session(&self, name: &str) -> Option<session_api::SessionInfo> {
        let key = SessionKey::new("websocket", "factotum", name);
        self.factotum.sessions().get(&key).await.expect("the store answers")
    }
}

/// A WebSocket client.
pub(crate) struct Client(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

pub(crate) async fn connect(
    addr: SocketAddr,
    headers: &[(&str, &str)],
) -> Result<Client, Box<tungstenite::Error>> {
    let mut request = format!("ws://{addr}/ws").into_client_request().expect("a sound URL");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header's value"));
    }
    let (stream, _) = tokio::time::timeout(DEADLINE, connect_async(request)).await.expect("in time")?;
    Ok(Client(stream))
}

/// A client whose system takes in little before somebody reads, greeted.
pub(crate) async fn narrow(addr: SocketAddr) -> Client {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let stream = socket.connect(addr).await.expect("connected");
    let mut request = format!("ws://{addr}/ws").into_client_request().expect("a sound URL");
    let bearer = HeaderValue::from_str(&authorization()).expect("a header's value");
    request.headers_mut().insert("authorization", bearer);
    let stream = MaybeTlsStream::Plain(stream);
    let (stream, _) = tokio_tungstenite::client_async(request, stream).await.expect("let in");
    let mut client = Client(stream);
    client.expect("ready").await;
    client
}

/// The status with which a connection was refused.
pub(crate) async fn refused(addr: SocketAddr, headers: &[(&str, &str)]) -> u16 {
    match connect(addr, headers).await.map_err(|error| *error) {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{headers:?}: {other}"),
        Ok(_) => panic!("{headers:?}: it was let in"),
    }
}

impl Client {
    /// One that presents the token in a header, and was greeted.
    pub(crate) async fn with_header(addr: SocketAddr) -> Self {
        let authorization = format!("Bearer {TOKEN}");
        let mut client = connect(addr, &[("authorization", &authorization)]).await.expect("let in");
        client.expect("ready").await;
        client
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.raw(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        tokio::time::timeout(DEADLINE, self.0.send(message)).await.expect("in time").expect("sent");
    }

    /// Says something.
    pub(crate) async fn say(&mut self, session: &str, id: &str, text: &str) {
        self.send(serde_json::json!({ "type": "message", "session": session, "id": id, "text": text })).await;
    }

    /// The next frame, whatever it is.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.0.next()).await.expect("a frame in time");
            match message.expect("the connection stands").expect("a sound frame") {
                Message::Text(text) => {
                    let frame = serde_json::from_str(&text).expect("JSON");
                    assert_documented(&frame);
                    return frame;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next frame, which is of this type; live events are passed over.
    #[track_caller]
    pub(crate) fn expect(&mut self, kind: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                let frame = self.next().await;
                if frame["type"] == kind {
                    return frame;
                }
                assert_eq!(frame["type"], "event", "{caller}: {kind} was expected, not {frame}");
            }
        }
    }

    /// The next frame of this type; all others are passed over.
    pub(crate) async fn expect_any(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The next frame, as long as there is one.
    pub(crate) async fn until_closed(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(DEADLINE, self.0.next()).await.expect("an end in time")? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The code and the reason with which the server closes; frames before that are passed over.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match tokio::time::timeout(DEADLINE, self.0.next()).await.expect("a close in time") {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Close(None))) | None => return (1005, String::new()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return (1006, error.to_string()),
            }
        }
    }

    /// Closes and waits for the server's answer.
    pub(crate) async fn close(mut self) {
        self.0.close(None).await.expect("closed");
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

/// Every field of a frame stands in the documentation's example of its type.
#[track_caller]
fn assert_documented(frame: &Value) {
    let page = include_str!("../../../../docs/channels/websocket.md");
    let examples = page.lines().filter_map(|line| line.strip_prefix("← "));
    let mut examples = examples.map(|line| serde_json::from_str::<Value>(line).expect("the example is JSON"));
    let example = examples.find(|example| example["type"] == frame["type"]);
    let example = example.unwrap_or_else(|| panic!("no example of {frame}"));
    for field in frame.as_object().expect("an object").keys() {
        assert!(
            example.get(field).is_some() || field == "attachments",
            "`{field}` of {frame} is not documented"
        );
    }
}

/// What a plain HTTP request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Sends a request as it stands, whatever a proper client would say to it.
pub(crate) async fn ask(addr: SocketAddr, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request += &format!("host: {addr}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    exchange(addr, &bytes).await
}

/// Sends these bytes and reads until the server closes.
pub(crate) async fn exchange(addr: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(addr).await.expect("connected");
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(bytes).await.expect("written");
        stream.read_to_end(&mut answer).await.expect("read");
    };
    tokio::time::timeout(DEADLINE, exchange).await.expect("answered in time");
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.into(), body: body.into() }
}

/// `Authorization` with the token.
pub(crate) fn authorization() -> String {
    format!("Bearer {TOKEN}")
}
