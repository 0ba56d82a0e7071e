//! What is answered under which path.

use std::sync::Arc;

use agent_core::HookRequest;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::json;
use session_api::BlobId;

use crate::{
    answer,
    state::{Shared, in_time},
    token::Presented,
    websocket,
};

/// What an unread rest of a body may amount to before the connection is cut, in whole bodies: closing while the caller
/// still writes would take our answer away from it.
const OVERFLOW: usize = 16;

/// The headers that a proxy adds. One in front of us makes the whole world come from this machine.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    // Webhooks come from platforms, under whatever name the proxy in front has; what proves them is their signature.
    let hooks =
        Router::new().route("/hooks/{channel}", post(hook)).method_not_allowed_fallback(wrong_hook_method);
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/blobs/{id}", get(blob))
        .route("/ws", get(websocket::upgrade))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(shared.clone(), only_known_callers))
        .merge(hooks)
        .layer(middleware::map_response(with_security_headers))
        .with_state(shared)
}

async fn only_known_callers(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if shared.guard.admits(request.headers()) {
        return next.run(request).await;
    }
    tracing::debug!(path = request.uri().path(), "a request from an unknown host or origin was refused");
    let why = "this host or origin is not allowed; see `http.hosts` and `http.origins`";
    answer::error(StatusCode::FORBIDDEN, "forbidden", why)
}

async fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn nowhere() -> Response {
    answer::error(StatusCode::NOT_FOUND, "not_found", "there is nothing under this path")
}

async fn wrong_method() -> Response {
    answer::error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path takes another method")
}

async fn wrong_hook_method() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let health = shared.operations.health();
    Json(json!({
        "status": "ok",
        "role": health.role,
        "version": health.version,
        "channels": health.channels,
        "websocket_clients": shared.connected(),
    }))
    .into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let mut reasons = shared.operations.ready().reasons;
    if shared.stop.is_cancelled() {
        reasons.push("the server is being stopped".into());
    }
    let (status, word) = match reasons.is_empty() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    (status, Json(json!({ "status": word, "reasons": reasons }))).into_response()
}

/// Without the token only where nobody but this machine can ask.
async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    let local = shared.loopback && !forwarded;
    if !local && !is_authorized(&shared, &headers) {
        return answer::unauthorized();
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], shared.operations.metrics()).into_response()
}

fn is_authorized(shared: &Shared, headers: &HeaderMap) -> bool {
    shared.token.as_ref().is_some_and(|token| token.in_header(headers) == Presented::Right)
}

/// A file of a reply. What a model or a stranger put together is never shown as part of this site.
async fn blob(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if !is_authorized(&shared, &headers) {
        return answer::unauthorized();
    }
    let missing = || answer::error(StatusCode::NOT_FOUND, "not_found", "there is no such file");
    let Ok(id) = id.parse::<BlobId>() else { return missing() };
    match in_time(shared.factotum.file(&id)).await {
        Ok(Some(bytes)) => (
            [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
                (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
            ],
            bytes,
        )
            .into_response(),
        Ok(None) => missing(),
        Err(error) => {
            tracing::warn!(%error, "a file could not be read");
            answer::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the file cannot be read at present",
            )
        }
    }
}

/// `POST /hooks/CHANNEL`. Errors have no body: whoever has no signature learns nothing.
async fn hook(
    State(shared): State<Arc<Shared>>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if kind.is_empty() || kind.len() > 32 || !kind.chars().all(plain) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let limits = &shared.limits;
    let place = tokio::time::timeout(limits.body_timeout, shared.hooks.acquire());
    let Ok(Ok(_place)) = place.await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let body = match tokio::time::timeout(limits.body_timeout, collected(body, limits.body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(status)) => return status.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let headers = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), String::from_utf8(value.as_bytes().to_vec()).ok()?))
    });
    let request = HookRequest { headers: headers.collect(), body };
    let answered = tokio::time::timeout(limits.hook_timeout, shared.operations.hook(&kind, request)).await;
    let Ok(answered) = answered else {
        tracing::warn!(channel = kind, "a webhook was not dealt with in time");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if answered.body.is_empty() { status.into_response() } else { (status, answered.body).into_response() }
}

/// A body of at most `limit` bytes. What goes beyond is read and thrown away, so that the caller reads the answer.
async fn collected(body: Body, limit: usize) -> Result<Bytes, StatusCode> {
    let mut chunks = body.into_data_stream();
    let (mut kept, mut seen) = (BytesMut::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        seen += chunk.len();
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        } else if seen > limit.saturating_mul(OVERFLOW) {
            break;
        } else {
            kept = BytesMut::new();
        }
    }
    if seen > limit { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(kept.freeze()) }
}
