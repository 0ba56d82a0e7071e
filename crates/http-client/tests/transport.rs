//! Clients against real sockets: what each failure is called, what the guard lets through, what never happens.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_client::{
    Addresses, Client, Egress, HttpError, Lookup, Method, Policy, Proxy, Response, TransportError,
    TransportErrorKind as Kind, Url, build, build_with_lookup,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// What a test server does with a connection once the head of a request has come.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Writes these bytes and closes.
    Say(&'static [u8]),
    /// Writes these bytes and keeps silent.
    SayAndHang(&'static [u8]),
    /// Writes these bytes and resets the connection.
    SayAndReset(&'static [u8]),
}

/// A server that counts its connections and keeps the last request's head.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: tokio::sync::mpsc::UnboundedReceiver<String>,
    _task: tokio::task::JoinSet<()>,
}

impl Server {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, heads) = tokio::sync::mpsc::unbounded_channel();
        let counter = Arc::clone(&connections);
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(stream, behaviour, sender.clone()));
            }
        });
        Self { address, connections, heads, _task: task }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    behaviour: Behaviour,
    heads: tokio::sync::mpsc::UnboundedSender<String>,
) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    // A TLS client says hello without a blank line; its first byte is enough to answer.
    while !head.ends_with(b"\r\n\r\n") && head.first() != Some(&0x16) {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let _ = heads.send(String::from_utf8_lossy(&head).into_owned());
    let (Behaviour::Say(bytes) | Behaviour::SayAndHang(bytes) | Behaviour::SayAndReset(bytes)) = behaviour;
    let _ = stream.write_all(bytes).await;
    match behaviour {
        Behaviour::Say(_) => {
            let _ = stream.shutdown().await;
            // What the client still sends is read to the end, or else the kernel would answer it with a reset.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
        Behaviour::SayAndHang(_) => std::future::pending().await,
        Behaviour::SayAndReset(_) => stream.set_zero_linger().unwrap(),
    }
}

async fn get(client: &Client, url: &Url) -> Result<Response, TransportError> {
    client.send(client.request(Method::GET, url)?).await
}

async fn text(client: &Client, url: &Url) -> Result<String, TransportError> {
    get(client, url).await?.text().await.map_err(|error| client.explain(error))
}

fn patient() -> Client {
    build(&Policy::default()).unwrap()
}

fn hasty() -> Client {
    build(&Policy { idle_timeout: Some(Duration::from_millis(50)), ..Policy::default() }).unwrap()
}

/// Answers every name with the same addresses, and counts the questions.
struct Fixed(Vec<IpAddr>, AtomicUsize);

impl Fixed {
    fn new(addresses: &[&str]) -> Arc<Self> {
        Arc::new(Self(addresses.iter().map(|text| text.parse().unwrap()).collect(), AtomicUsize::new(0)))
    }
}

impl Lookup for Fixed {
    fn lookup(&self, _name: String) -> Addresses {
        self.1.fetch_add(1, Ordering::SeqCst);
        let answers = self.0.clone();
        Box::pin(async move { Ok(answers) })
    }
}

/// Knows no name.
struct Nothing;

impl Lookup for Nothing {
    fn lookup(&self, _name: String) -> Addresses {
        Box::pin(async { Err(io::Error::other("no such host")) })
    }
}

#[tokio::test]
async fn an_answer_arrives_and_the_agent_is_named() {
    let mut server = Server::start(Behaviour::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")).await;
    let client = patient();
    assert_eq!(text(&client, &server.url("/x?key=1")).await.unwrap(), "hi");
    let head = server.heads.recv().await.unwrap();
    assert!(head.starts_with("GET /x?key=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: factotum/"), "{head}");
}

#[tokio::test]
async fn an_error_status_is_an_answer() {
    let server = Server::start(Behaviour::Say(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")).await;
    assert_eq!(get(&patient(), &server.url("/")).await.unwrap().status(), 503);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let target = Server::start(Behaviour::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url("/"));
    let server = Server::start(Behaviour::Say(answer.leak().as_bytes())).await;
    assert_eq!(get(&patient(), &server.url("/")).await.unwrap().status(), 302);
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let url = Url::parse(&format!("http://bob:hunter2@{address}/v1?key=hunter2")).unwrap();
    let error = get(&patient(), &url).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert_eq!(error.message, format!("connection refused by {address}"));
    assert!(error.never_sent());
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn each_broken_answer_has_its_kind_and_one_request_is_made() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    const GARBLED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let cases = [
        (Behaviour::Say(b""), Kind::Closed, "closed the connection before its answer was complete"),
        (Behaviour::Say(HEAD), Kind::Closed, "closed the connection"),
        (Behaviour::Say(CHUNKED), Kind::Closed, "closed the connection"),
        (Behaviour::SayAndReset(b""), Kind::Closed, "closed the connection"),
        (Behaviour::SayAndReset(HEAD), Kind::Closed, "closed the connection"),
        (Behaviour::Say(GARBLED), Kind::Body, "is broken"),
        (Behaviour::Say(b"SMTP ready\r\n\r\n"), Kind::Other, "failed"),
    ];
    for (behaviour, kind, words) in cases {
        let server = Server::start(behaviour).await;
        let error = text(&patient(), &server.url("/?secret=hunter2")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words) && !error.message.contains("hunter2"), "{error}");
        assert!(!error.never_sent());
        assert_eq!(server.connections(), 1, "{error}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_before_the_head_and_within_the_body() {
    for (behaviour, words) in [
        (Behaviour::SayAndHang(b""), "did not answer within the time limit"),
        (
            Behaviour::SayAndHang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
            "stopped in the middle of its answer",
        ),
    ] {
        let server = Server::start(behaviour).await;
        let error = text(&hasty(), &server.url("/")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn the_total_limit_ends_an_exchange_that_never_falls_silent() {
    let server = Server::start(Behaviour::SayAndHang(b"HTTP/1.1 200 OK\r\n\r\nendless")).await;
    let limit = Some(Duration::from_millis(50));
    let client = build(&Policy { total_timeout: limit, idle_timeout: None, ..Policy::default() }).unwrap();
    assert_eq!(text(&client, &server.url("/")).await.unwrap_err().kind, Kind::Timeout);
}

#[tokio::test]
async fn tls_failures_are_told_apart_from_refusals() {
    let alert: &[u8] = &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
    for (bytes, words) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" as &[u8], "does not speak TLS on that port"),
        (alert, "the TLS handshake with"),
    ] {
        let server = Server::start(Behaviour::Say(bytes)).await;
        let url = Url::parse(&format!("https://{}/", server.address)).unwrap();
        let error = get(&patient(), &url).await.unwrap_err();
        assert_eq!(error.kind, Kind::Tls, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_name_without_address_is_a_dns_error() {
    let url = Url::parse("http://nowhere.example/?q=hunter2").unwrap();
    let client = build_with_lookup(&Policy::default(), Arc::new(Nothing)).unwrap();
    let error = get(&client, &url).await.unwrap_err();
    assert_eq!(error.kind, Kind::Dns);
    assert_eq!(error.message, "the name of nowhere.example:80 cannot be resolved");
}

#[tokio::test]
async fn a_guarded_client_never_connects_to_a_local_address() {
    let server = Server::start(Behaviour::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let port = server.address.port();
    for (host, answers) in [
        ("127.0.0.1", &["8.8.8.8"][..]),
        ("2130706433", &["8.8.8.8"]),
        ("[::ffff:127.0.0.1]", &["8.8.8.8"]),
        ("localhost", &["8.8.8.8"]),
        ("rebound.example", &["127.0.0.1"]),
        ("mixed.example", &["93.184.215.14", "127.0.0.1"]),
        ("empty.example", &[]),
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let client = build_with_lookup(&Policy::public_only(), Fixed::new(answers)).unwrap();
        let error = get(&client, &url).await.unwrap_err();
        assert_eq!(error.kind, Kind::Egress, "{host}: {error}");
        assert_eq!(error.refusal().unwrap().class(), "ssrf_blocked", "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_unguarded_client_connects_to_what_the_lookup_names() {
    let server = Server::start(Behaviour::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let lookup = Fixed::new(&["127.0.0.1"]);
    let client = build_with_lookup(&Policy::default(), Arc::clone(&lookup) as Arc<dyn Lookup>).unwrap();
    let url = Url::parse(&format!("http://models.example:{}/", server.address.port())).unwrap();
    assert_eq!(get(&client, &url).await.unwrap().status(), 200);
    assert_eq!(lookup.1.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_that_was_given_another_url_is_judged_again() {
    let server = Server::start(Behaviour::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let client = build(&Policy::public_only()).unwrap();
    let allowed = Url::parse("http://93.184.215.14/").unwrap();
    let (inner, request) = client.request(Method::GET, &allowed).unwrap().build_split();
    let mut request = request.unwrap();
    *request.url_mut() = server.url("/");
    let error = client.send(http_client::RequestBuilder::from_parts(inner, request)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Egress);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn schemes_other_than_http_are_refused_for_everyone() {
    for policy in [Policy::default(), Policy::public_only()] {
        let client = build(&policy).unwrap();
        for url in ["ftp://example.com/", "file:///etc/passwd", "data:,x"] {
            let error = client.request(Method::GET, &Url::parse(url).unwrap()).unwrap_err();
            assert_eq!(error.refusal().unwrap().class(), "scheme_denied", "{url}");
        }
    }
}

#[tokio::test]
async fn an_explicit_proxy_gets_the_request_with_its_credentials() {
    let mut proxy = Server::start(Behaviour::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let text = format!("http://bob:hunter2@{}", proxy.address);
    let policy = Policy { proxy: Proxy::Explicit(text), ..Policy::default() };
    assert!(!format!("{policy:?}").contains("hunter2"), "{policy:?}");
    let client = build(&policy).unwrap();
    assert_eq!(get(&client, &Url::parse("http://far.example/x").unwrap()).await.unwrap().status(), 200);
    let head = proxy.heads.recv().await.unwrap();
    assert!(head.starts_with("GET http://far.example/x HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: Basic Ym9iOmh1bnRlcjI="), "{head}");
}

#[tokio::test]
async fn a_dead_proxy_is_named_in_the_error() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let policy =
        Policy { proxy: Proxy::Explicit(format!("http://bob:hunter2@{address}")), ..Policy::default() };
    let error = get(&build(&policy).unwrap(), &Url::parse("http://far.example/").unwrap()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert_eq!(error.message, format!("connection refused by far.example:80 (through the proxy {address})"));
}

#[test]
fn a_contradictory_or_malformed_policy_builds_nothing() {
    let explicit = |text: &str| Proxy::Explicit(text.to_owned());
    let cases = [
        (Policy { proxy: Proxy::System, ..Policy::public_only() }, HttpError::GuardedProxy),
        (Policy { proxy: explicit("http://a:1"), ..Policy::public_only() }, HttpError::GuardedProxy),
        (Policy { proxy: explicit("not a url"), ..Policy::default() }, HttpError::Proxy("it is not a URL")),
        (
            Policy { proxy: explicit("socks5://a:1"), ..Policy::default() },
            HttpError::Proxy("only http:// and https:// proxies are supported"),
        ),
        (Policy { user_agent: "two\nlines".into(), ..Policy::default() }, HttpError::UserAgent),
    ];
    for (policy, expected) in cases {
        assert_eq!(build(&policy).unwrap_err(), expected);
    }
    assert_eq!(Policy::public_only().egress, Egress::PublicOnly);
}
