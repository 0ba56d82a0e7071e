//! What one request is answered with.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::gate::{Gate, Hold};
use super::plan::End;

/// One tool call of a reply.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) name: String,
    /// The text as it is sent; it need not be JSON.
    pub(super) arguments: String,
    /// `None`: made from the number of the request and of the call, such as `call_3_0`.
    pub(super) id: Option<String>,
    pub(super) pieces: usize,
}

/// Token counts of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub prompt: u64,
    /// Tokens of the answer, reasoning included.
    pub completion: u64,
    /// How many of the request's tokens came from a cache.
    pub cached: u64,
}

/// A regular answer, before it is put into SSE or JSON.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) reasoning: Vec<String>,
    pub(super) deltas: Vec<String>,
    pub(super) calls: Vec<Call>,
    pub(super) usage: Option<Usage>,
    /// `None`: `tool_calls` with calls, else `stop`.
    pub(super) finish: Option<String>,
    /// Whether a finish reason is sent at all.
    pub(super) finished: bool,
    /// Whether `[DONE]` ends the stream.
    pub(super) done: bool,
    /// Whether a call of a tool that the request does not offer is a mistake of the script.
    pub(super) offered_only: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Message(Message),
    Body { kind: &'static str, bytes: Bytes },
    Chunks { chunks: Vec<Bytes>, end: End },
}

/// What one request is answered with: a message, an HTTP error, or bytes exactly as given; at once or held up.
///
/// Methods that concern messages ([`Reply::in_deltas`], [`Reply::usage`] …) change nothing on the other kinds.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) content: Content,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) before: Vec<Hold>,
    /// After how many pieces of the body to wait for what.
    pub(super) within: Vec<(usize, Hold)>,
    pub(super) cut: Option<(usize, End)>,
}

impl Reply {
    fn new(content: Content) -> Self {
        Self { content, status: 200, headers: Vec::new(), before: Vec::new(), within: Vec::new(), cut: None }
    }

    fn message() -> Self {
        Self::new(Content::Message(Message {
            reasoning: Vec::new(),
            deltas: Vec::new(),
            calls: Vec::new(),
            usage: Some(Usage { prompt: 100, completion: 20, cached: 0 }),
            finish: None,
            finished: true,
            done: true,
            offered_only: true,
        }))
    }

    /// A text in one delta.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::deltas([text])
    }

    /// A text in exactly these deltas.
    #[must_use]
    pub fn deltas<'a>(deltas: impl IntoIterator<Item = &'a str>) -> Self {
        Self::message().change(|message| message.deltas = deltas.into_iter().map(str::to_owned).collect())
    }

    /// One tool call. When the request does not offer the tool, the server answers with status 400 and says so: a
    /// script that calls what nobody offers is most often a mistake. See [`Reply::unoffered`].
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "scripts write json!(…) in place")]
    pub fn tool(name: &str, arguments: Value) -> Self {
        Self::tool_raw(name, &arguments.to_string())
    }

    /// One tool call whose arguments are this text, JSON or not.
    #[must_use]
    pub fn tool_raw(name: &str, arguments: &str) -> Self {
        Self::message().and_tool_raw(name, arguments)
    }

    /// One more call beside those that are there; all of them arrive in one answer.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "scripts write json!(…) in place")]
    pub fn and_tool(self, name: &str, arguments: Value) -> Self {
        self.and_tool_raw(name, &arguments.to_string())
    }

    /// As [`Reply::and_tool`], with the arguments as text.
    #[must_use]
    pub fn and_tool_raw(self, name: &str, arguments: &str) -> Self {
        let call = Call { name: name.to_owned(), arguments: arguments.to_owned(), id: None, pieces: 1 };
        self.change(|message| message.calls.push(call))
    }

    /// Gives the newest call this id.
    #[must_use]
    pub fn with_call_id(self, id: &str) -> Self {
        self.change(|message| {
            if let Some(call) = message.calls.last_mut() {
                call.id = Some(id.to_owned());
            }
        })
    }

    /// Allows calls of tools that the request does not offer.
    #[must_use]
    pub fn unoffered(self) -> Self {
        self.change(|message| message.offered_only = false)
    }

    /// Sends the arguments of every call in up to `pieces` deltas.
    #[must_use]
    pub fn arguments_in(self, pieces: usize) -> Self {
        self.change(|message| message.calls.iter_mut().for_each(|call| call.pieces = pieces))
    }

    /// Sends the text in up to `pieces` deltas, never splitting a character.
    #[must_use]
    pub fn in_deltas(self, pieces: usize) -> Self {
        self.change(|message| message.deltas = split(&message.deltas.concat(), pieces))
    }

    /// Reasoning (`reasoning_content`) before the text, a delta for each element.
    #[must_use]
    pub fn reasoning<'a>(self, deltas: impl IntoIterator<Item = &'a str>) -> Self {
        self.change(|message| message.reasoning = deltas.into_iter().map(str::to_owned).collect())
    }

    /// The token counts; without this 100 and 20.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.change(|message| message.usage = Some(usage))
    }

    /// Sends no usage even when it was asked for.
    #[must_use]
    pub fn without_usage(self) -> Self {
        self.change(|message| message.usage = None)
    }

    /// The finish reason, such as `length` or `content_filter`.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        self.change(|message| message.finish = Some(reason.to_owned()))
    }

    /// Ends the stream in order but without a finish reason.
    #[must_use]
    pub fn without_finish(self) -> Self {
        self.change(|message| message.finished = false)
    }

    /// Ends the stream in order but without `[DONE]`.
    #[must_use]
    pub fn without_done(self) -> Self {
        self.change(|message| message.done = false)
    }

    /// An error the way OpenAI-compatible servers phrase it.
    #[must_use]
    pub fn error(status: u16, message: &str) -> Self {
        let body =
            json!({"error": {"message": message, "type": "scripted_error", "param": null, "code": null}});
        Self::status(status, "application/json", &body.to_string())
    }

    /// `429` with `Retry-After` in seconds.
    #[must_use]
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Self::error(429, "rate limit reached").header("retry-after", &retry_after_seconds.to_string())
    }

    /// A page of HTML, as proxies and load balancers send it.
    #[must_use]
    pub fn html(status: u16, page: &str) -> Self {
        Self::status(status, "text/html; charset=utf-8", page)
    }

    /// Any status with any body.
    #[must_use]
    pub fn status(status: u16, content_type: &'static str, body: &str) -> Self {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        Self { status, ..Self::new(Content::Body { kind: content_type, bytes }) }
    }

    /// Bytes exactly as given, as an event stream: each element is flushed before the next is written.
    #[must_use]
    pub fn raw<C: AsRef<[u8]>>(chunks: impl IntoIterator<Item = C>, end: End) -> Self {
        let chunks = chunks.into_iter().map(|chunk| Bytes::copy_from_slice(chunk.as_ref())).collect();
        Self::new(Content::Chunks { chunks, end })
    }

    /// The reply that the `input` of an entry of the corpus `malformed_sse` describes: `chunks`, `end`, `status`.
    ///
    /// `None` when it has no chunks or an end that is not known here, which a test should not pass over.
    #[must_use]
    pub fn of_corpus(input: &Value) -> Option<Self> {
        let chunks: Option<Vec<&str>> = input["chunks"].as_array()?.iter().map(Value::as_str).collect();
        let end = match input["end"].as_str()? {
            "close" => End::Close,
            "reset" => End::Reset,
            "hang" => End::Hang,
            _ => return None,
        };
        let status = input["status"].as_u64().unwrap_or(200).try_into().ok()?;
        Some(Self { status, ..Self::raw(chunks?, end) })
    }

    /// Adds or replaces a header of the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Waits before the head of the answer is sent.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.before.push(Hold::For(time));
        self
    }

    /// Holds the answer back, head included, until the gate opens.
    #[must_use]
    pub fn held_by(mut self, gate: &Gate) -> Self {
        self.before.push(Hold::Until(gate.clone()));
        self
    }

    /// Waits once `pieces` pieces of the body (events, chunks) are on the wire.
    #[must_use]
    pub fn hold_after(mut self, pieces: usize, hold: Hold) -> Self {
        self.within.push((pieces, hold));
        self
    }

    /// Sends only the first `bytes` bytes of the body, then ends in the given way.
    #[must_use]
    pub fn cut_at(mut self, bytes: usize, end: End) -> Self {
        self.cut = Some((bytes, end));
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Message)) -> Self {
        if let Content::Message(message) = &mut self.content {
            change(message);
        }
        self
    }
}

/// Cuts a text into at most `pieces` parts of nearly equal length, at character borders; together they are the text.
pub(super) fn split(text: &str, pieces: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let pieces = pieces.clamp(1, letters.len().max(1));
    (0..pieces)
        .map(|i| letters[letters.len() * i / pieces..letters.len() * (i + 1) / pieces].iter().collect())
        .collect()
}
