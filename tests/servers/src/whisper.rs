//! A fake speech recognition server: `OpenAI`'s transcription API over HTTP, with faults.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::model::Hold;

/// One answer of the server.
#[derive(Debug, Clone)]
pub struct Heard {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    hold: Option<Hold>,
}

impl Heard {
    fn new(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body, hold: None }
    }

    /// A transcript.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(200, json!({ "text": text, "usage": { "type": "duration", "seconds": 2 } }).to_string())
    }

    /// Success, with this body instead of a transcript.
    #[must_use]
    pub fn raw(body: &str) -> Self {
        Self::new(200, body.to_owned())
    }

    /// An error as `OpenAI` words it.
    #[must_use]
    pub fn error(status: u16, message: &str) -> Self {
        Self::new(status, json!({ "error": { "message": message, "type": "error" } }).to_string())
    }

    /// 429 with `Retry-After`, in seconds.
    #[must_use]
    pub fn rate_limited(seconds: u64) -> Self {
        let headers = vec![("retry-after".to_owned(), seconds.to_string())];
        Self { headers, ..Self::error(429, "too many requests") }
    }

    /// This, after a wait.
    #[must_use]
    pub fn after(self, hold: Hold) -> Self {
        Self { hold: Some(hold), ..self }
    }
}

/// The file of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentFile {
    /// The name under which it was sent.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What the server was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TranscriptionRequest {
    /// The path.
    pub path: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// All fields but the file, in order.
    pub fields: Vec<(String, String)>,
    /// The field `file`.
    pub file: Option<SentFile>,
}

impl TranscriptionRequest {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Vec<Heard>>,
    requests: Mutex<Vec<TranscriptionRequest>>,
}

/// A server on `127.0.0.1` that answers `POST /v1/audio/transcriptions` as its script says, the last answer for ever, and
/// records what it was asked. It refuses what no real server takes: no file, no model, an extension that it does not
/// know. Dropping it closes the port and all connections at once.
#[derive(Debug)]
pub struct WhisperServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WhisperServer {
    /// Starts a server. It accepts connections when this returns.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn start(script: impl IntoIterator<Item = Heard>) -> Self {
        match Self::try_start(script.into_iter().collect()) {
            Ok(server) => server,
            Err(error) => panic!("the fake transcription server does not start: {error}"),
        }
    }

    fn try_start(script: Vec<Heard>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared { script: Mutex::new(script), requests: Mutex::default() });
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        // The runtime ends with the thread, and with it whatever is still held.
        let thread = std::thread::Builder::new()
            .name("whisper-server".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All requests so far, in order of arrival, those to other paths included.
    #[must_use]
    pub fn requests(&self) -> Vec<TranscriptionRequest> {
        self.shared.requests.lock().clone()
    }
}

impl Drop for WhisperServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Had it panicked, the panic would stand in the test's output already.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                open.spawn(connection(Arc::clone(&shared), stream));
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    // An error here is a client that went away.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(shared: &Shared, request: hyper::Request<Incoming>) -> hyper::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Ok(body) = body.collect().await else {
        return response(&Heard::error(400, "the request's body broke off"));
    };
    let boundary = header(CONTENT_TYPE).and_then(|kind| {
        let boundary = kind.strip_prefix("multipart/form-data")?.split("boundary=").nth(1)?;
        Some(boundary.trim_matches('"').to_owned())
    });
    let (fields, file) = boundary.map(|boundary| parse(&body.to_bytes(), &boundary)).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let request = TranscriptionRequest { path, authorization: header(AUTHORIZATION), fields, file };
    let mistake = mistake(head.method.as_str(), &request);
    shared.requests.lock().push(request);
    if let Some(mistake) = mistake {
        return response(&mistake);
    }
    let next = {
        let mut script = shared.script.lock();
        if script.len() > 1 { Some(script.remove(0)) } else { script.first().cloned() }
    };
    let heard = next.unwrap_or_else(|| Heard::error(500, "the script is empty"));
    if let Some(hold) = &heard.hold {
        hold.wait().await;
    }
    response(&heard)
}

/// What a real server would not take.
fn mistake(method: &str, request: &TranscriptionRequest) -> Option<Heard> {
    const KNOWN: [&str; 10] = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"];
    if (method, request.path.as_str()) != ("POST", "/v1/audio/transcriptions") {
        return Some(Heard::error(404, "there is no such path"));
    }
    if request.field("model").is_none() {
        return Some(Heard::error(400, "you must provide a model parameter"));
    }
    let Some(file) = &request.file else {
        return Some(Heard::error(400, "you must provide a file"));
    };
    let extension = file.name.rsplit_once('.').map(|(_, extension)| extension);
    let known = extension.is_some_and(|extension| KNOWN.contains(&extension));
    (!known).then(|| Heard::error(400, &format!("unrecognized file format; supported are {KNOWN:?}")))
}

fn response(heard: &Heard) -> hyper::Response<Full<Bytes>> {
    let mut response =
        hyper::Response::builder().status(heard.status).header(CONTENT_TYPE, "application/json");
    for (name, value) in &heard.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(heard.body.clone()))).unwrap_or_default()
}

/// The fields of a form and the file in it.
fn parse(body: &[u8], boundary: &str) -> (Vec<(String, String)>, Option<SentFile>) {
    let delimiter = format!("--{boundary}");
    let (mut fields, mut file) = (Vec::new(), None);
    let mut rest = body;
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        rest = &rest[start + delimiter.len()..];
        let Some(end) = find(rest, delimiter.as_bytes()) else { break };
        let piece = rest[..end].strip_prefix(b"\r\n").unwrap_or(&rest[..end]);
        let Some(blank) = find(piece, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&piece[..blank]).into_owned();
        let bytes = &piece[blank + 4..];
        let bytes = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        let quoted = |key: &str| {
            let after = head.split(&format!(" {key}=\"")).nth(1)?;
            after.split('"').next().map(str::to_owned)
        };
        match (quoted("name"), quoted("filename")) {
            (_, Some(name)) => {
                let mime = head.lines().find_map(|line| {
                    let (known, value) = line.split_once(':')?;
                    known.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
                });
                file = Some(SentFile { name, mime: mime.unwrap_or_default(), bytes: bytes.to_vec() });
            }
            (Some(name), None) => fields.push((name, String::from_utf8_lossy(bytes).into_owned())),
            (None, None) => {}
        }
    }
    (fields, file)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_apart() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--B\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.ogg\"\r\nContent-Type: audio/ogg\r\n\r\n\
            \x00\r\n\xff\r\n--B--\r\n";
        let (fields, file) = parse(body, "B");
        assert_eq!(fields, [("model".to_owned(), "whisper-1".to_owned())]);
        let sent =
            SentFile { name: "a.ogg".into(), mime: "audio/ogg".into(), bytes: b"\x00\r\n\xff".to_vec() };
        assert_eq!(file, Some(sent));
        assert_eq!(parse(b"nothing", "B"), (Vec::new(), None));
    }
}
