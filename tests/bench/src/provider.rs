//! A call of a model through the registry with all its layers, beside a bare client that does the same work: it sends the
//! same bytes, takes the same events apart, and puts the same text together.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use agent_core::{LlmProvider, ModelEvent, ModelRequest};
use anyhow::{Context as _, Result, ensure};
use factotum::{SystemClock, SystemIds};
use futures_util::StreamExt as _;
use http_client::{Client, Method, Policy, Url};
use providers::{Preset, ProviderSettings, Registry, Settings, Switchboard};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use servers::{End, ModelServer, Reply};
use session_api::{
    CallId, Message, MessageId, Part, Role, Timestamp, ToolCall, ToolResult, ToolStatus, TurnId,
};
use tool_api::{Effect, ToolSpec};

use crate::Setting;
use crate::embedded::runtime;
use crate::figure::{Figure, Goal, Samples};
use crate::machine::Stopwatch;

/// Tokens of a long reply.
const TOKENS: usize = 2_000;
const KEY: &str = "a-key-of-the-benchmarks";
/// Calls before the first that counts.
const WARM: usize = 10;
/// How often a name is looked up.
const LOOKS: u32 = 100_000;

/// `COUNT` is the number of calls of each kind.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        Ok(vec![
            tokens(setting.count).await?,
            first_token(setting.count).await?,
            large_request(setting.count).await?,
            resolve()?,
            sockets(setting.count).await?,
        ])
    })
}

fn registry(server: &ModelServer) -> Registry {
    let provider = ProviderSettings {
        table: json!({ "base_url": server.base_url() }),
        key: Some(SecretString::from(KEY.to_owned())),
        ..ProviderSettings::new("openai")
    };
    let preset = Preset {
        model: "bench/quick".into(),
        fallback: Some(vec!["bench/a".into(), "bench/b".into()]),
        ..Preset::default()
    };
    let settings = Settings {
        providers: [("bench".to_owned(), provider)].into(),
        presets: [("chain".to_owned(), preset)].into(),
        ..Settings::default()
    };
    Registry::new(settings, Switchboard::new(Arc::new(SystemClock::new()), Arc::new(SystemIds)))
}

/// How long until the first text, and until the end.
#[derive(Debug, Clone, Copy)]
struct Took {
    first: Duration,
    whole: Duration,
    bytes: usize,
}

async fn ours(provider: &dyn LlmProvider, request: ModelRequest) -> Result<Took> {
    let watch = Stopwatch::start();
    let mut stream = provider.stream(request).await?;
    let (mut first, mut text) = (None, String::new());
    while let Some(event) = stream.next().await {
        match event? {
            ModelEvent::Text(piece) => {
                first.get_or_insert_with(|| watch.elapsed());
                text.push_str(&piece);
            }
            ModelEvent::Finished(_) => break,
            _ => {}
        }
    }
    Ok(Took { first: first.context("no text")?, whole: watch.elapsed(), bytes: text.len() })
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Delta<'a>,
}

#[derive(Deserialize, Default)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
}

/// A client that does what must be done and nothing else.
struct Bare {
    client: Client,
    url: Url,
}

impl Bare {
    fn new(server: &ModelServer) -> Result<Self> {
        let url = format!("{}/chat/completions", server.base_url()).parse()?;
        Ok(Self { client: http_client::build(&Policy::default())?, url })
    }

    async fn call(&self, body: &[u8]) -> Result<Took> {
        let watch = Stopwatch::start();
        let request = self.client.request(Method::POST, &self.url)?;
        let request = request.bearer_auth(KEY).header("content-type", "application/json");
        let mut body = request.body(body.to_vec()).send().await?.bytes_stream();
        let (mut first, mut text, mut buffer) = (None, String::new(), Vec::new());
        while let Some(bytes) = body.next().await {
            buffer.extend_from_slice(&bytes?);
            let mut begin = 0;
            while let Some(length) = buffer[begin..].windows(2).position(|pair| pair == b"\n\n") {
                let event = &buffer[begin..begin + length];
                begin += length + 2;
                let data = event.strip_prefix(b"data: ").context("no data")?;
                if data == b"[DONE]" {
                    continue;
                }
                let chunk: Chunk<'_> = serde_json::from_slice(data)?;
                let piece = chunk.choices.into_iter().next().and_then(|choice| choice.delta.content);
                if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
                    first.get_or_insert_with(|| watch.elapsed());
                    text.push_str(&piece);
                }
            }
            buffer.drain(..begin);
        }
        Ok(Took { first: first.context("no text")?, whole: watch.elapsed(), bytes: text.len() })
    }
}

/// Both, in turns, so that what else the machine does falls on both.
async fn both(server: &ModelServer, request: &ModelRequest, times: usize) -> Result<Vec<(Took, Took)>> {
    let registry = registry(server);
    let (provider, bare) = (registry.model("bench/quick")?.provider, Bare::new(server)?);
    ours(provider.as_ref(), request.clone()).await?;
    let body = server.requests().pop().context("nothing was sent")?.raw;
    let mut found = Vec::new();
    for round in 0..times + WARM {
        let pair = (ours(provider.as_ref(), request.clone()).await?, bare.call(&body).await?);
        ensure!(pair.0.bytes == pair.1.bytes, "the texts differ");
        if round >= WARM {
            found.push(pair);
        }
        if round % 50 == 0 {
            server.forget_requests();
        }
    }
    Ok(found)
}

fn medians(found: &[(Took, Took)], of: fn(&Took) -> Duration) -> (f64, f64) {
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for (one, other) in found {
        ours.add(of(one));
        bare.add(of(other));
    }
    (ours.median(), bare.median())
}

async fn tokens(times: usize) -> Result<Figure> {
    let event = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"quick\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let token = event("{\"content\":\"word \"}", "null");
    let whole = format!("{}{}data: [DONE]\n\n", token.repeat(TOKENS), event("{}", "\"stop\""));
    let server = ModelServer::start(Reply::raw([whole], End::Close));
    let found = both(&server, &request("Tell me a long story.", 0), times).await?;
    let (ours, bare) = medians(&found, |took| took.whole);
    #[expect(clippy::cast_precision_loss, reason = "some thousand")]
    let each = |millis: f64| millis * 1_000.0 / TOKENS as f64;
    let what = format!("more time for each of {TOKENS} streamed tokens than a bare client takes");
    let note = format!("{:.2} µs a token in all", each(ours));
    let figure = Figure::new(what, "µs", each(ours - bare)).beside("a bare client, a token", each(bare));
    Ok(figure.goal(Goal::AtMost(15.0)).note(note))
}

async fn first_token(times: usize) -> Result<Figure> {
    let server = ModelServer::start(Reply::deltas(["Once ", "upon a time."]));
    let found = both(&server, &request("Hello.", 0), times).await?;
    let (ours, bare) = medians(&found, |took| took.first);
    let figure = Figure::new("later first token than a bare client's", "ms", ours - bare);
    Ok(figure.beside("a bare client's first token", bare).goal(Goal::AtMost(1.0)))
}

async fn large_request(times: usize) -> Result<Figure> {
    let server = ModelServer::start(Reply::deltas(["Once ", "upon a time."]));
    let request = request("Hello.", 60);
    let found = both(&server, &request, times).await?;
    let size = server.requests().pop().context("nothing was sent")?.raw.len();
    let (ours, bare) = medians(&found, |took| took.first);
    let what = format!("turning a conversation with tools into a request of {} kB", size / 1_000);
    let note = "the whole way to the first token, less what a bare client needs that sends the same bytes";
    let figure = Figure::new(what, "ms", ours - bare).beside("a bare client's first token", bare);
    Ok(figure.goal(Goal::AtMost(1.0)).note(note))
}

fn resolve() -> Result<Figure> {
    let server = ModelServer::start(Reply::text("never"));
    let registry = registry(&server);
    let each = |look: &dyn Fn() -> Result<()>| {
        look()?;
        let watch = Stopwatch::start();
        for _ in 0..LOOKS {
            look()?;
        }
        anyhow::Ok(watch.elapsed().as_secs_f64() * 1e6 / f64::from(LOOKS))
    };
    let ready = each(&|| {
        std::hint::black_box(registry.model(std::hint::black_box("bench/quick"))?);
        Ok(())
    })?;
    let chain = each(&|| {
        std::hint::black_box(registry.preset(std::hint::black_box("chain"))?);
        Ok(())
    })?;
    let target = each(&|| {
        std::hint::black_box(registry.resolve(std::hint::black_box("bench/quick"))?);
        Ok(())
    })?;
    let note = format!("without making it ready: {target:.2} µs; a preset with two behind it: {chain:.2} µs");
    let figure =
        Figure::new("a name becomes a model that is ready to be asked, as in each turn", "µs", ready);
    Ok(figure.goal(Goal::AtMost(1.0)).note(note))
}

async fn sockets(times: usize) -> Result<Figure> {
    let server = ModelServer::start(Reply::text("hello"));
    let registry = registry(&server);
    ours(registry.model("bench/quick")?.provider.as_ref(), request("Hello.", 0)).await?;
    let first = server.connections();
    for _ in 1..times {
        // A turn commits between two calls. Without any pause the next one may come before the connection is back in
        // its pool, which the HTTP client does behind the back of who reads a reply.
        tokio::time::sleep(Duration::from_millis(1)).await;
        ours(registry.model("bench/quick")?.provider.as_ref(), request("Hello.", 0)).await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let (more, first) = ((server.connections() - first) as f64, first as f64);
    let figure = Figure::new(format!("sockets opened by calls 2 to {times}"), "", more);
    Ok(figure.beside("by the first", first).goal(Goal::AtMost(0.0)))
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    let (id, turn) = (MessageId::new(&SystemIds), TurnId::new(&SystemIds));
    Message { id, role, principal: None, turn, at: Timestamp(0), parts }
}

/// A request whose conversation has so many exchanges with a tool before the newest message, and a tool for each.
fn request(text: &str, exchanges: usize) -> ModelRequest {
    let mut messages = Vec::new();
    for n in 0..exchanges {
        let (id, name) = (CallId(format!("call_{n}")), format!("tool_{n}"));
        let arguments =
            json!({ "path": format!("notes/{n}.md"), "text": "\"quoted\" words ".repeat(10) }).to_string();
        messages
            .push(message(Role::User, vec![Part::text("Please look at the notes once more. ".repeat(5))]));
        let call = ToolCall { id: id.clone(), name: name.clone(), arguments };
        messages.push(message(Role::Assistant, vec![Part::ToolCall(call)]));
        let content = vec![Part::text("a line of the result\n".repeat(20))];
        let result = ToolResult::new(id, name, ToolStatus::Ok, content);
        messages.push(message(Role::Tool, vec![Part::ToolResult(result)]));
        messages.push(message(Role::Assistant, vec![Part::text("It is all as you said it would be.")]));
    }
    messages.push(message(Role::User, vec![Part::text(text)]));
    let tools = (0..exchanges).map(|n| ToolSpec {
        name: format!("tool_{n}"),
        description: "Does one thing, and says in a sentence or two what that is.".into(),
        parameters: json!({ "type": "object", "required": ["path"], "properties": {
            "path": { "type": "string", "description": "Where it is, from the workspace." },
            "text": { "type": "string", "description": "What is to stand there." },
        }}),
        effect: Effect::Pure,
        timeout: Duration::from_secs(60),
    });
    ModelRequest {
        model: "quick".into(),
        system: "You are a helpful assistant.".into(),
        messages: Arc::new(messages),
        tools: tools.collect(),
        blobs: Default::default(),
        effort: None,
        max_output_tokens: None,
        correlation: String::new(),
    }
}
