//! One connection: HTTP in, the planned bytes out.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::log::Log;
use super::plan::{End, Plan, Step, plan};
use super::request::Request;
use super::script::Script;
use super::wire;

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Response = hyper::Response<Body>;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) log: Log,
    pub(super) script: Mutex<Script>,
    pub(super) models: Vec<String>,
}

/// Serves one connection to its end.
pub(super) async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    // Deltas are small; without this the kernel would hold them back for one another.
    let _ = stream.set_nodelay(true);
    shared.log.change(|seen| seen.connections += 1);
    let reset = Arc::new(AtomicBool::new(false));
    let service = {
        let reset = Arc::clone(&reset);
        service_fn(move |request| answer(Arc::clone(&shared), Arc::clone(&reset), request))
    };
    let mut connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error here is what the script wanted, or a client that went away.
    let _ = (&mut connection).await;
    if reset.load(Ordering::SeqCst) {
        let stream = connection.into_parts().io.into_inner();
        // Dropping it now sends RST.
        let _ = stream.set_zero_linger();
    }
}

async fn answer(
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(small(400, &json!({"error": {"message": "the request's body broke off"}})));
    };
    let raw = body.to_bytes();
    let request = Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: serde_json::from_slice(&raw).unwrap_or(Value::Null),
        raw,
        n: 0,
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", path) if wire::Format::of(path).is_some() => Ok(completion(&shared, reset, request).await),
        ("POST", "/v1/embeddings") => {
            let vectors = super::embeddings::answer(&request.body);
            shared.log.change(|seen| seen.others.push(request));
            Ok(small(200, &vectors))
        }
        ("GET", "/v1/models") => {
            let entry = |id: &String| json!({"id": id, "object": "model", "created": 0, "owned_by": "tests"});
            let models: Vec<Value> = shared.models.iter().map(entry).collect();
            shared.log.change(|seen| seen.others.push(request));
            Ok(small(200, &json!({"object": "list", "data": models})))
        }
        (method, path) => {
            let message = format!("the scripted server knows no {method} {path}");
            shared.log.change(|seen| seen.others.push(request));
            Ok(small(404, &json!({"error": {"message": message}})))
        }
    }
}

async fn completion(shared: &Arc<Shared>, reset: Arc<AtomicBool>, mut request: Request) -> Response {
    // The script's lock is held over counting, so that the numbers and the replies have the same order.
    let (reply, request) = {
        let mut script = shared.script.lock();
        request.n = shared.log.read().completions.len();
        let reply = script.next(&request);
        shared.log.change(|seen| seen.completions.push(request.clone()));
        (reply, request)
    };
    let exchange = Exchange { shared: Arc::clone(shared), finished: false };
    let plan = plan(reply, &request);
    for hold in &plan.before {
        hold.wait().await;
    }
    let mut response = hyper::Response::builder().status(plan.status);
    for (name, value) in &plan.headers {
        response = response.header(name, value);
    }
    let body = StreamBody::new(frames(plan, exchange, reset)).boxed_unsync();
    response.body(body).unwrap_or_else(|error| {
        small(
            500,
            &json!({"error": {"message": format!("the script's status or header is not valid: {error}")}}),
        )
    })
}

/// Counts how an answer ended, also when the client goes away and all of this is dropped.
struct Exchange {
    shared: Arc<Shared>,
    finished: bool,
}

impl Exchange {
    fn finish(&mut self) {
        self.finished = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let finished = self.finished;
        self.shared.log.change(|seen| if finished { seen.finished += 1 } else { seen.abandoned += 1 });
    }
}

fn frames(
    plan: Plan,
    exchange: Exchange,
    reset: Arc<AtomicBool>,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::unfold((plan, exchange, reset), |(mut plan, mut exchange, reset)| async move {
        // Returning once without data makes hyper flush what it has, so that pieces arrive as pieces and all of them
        // before a cut.
        tokio::task::yield_now().await;
        loop {
            match plan.steps.pop_front() {
                Some(Step::Send(bytes)) => {
                    // With a known length hyper asks for nothing after the last byte, so this is the last chance.
                    if plan.steps.is_empty() && plan.end == End::Close {
                        exchange.finish();
                    }
                    return Some((Ok(Frame::data(bytes)), (plan, exchange, reset)));
                }
                Some(Step::Wait(hold)) => hold.wait().await,
                None => break,
            }
        }
        match plan.end {
            End::Close => {
                exchange.finish();
                return None;
            }
            End::Hang => std::future::pending().await,
            End::Reset => reset.store(true, Ordering::SeqCst),
            End::Cut => {}
        }
        exchange.finish();
        Some((Err(io::Error::other("the script ends here")), (plan, exchange, reset)))
    })
}

fn small(status: u16, body: &Value) -> Response {
    let bytes = Bytes::from(body.to_string());
    let mut response = hyper::Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}
