//! The REST side.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::call::Call;
use super::fault::RestFault;
use super::ledger::Shared;
use super::saying::bot;
use super::server::Origin;
use super::world::{ChannelInfo, World, id_of};
use super::{BOT, TOKEN};

type Response = hyper::Response<Full<Bytes>>;

/// Serves one connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, origin: Origin, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let cut = Arc::new(AtomicBool::new(false));
    let service = {
        let cut = Arc::clone(&cut);
        service_fn(move |request| answer(Arc::clone(&shared), origin.clone(), Arc::clone(&cut), request))
    };
    let mut connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    std::future::poll_fn(|context| {
        let done = std::future::Future::poll(std::pin::Pin::new(&mut connection), context);
        // Looked at after each step: a cut is ordered from within the service.
        if cut.load(Ordering::SeqCst) { std::task::Poll::Ready(()) } else { done.map(|_| ()) }
    })
    .await;
}

async fn answer(
    shared: Arc<Shared>,
    origin: Origin,
    cut: Arc<AtomicBool>,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(small(400, &json!({}))) };
    let raw = body.to_bytes();
    let header =
        |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = head.uri.path();
    let mut call = Call {
        method: head.method.to_string(),
        path: path.strip_prefix("/api/v10").unwrap_or(path).to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&raw).unwrap_or(Value::Null),
        files: Vec::new(),
        authorized: header("authorization") == format!("Bot {TOKEN}"),
        agent: header("user-agent").to_owned(),
    };
    if header("content-type").starts_with("multipart/form-data") {
        call.read_multipart(header("content-type"), &raw);
    }
    let fault = shared.change(|world| {
        world.seen.calls.push(call.clone());
        let fits = |waiting: &super::fault::Waiting| {
            waiting.method == call.method && call.path.contains(&waiting.path)
        };
        let at = world.waiting.iter().position(fits)?;
        Some(world.waiting.remove(at).fault)
    });
    let perform = || shared.change(|world| route(world, &origin, &call));
    Ok(match fault {
        None => perform(),
        Some(RestFault::Status { status, code, message }) => small(status, &RestFault::error(code, &message)),
        Some(RestFault::Garbage { status, body }) => whole(status, "text/html", Bytes::from(body)),
        Some(RestFault::Limited { after, global }) => {
            let scope = if global { "global" } else { "user" };
            let body =
                json!({"message": "You are being rate limited.", "retry_after": after, "global": global});
            let mut response = small(429, &body);
            for (name, value) in [("x-ratelimit-scope", scope.to_owned()), ("retry-after", after.to_string())]
            {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        Some(RestFault::DoneThenSilent) => {
            let _ = perform();
            std::future::pending().await
        }
        Some(gone @ (RestFault::DoneThenCut | RestFault::Cut)) => {
            if gone == RestFault::DoneThenCut {
                let _ = perform();
            }
            cut.store(true, Ordering::SeqCst);
            std::future::pending().await
        }
    })
}

fn route(world: &mut World, origin: &Origin, call: &Call) -> Response {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let method = call.method.as_str();
    if let ["cdn", name] = parts.as_slice() {
        return match world.files.get(*name) {
            Some((bytes, true)) => whole(200, "application/octet-stream", bytes.clone()),
            Some((_, false)) => {
                whole(404, "text/plain", Bytes::from_static(b"This content is no longer available."))
            }
            None => small(404, &json!({})),
        };
    }
    if let ["interactions", id, _, "callback"] = parts.as_slice() {
        if !matches!(call.param("with_response"), Some("1" | "true")) {
            return nothing();
        }
        let kind = call.body["type"].clone();
        return small(200, &json!({"interaction": {"id": id, "type": 2}, "resource": {"type": kind}}));
    }
    if !call.authorized {
        return small(401, &RestFault::error(0, "401: Unauthorized"));
    }
    match (method, parts.as_slice()) {
        ("GET", ["gateway"]) => small(200, &json!({"url": origin.gateway})),
        ("GET", ["gateway", "bot"]) => small(
            200,
            &json!({"url": origin.gateway, "shards": 1, "session_start_limit":
                {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}}),
        ),
        ("GET", ["users", "@me"]) => small(200, &bot()),
        ("GET", ["applications", "@me"] | ["oauth2", "applications", "@me"]) => small(
            200,
            &json!({"id": BOT.to_string(), "name": "factotum", "icon": null, "description": "", "bot_public": true,
                "bot_require_code_grant": false, "verify_key": "00", "flags": 0, "rpc_origins": [],
                "team": null, "owner": bot()}),
        ),
        ("PUT", ["applications", _, "commands"]) => {
            world.commands = call.body.as_array().cloned().unwrap_or_default();
            let mut registered = world.commands.clone();
            for (at, command) in registered.iter_mut().enumerate() {
                command["id"] = json!((500 + at).to_string());
                command["application_id"] = json!(BOT.to_string());
                command["version"] = json!("1");
                command["default_member_permissions"] = Value::Null;
            }
            small(200, &Value::Array(registered))
        }
        ("POST", ["users", "@me", "channels"]) => {
            let id = id_of(&call.body["recipient_id"]);
            world.channel(id);
            world.channel_json(id).map_or_else(nothing, |shown| small(200, &shown))
        }
        (_, ["channels", channel, rest @ ..]) => {
            let Ok(id) = channel.parse() else { return form("channel_id is no snowflake") };
            in_channel(world, origin, call, id, rest)
        }
        _ => small(404, &RestFault::error(0, "404: Not Found")),
    }
}

fn in_channel(world: &mut World, origin: &Origin, call: &Call, id: u64, rest: &[&str]) -> Response {
    let Some(info) = world.channels.get(&id).cloned() else {
        return small(404, &RestFault::error(10003, "Unknown Channel"));
    };
    if let Some((status, code)) = info.refused {
        return small(status, &RestFault::error(code, "refused"));
    }
    match (call.method.as_str(), rest) {
        ("GET", []) => world.channel_json(id).map_or_else(nothing, |shown| small(200, &shown)),
        ("POST", ["typing"]) => nothing(),
        ("PUT" | "DELETE", ["messages", _, "reactions", ..]) => nothing(),
        ("GET", ["messages"]) => small(200, &page(world, call, id)),
        ("POST", ["messages"]) => post(world, origin, call, id, &info),
        ("POST", ["messages", _, "threads"] | ["threads"]) => {
            let thread = world.new_id(origin.millis());
            let info = ChannelInfo { kind: 11, parent: Some(id), archived: false, refused: None };
            world.channels.insert(thread, info);
            world.channel_json(thread).map_or_else(nothing, |shown| small(201, &shown))
        }
        (method, ["messages", message]) => one(world, call, method, id, message),
        _ => small(404, &RestFault::error(0, "404: Not Found")),
    }
}

/// A page of messages, newest first, as Discord sorts them whatever was asked for.
fn page(world: &World, call: &Call, channel: u64) -> Value {
    let number = |name: &str| call.param(name).and_then(|text| text.parse::<u64>().ok());
    let limit = usize::try_from(number("limit").unwrap_or(50)).unwrap_or(50).clamp(1, 100);
    let all = world.messages.get(&channel).map(Vec::as_slice).unwrap_or_default();
    let mut page: Vec<Value> = match (number("after"), number("before")) {
        (Some(after), _) => all.iter().filter(|m| id_of(&m["id"]) > after).take(limit).cloned().collect(),
        (None, before) => {
            let before = before.unwrap_or(u64::MAX);
            let older: Vec<&Value> = all.iter().filter(|m| id_of(&m["id"]) < before).collect();
            older[older.len().saturating_sub(limit)..].iter().map(|m| (*m).clone()).collect()
        }
    };
    page.reverse();
    Value::Array(page)
}

fn post(world: &mut World, origin: &Origin, call: &Call, channel: u64, info: &ChannelInfo) -> Response {
    let body = &call.body;
    let text = body["content"].as_str().unwrap_or_default();
    let nonce = body["nonce"].as_str().map(str::to_owned);
    if info.archived {
        return small(400, &RestFault::error(50083, "Tried to perform an operation on an archived thread"));
    }
    if text.chars().count() > 2000 {
        return form("Must be 2000 or fewer in length.");
    }
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > 25) {
        return form("nonce must be 25 or fewer in length.");
    }
    if text.trim().is_empty() && call.files.is_empty() {
        return small(400, &RestFault::error(50006, "Cannot send an empty message"));
    }
    if body["enforce_nonce"] == true && nonce.is_some() {
        let own = world.messages.get(&channel).into_iter().flatten();
        let known = own.filter(|m| id_of(&m["author"]["id"]) == BOT).find(|m| m["nonce"] == body["nonce"]);
        if let Some(known) = known {
            return small(200, known);
        }
    }
    let reference = &body["message_reference"];
    let replies = id_of(&reference["message_id"]);
    let quoted =
        world.messages.get(&channel).into_iter().flatten().find(|m| id_of(&m["id"]) == replies).cloned();
    if replies != 0 && quoted.is_none() && reference["fail_if_not_exists"] != false {
        return form("Unknown message");
    }
    let id = world.new_id(origin.millis());
    let files: Vec<Value> = call
        .files
        .iter()
        .enumerate()
        .map(|(at, file)| {
            let name = format!("{id}-{}", file.name);
            world.files.insert(name.clone(), (file.bytes.clone(), true));
            let url = format!("{}/cdn/{name}", origin.url);
            json!({"id": (id + at as u64).to_string(), "filename": file.name, "size": file.bytes.len(),
                "content_type": file.mime, "url": url, "proxy_url": url})
        })
        .collect();
    let mut message = json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "author": bot(), "content": text,
        "timestamp": "2026-01-02T03:04:05+00:00", "edited_timestamp": null, "tts": false,
        "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": files, "embeds": [],
        "pinned": false, "type": 0, "components": body["components"].as_array().cloned().unwrap_or_default(),
    });
    if let Some(nonce) = nonce {
        message["nonce"] = json!(nonce);
    }
    if let Some(quoted) = quoted {
        message["type"] = json!(19);
        message["message_reference"] =
            json!({"type": 0, "message_id": replies.to_string(), "channel_id": channel.to_string()});
        message["referenced_message"] = quoted;
    }
    world.keep(channel, message.clone());
    world.dispatch_message(channel, message.clone());
    small(200, &message)
}

fn one(world: &mut World, call: &Call, method: &str, channel: u64, message: &str) -> Response {
    let all = world.messages.entry(channel).or_default();
    let Some(at) = all.iter().position(|known| known["id"] == message) else {
        return small(404, &RestFault::error(10008, "Unknown Message"));
    };
    match method {
        "GET" => small(200, &all[at]),
        "DELETE" => {
            all.remove(at);
            world.dispatch("MESSAGE_DELETE", json!({"id": message, "channel_id": channel.to_string()}));
            nothing()
        }
        "PATCH" => {
            let text = call.body["content"].as_str().unwrap_or_default();
            if text.chars().count() > 2000 {
                return form("Must be 2000 or fewer in length.");
            }
            for key in ["content", "components"] {
                if !call.body[key].is_null() {
                    all[at][key] = call.body[key].clone();
                }
            }
            small(200, &all[at])
        }
        _ => small(405, &RestFault::error(0, "405: Method Not Allowed")),
    }
}

fn form(what: &str) -> Response {
    let mut body = RestFault::error(50035, "Invalid Form Body");
    body["errors"] = json!({"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": what}]}});
    small(400, &body)
}

fn nothing() -> Response {
    // Without a type: libraries would read an empty text as JSON.
    let mut response = whole(204, "", Bytes::new());
    response.headers_mut().remove(hyper::header::CONTENT_TYPE);
    response
}

fn small(status: u16, body: &Value) -> Response {
    whole(status, "application/json", Bytes::from(body.to_string()))
}

fn whole(status: u16, mime: &'static str, body: Bytes) -> Response {
    let mut response = hyper::Response::new(Full::new(body));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(mime));
    response
}
