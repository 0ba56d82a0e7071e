//! A model server for benchmarks: it answers at once, from bytes that were made beforehand, so that what is measured is
//! the client.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The text of every answer, about as long as a short chat reply.
pub const TEXT: &str = "Here is a short and friendly answer of a fixed length, always the same.";

/// The arguments of the one tool call.
pub const ARGUMENTS: &str = r#"{"expression":"17.5 / 100 * 1234.56"}"#;

const MODELS: &str =
    r#"{"object":"list","data":[{"id":"quick","object":"model","created":0,"owned_by":"tests"}]}"#;

macro_rules! event {
    ($choice:literal) => {
        concat!(
            r#"data: {"id":"chatcmpl-q","object":"chat.completion.chunk","created":0,"model":"quick","choices":["#,
            $choice,
            "]}\n\n"
        )
    };
}

const STREAM_END: &str = concat!(
    r#"data: {"id":"chatcmpl-q","object":"chat.completion.chunk","created":0,"model":"quick","choices":[],"#,
    r#""usage":{"prompt_tokens":1000,"completion_tokens":18,"total_tokens":1018}}"#,
    "\n\ndata: [DONE]\n\n"
);

const TEXT_STREAM: &str = concat!(
    event!(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#),
    event!(r#"{"index":0,"delta":{"content":"Here is a short and friendly "},"finish_reason":null}"#),
    event!(r#"{"index":0,"delta":{"content":"answer of a fixed length, "},"finish_reason":null}"#),
    event!(r#"{"index":0,"delta":{"content":"always the same."},"finish_reason":null}"#),
    event!(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#),
);

const CALL_STREAM: &str = concat!(
    event!(
        r#"{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_q","type":"function","function":{"name":"calculate_expression","arguments":""}}]},"finish_reason":null}"#
    ),
    event!(
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"expression\":\"17.5 / 100 * 1234.56\"}"}}]},"finish_reason":null}"#
    ),
    event!(r#"{"index":0,"delta":{},"finish_reason":"tool_calls"}"#),
);

const WHOLE_HEAD: &str = r#"{"id":"chatcmpl-q","object":"chat.completion","created":0,"model":"quick","choices":[{"index":0,"message":"#;

const WHOLE_END: &str = r#"}],"usage":{"prompt_tokens":1000,"completion_tokens":18,"total_tokens":1018}}"#;

const TEXT_MESSAGE: &str = r#"{"role":"assistant","content":"Here is a short and friendly answer of a fixed length, always the same."},"finish_reason":"stop""#;

const CALL_MESSAGE: &str = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_q","type":"function","function":{"name":"calculate_expression","arguments":"{\"expression\":\"17.5 / 100 * 1234.56\"}"}}]},"finish_reason":"tool_calls""#;

/// All bodies that this server ever sends.
#[derive(Debug, Clone)]
struct Bodies {
    models: Bytes,
    text: Bytes,
    call: Bytes,
    text_stream: Bytes,
    call_stream: Bytes,
}

impl Bodies {
    fn new() -> Self {
        Self {
            models: Bytes::from_static(MODELS.as_bytes()),
            text: [WHOLE_HEAD, TEXT_MESSAGE, WHOLE_END].concat().into(),
            call: [WHOLE_HEAD, CALL_MESSAGE, WHOLE_END].concat().into(),
            text_stream: [TEXT_STREAM, STREAM_END].concat().into(),
            call_stream: [CALL_STREAM, STREAM_END].concat().into(),
        }
    }
}

/// The only fields that decide; everything else is stepped over without being built.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(default)]
    stream: bool,
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Role<'a> {
    #[serde(borrow)]
    role: &'a str,
}

/// Serves until the listener fails. One answer is a text, except that a newest message of the user which contains `calc`
/// is answered with one call of `calculate_expression`.
///
/// # Errors
/// What accepting a connection says.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let bodies = Bodies::new();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                open.spawn(connection(stream, bodies.clone()));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, bodies: Bodies) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, bodies.clone()));
    // The client may close whenever it likes.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, bodies: Bodies) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if request.method() == Method::GET && path == "/v1/models" {
        return Ok(response(StatusCode::OK, "application/json", bodies.models));
    }
    if request.method() != Method::POST || path != "/v1/chat/completions" {
        return Ok(response(StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"not found\n")));
    }
    let raw = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let Ok(asked) = serde_json::from_slice::<Asked<'_>>(&raw) else {
        let text = Bytes::from_static(br#"{"error":{"message":"the request is no JSON object"}}"#);
        return Ok(response(StatusCode::BAD_REQUEST, "application/json", text));
    };
    let (kind, body) = match (asked.stream, wants_call(&asked.messages)) {
        (true, true) => ("text/event-stream", bodies.call_stream),
        (true, false) => ("text/event-stream", bodies.text_stream),
        (false, true) => ("application/json", bodies.call),
        (false, false) => ("application/json", bodies.text),
    };
    Ok(response(StatusCode::OK, kind, body))
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Whether the newest message is the user's and contains `calc`. Once a result stands after it, the text is due.
fn wants_call(messages: &[&RawValue]) -> bool {
    let Some(last) = messages.last() else { return false };
    let is_user = serde_json::from_str::<Role<'_>>(last.get()).is_ok_and(|message| message.role == "user");
    is_user && last.get().contains("calc")
}

#[cfg(test)]
mod tests {
    use super::{ARGUMENTS, Asked, Bodies, TEXT, wants_call};
    use serde_json::Value;

    #[test]
    fn a_call_is_due_only_while_the_users_message_is_the_newest() {
        for (body, expected) in [
            (r#"{"messages":[{"role":"user","content":"please calc it"}],"tools":[]}"#, true),
            (
                r#"{"messages":[{"role":"user","content":"hello"}],"tools":[{"name":"calculate_expression"}]}"#,
                false,
            ),
            (
                r#"{"messages":[{"role":"user","content":"calc"},{"role":"assistant"},{"role":"tool","content":"calc"}]}"#,
                false,
            ),
            (r#"{"messages":[{"content":[{"type":"text","text":"calc"}],"role":"user"}]}"#, true),
            (r#"{"messages":[]}"#, false),
            (r#"{"stream":true}"#, false),
        ] {
            let asked: Asked<'_> = serde_json::from_str(body).unwrap();
            assert_eq!(wants_call(&asked.messages), expected, "{body}");
        }
    }

    #[test]
    fn the_prepared_bytes_say_what_they_should() {
        let bodies = Bodies::new();
        let text: Value = serde_json::from_slice(&bodies.text).unwrap();
        assert_eq!(text["choices"][0]["message"]["content"], TEXT);
        let call: Value = serde_json::from_slice(&bodies.call).unwrap();
        assert_eq!(call["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], ARGUMENTS);
        assert_eq!(joined(&bodies.text_stream, |delta| &delta["content"]), TEXT);
        let arguments = joined(&bodies.call_stream, |delta| &delta["tool_calls"][0]["function"]["arguments"]);
        assert_eq!(arguments, ARGUMENTS);
        assert!(bodies.call_stream.ends_with(b"data: [DONE]\n\n"));
    }

    /// All events of a stream must be JSON; joins one field of their deltas.
    fn joined(stream: &[u8], field: fn(&Value) -> &Value) -> String {
        let text = std::str::from_utf8(stream).unwrap();
        let events = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        let values =
            events.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str::<Value>(data).unwrap());
        values.filter_map(|value| field(&value["choices"][0]["delta"]).as_str().map(str::to_owned)).collect()
    }
}
