//! One connection: which path goes where.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;

use super::fault::ApiFault;
use super::server::Shared;
use super::world::ApiCall;
use super::{api, files, link};

pub(super) type Response = hyper::Response<Full<Bytes>>;

/// A socket that was asked for on this connection, to be served once HTTP is done with it.
type Slot = Arc<Mutex<Option<OnUpgrade>>>;

/// Serves one connection to its end.
pub(super) async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let slot = Slot::default();
    let service = {
        let (shared, slot) = (Arc::clone(&shared), Arc::clone(&slot));
        service_fn(move |request| answer(Arc::clone(&shared), Arc::clone(&slot), request))
    };
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error here is a fault that was asked for, or a client that went away.
    let _ = served.with_upgrades().await;
    let upgrade = slot.lock().take();
    if let Some(upgrade) = upgrade {
        link::socket(shared, upgrade).await;
    }
}

async fn answer(
    shared: Arc<Shared>,
    slot: Slot,
    mut request: hyper::Request<Incoming>,
) -> io::Result<Response> {
    let path = request.uri().path().to_owned();
    if path == "/link" {
        return Ok(link::accept(&shared, &mut request, |upgrade| *slot.lock() = Some(upgrade)));
    }
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::to_owned);
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let form = kind.starts_with("application/x-www-form-urlencoded");
    let query = request.uri().query().unwrap_or("").to_owned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some(id) = path.strip_prefix("/files-pri/") {
        return Ok(files::download(&shared, id, token.as_deref()).await);
    }
    let (method, arguments) = match path.strip_prefix("/api/") {
        Some(method) => (method, arguments(&query, &body, form)),
        None if path.starts_with("/upload/") => ("upload", json!({"bytes": body.len()})),
        None => return Ok(page(404, "there is nothing here")),
    };
    let at = shared.now();
    let call = ApiCall { method: method.to_owned(), arguments: arguments.clone(), at };
    let fault = shared.change(|world| {
        world.calls.push(call);
        world.faults.get_mut(method).and_then(std::collections::VecDeque::pop_front)
    });
    let carry_out = || match path.strip_prefix("/upload/") {
        Some(id) => files::upload(&shared, id, &body),
        None => api::call(&shared, method, &arguments, token.as_deref()),
    };
    match fault {
        None => Ok(carry_out()),
        Some(ApiFault::Error(error)) => Ok(json_page(200, &json!({"ok": false, "error": error}))),
        Some(ApiFault::Status(status)) => Ok(page(status, "something is wrong")),
        Some(ApiFault::Html) => Ok(files::login_page()),
        Some(ApiFault::CutBefore) => Err(io::Error::other("cut")),
        Some(ApiFault::CutAfter) => {
            drop(carry_out());
            Err(io::Error::other("cut"))
        }
        Some(ApiFault::Limited(seconds)) => {
            let mut response = json_page(429, &json!({"ok": false, "error": "ratelimited"}));
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
            Ok(response)
        }
    }
}

/// The arguments of a call, wherever they stand.
fn arguments(query: &str, body: &[u8], form: bool) -> Value {
    let mut all = Map::new();
    let mut add = |text: &str| {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            // What JSON would nest is JSON inside of a form.
            let nested = matches!(name.as_str(), "files" | "blocks" | "metadata");
            let parsed = nested.then(|| serde_json::from_str(&value).ok()).flatten();
            all.insert(name, parsed.unwrap_or(Value::String(value)));
        }
    };
    add(query);
    if form {
        add(&String::from_utf8_lossy(body));
    } else if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
        all.extend(object);
    }
    Value::Object(all)
}

/// A form value: `+` is a space and `%xx` a byte.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn json_page(status: u16, body: &Value) -> Response {
    typed(status, "application/json; charset=utf-8", Bytes::from(body.to_string()))
}

pub(super) fn page(status: u16, text: &str) -> Response {
    typed(status, "text/plain", Bytes::from(text.to_owned()))
}

pub(super) fn typed(status: u16, kind: &str, body: Bytes) -> Response {
    let mut response = hyper::Response::new(Full::new(body));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
