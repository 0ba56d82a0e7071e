//! One connection: HTTP in, the API's answers or a fault out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::bell::Bell;
use super::fault::Fault;
use super::form::{Params, percent_decode};
use super::methods::{self, Answer, Refusal};

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Response = hyper::Response<Body>;

/// Most updates in one answer.
const LARGEST_BATCH: i64 = 100;

/// The longest that a poll may wait, in seconds.
const LONGEST_POLL: i64 = 50;

pub(super) async fn connection(bell: Arc<Bell>, stream: TcpStream) {
    // Answers are small; without this the kernel would hold them back for one another.
    let _ = stream.set_nodelay(true);
    bell.change(|state| state.connections += 1);
    let service = service_fn(move |request| answer(Arc::clone(&bell), request));
    // An error here is a fault that was ordered, or a client that went away.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(bell: Arc<Bell>, request: hyper::Request<Incoming>) -> io::Result<Response> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    // Clients encode differently: a file's path as one segment, the colon of the token.
    let path = percent_decode(head.uri.path());
    let token = bell.read().token.clone();
    if let Some(file) = path.strip_prefix(&format!("/file/bot{token}/")) {
        return download(&bell, file).await;
    }
    let Some((given, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return Ok(refused(&Refusal { code: 404, text: "Not Found".into(), parameters: None }));
    };
    if given != token {
        return Ok(refused(&Refusal { code: 401, text: "Unauthorized".into(), parameters: None }));
    }
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let params = Params::read(head.uri.query(), kind, &body);
    let name = method.to_lowercase();
    let (call, fault) = bell.change(|state| {
        let call = state.call_began(method, Value::Object(params.fields.clone()));
        (call, state.faults.take(&name))
    });
    let response = faulty(&bell, &name, &params, fault).await;
    let status = response.as_ref().map_or(0, |done| done.status().as_u16());
    bell.change(|state| state.call_ended(call, status));
    response
}

async fn faulty(
    bell: &Arc<Bell>,
    method: &str,
    params: &Params,
    fault: Option<Fault>,
) -> io::Result<Response> {
    match fault {
        None => Ok(respond(&call(bell, method, params).await)),
        Some(Fault::Api(code, text, parameters)) => Ok(refused(&Refusal { code, text, parameters })),
        Some(Fault::Status(status, page)) => Ok(plain(status, "text/html", Bytes::from(page))),
        Some(Fault::Cut) => Err(cut()),
        Some(Fault::CutAfter) => {
            let _ = call(bell, method, params).await;
            Err(cut())
        }
        Some(Fault::Truncate) => {
            let whole = document(&call(bell, method, params).await).1.to_string();
            let half = whole.chars().take(whole.chars().count() / 2).collect::<String>();
            Ok(plain(200, "application/json", Bytes::from(half)))
        }
        Some(Fault::Hang(time)) => {
            tokio::time::sleep(time).await;
            Err(cut())
        }
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            Ok(respond(&call(bell, method, params).await))
        }
    }
}

fn cut() -> io::Error {
    io::Error::other("the connection is cut here on purpose")
}

async fn call(bell: &Arc<Bell>, method: &str, params: &Params) -> Answer {
    if method == "getupdates" {
        poll(bell, params).await
    } else {
        bell.change(|state| methods::call(state, method, params))
    }
}

/// `getUpdates`: confirms, then waits for something to give. A newer poll throws an older one out.
async fn poll(bell: &Arc<Bell>, params: &Params) -> Answer {
    let limit = params.int("limit").unwrap_or(LARGEST_BATCH).clamp(1, LARGEST_BATCH);
    let limit = usize::try_from(limit).unwrap_or(1);
    let mine = bell.change(|state| {
        if state.webhook.is_some() {
            return Err(Refusal::conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            ));
        }
        methods::remember_allowed(state, params);
        state.confirm(params.int("offset").unwrap_or(0));
        state.poll += 1;
        state.polls_waiting += 1;
        Ok(state.poll)
    })?;
    let _waiting = Waiting(bell);
    let seconds = params.int("timeout").unwrap_or(0).clamp(0, LONGEST_POLL);
    let time = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let found = bell.until_changed(|state| {
        if state.poll != mine {
            return Some(Err(Refusal::conflict(
                "terminated by other getUpdates request; make sure that only one bot instance is running",
            )));
        }
        let batch = state.take(limit);
        (!batch.is_empty()).then_some(Ok(Value::Array(batch)))
    });
    tokio::time::timeout(time, found).await.unwrap_or_else(|_| Ok(json!([])))
}

/// Counts a poll as waiting until it is answered or its client goes away.
struct Waiting<'a>(&'a Bell);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.polls_waiting -= 1);
    }
}

async fn download(bell: &Arc<Bell>, path: &str) -> io::Result<Response> {
    let (bytes, fault) = bell.change(|state| {
        let found = state.files.values().find(|file| file.path == path).map(|file| file.bytes.clone());
        (found, state.faults.take("file"))
    });
    let Some(bytes) = bytes else { return Ok(plain(404, "text/plain", Bytes::from_static(b"Not Found"))) };
    match fault {
        None | Some(Fault::Api(..)) => Ok(plain(200, "application/octet-stream", bytes)),
        Some(Fault::Status(status, page)) => Ok(plain(status, "text/html", Bytes::from(page))),
        Some(Fault::Cut) => Err(cut()),
        Some(Fault::CutAfter | Fault::Truncate) => Ok(half(&bytes)),
        Some(Fault::Hang(time)) => {
            tokio::time::sleep(time).await;
            Err(cut())
        }
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            Ok(plain(200, "application/octet-stream", bytes))
        }
    }
}

/// Promises the whole file and breaks off in its middle.
fn half(bytes: &Bytes) -> Response {
    let first = bytes.slice(..bytes.len() / 2);
    let frames = stream::iter([Ok(Frame::data(first)), Err(cut())]);
    let mut response = hyper::Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    response
}

fn document(answer: &Answer) -> (u16, Value) {
    match answer {
        Ok(result) => (200, json!({"ok": true, "result": result})),
        Err(refusal) => {
            let mut body = json!({"ok": false, "error_code": refusal.code, "description": refusal.text});
            if let Some(parameters) = &refusal.parameters {
                body["parameters"] = parameters.clone();
            }
            (refusal.code, body)
        }
    }
}

fn respond(answer: &Answer) -> Response {
    let (status, body) = document(answer);
    plain(status, "application/json", Bytes::from(body.to_string()))
}

fn refused(refusal: &Refusal) -> Response {
    respond(&Err(refusal.clone()))
}

fn plain(status: u16, kind: &'static str, bytes: Bytes) -> Response {
    let mut response = hyper::Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
