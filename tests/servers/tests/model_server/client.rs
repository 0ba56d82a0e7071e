//! A plain TCP client and the requests that the tests send.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use servers::ModelServer;

/// Long enough for any machine; only a failing test ever waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// An answer, parsed just far enough.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// How reading ended when it did not end in order.
    pub(crate) error: Option<io::ErrorKind>,
    /// Whether HTTP said that the body was complete.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The JSON of each event; `[DONE]` as a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let data = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into())).collect()
    }

    pub(crate) fn deltas(&self, field: &str) -> Vec<String> {
        let text = |event: &Value| event["choices"][0]["delta"][field].as_str().map(str::to_owned);
        self.events().iter().filter_map(text).filter(|text| !text.is_empty()).collect()
    }
}

pub(crate) fn send(server: &ModelServer, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {length}\r\n\r\n{body}").unwrap();
    stream
}

pub(crate) fn receive(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Answer { status: 0, head: String::new(), body: bytes, error, complete: false };
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let rest = &bytes[end + 4..];
    let (body, complete) = match head.split("content-length: ").nth(1) {
        Some(length) => {
            (rest.to_vec(), rest.len() == length.lines().next().unwrap().parse::<usize>().unwrap())
        }
        None => dechunk(rest),
    };
    Answer { status, head, body, error, complete }
}

/// The payload of a chunked body, and whether its end was there.
pub(crate) fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if length == 0 {
            return (body, true);
        }
        body.extend(&rest[..length]);
        rest = &rest[length + 2..];
    }
    (body, false)
}

pub(crate) fn ask(server: &ModelServer, body: &Value) -> Answer {
    receive(send(server, "POST", "/v1/chat/completions", &body.to_string()))
}

pub(crate) fn plain() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
}

pub(crate) fn streamed() -> Value {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hello"}]})
}

pub(crate) fn with_tools(names: &[&str]) -> Value {
    let tools: Vec<Value> =
        names.iter().map(|name| json!({"type": "function", "function": {"name": name}})).collect();
    let mut body = streamed();
    body["tools"] = tools.into();
    body
}
