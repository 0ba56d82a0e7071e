//! Kind `openai`: chat completions as most model servers speak them. For people: `docs.md`.
//!
//! `convert` writes the request, `wire` reads what comes back, `calls` puts tool calls together, `stream` makes events of
//! it all within the limits of time and size, and `error` finds words for what goes wrong.

mod calls;
mod config;
mod convert;
pub(crate) mod error;
mod stream;
pub(crate) mod wire;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use agent_core::{LlmProvider, ModelError, ModelErrorKind, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use futures_util::stream::unfold;
use http_client::{
    Client, Method, Policy, Proxy, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

pub use config::{LimitField, OpenAiConfig, ReplayReasoning};

use self::{convert::Body, error::Voice, stream::Limits};
use crate::ProviderSetupError;

/// The name of this kind.
pub const KIND: &str = "openai";

/// The server that wants a key in any case.
const OPENAI_HOST: &str = "api.openai.com";

/// Most bytes of an error's body that are read; the rest could only be padding.
const LARGEST_ERROR: usize = 64 * 1024;

/// Longest correlation id that is sent.
const LONGEST_CORRELATION: usize = 128;

/// A server that speaks the chat completions API of `api.openai.com`.
pub struct OpenAiProvider {
    info: ProviderInfo,
    config: OpenAiConfig,
    completions: Url,
    models: Url,
    headers: HeaderMap,
    secrets: Vec<SecretString>,
    policy: Policy,
    /// Made at the first call: a process that never calls a model does not pay for it.
    client: OnceLock<Client>,
}

impl fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("info", &self.info)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl OpenAiProvider {
    /// The provider `name` with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, a header, the key or a time limit cannot be used.
    pub fn new(
        name: &str,
        config: OpenAiConfig,
        api_key: Option<SecretString>,
    ) -> Result<Self, ProviderSetupError> {
        let wrong = |key: &'static str, message: String| ProviderSetupError::Value {
            name: name.to_owned(),
            key,
            message,
        };
        let base = base_url(&config.base_url).map_err(|message| wrong("base_url", message))?;
        for (key, seconds) in [
            ("idle_timeout_seconds", config.idle_timeout_seconds),
            ("total_timeout_seconds", config.total_timeout_seconds),
            ("connect_timeout_seconds", config.connect_timeout_seconds),
        ] {
            // A day: more is a slip of the pen, and tokio's clock ends somewhere.
            if !(1..=86_400).contains(&seconds) {
                return Err(wrong(key, format!("`{key}` must be between 1 and 86400 seconds")));
            }
        }
        let mut secrets: Vec<SecretString> = Vec::new();
        let headers =
            headers(&config, api_key.as_ref(), &mut secrets).map_err(|(key, message)| wrong(key, message))?;
        // With the white space around it, which a server may repeat too.
        secrets.extend(api_key);
        secrets.extend(base.password().map(|password| SecretString::from(password.to_owned())));
        let policy = Policy {
            connect_timeout: Duration::from_secs(config.connect_timeout_seconds),
            // Both are kept here instead, where their errors can say which key to change.
            total_timeout: None,
            idle_timeout: None,
            proxy: match config.proxy.as_deref() {
                None => Proxy::None,
                Some("system") => Proxy::System,
                Some(url) => Proxy::Explicit(url.to_owned()),
            },
            ..Policy::default()
        };
        Ok(Self {
            info: ProviderInfo { name: name.to_owned(), kind: KIND.to_owned(), images: config.images },
            completions: below(&base, &["chat", "completions"]),
            models: below(&base, &["models"]),
            config,
            headers,
            secrets,
            policy,
            client: OnceLock::new(),
        })
    }

    fn client(&self) -> Result<&Client, ModelError> {
        if self.completions.host_str() == Some(OPENAI_HOST) && !self.headers.contains_key(AUTHORIZATION) {
            let name = &self.info.name;
            let text =
                format!("provider `{name}` has no key; set api_key in [providers.{name}] or OPENAI_API_KEY");
            return Err(ModelError::new(ModelErrorKind::NotConfigured, text));
        }
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = http_client::build(&self.policy).map_err(|error| {
            let text = format!("provider `{}` cannot be set up: {error}", self.info.name);
            ModelError::new(ModelErrorKind::NotConfigured, text)
        })?;
        // Two calls may both come here at the start; one client is then thrown away.
        Ok(self.client.get_or_init(|| built))
    }

    fn voice(&self, model: &str) -> Voice {
        Voice {
            provider: self.info.name.clone(),
            model: model.chars().take(100).collect(),
            server: http_client::endpoint(&self.completions),
            secrets: self.secrets.clone(),
            total: Duration::from_secs(self.config.total_timeout_seconds),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            idle: Duration::from_secs(self.config.idle_timeout_seconds),
            total: Box::pin(tokio::time::sleep(Duration::from_secs(self.config.total_timeout_seconds))),
        }
    }

    fn body(&self, request: &ModelRequest) -> Result<Vec<u8>, ModelError> {
        let official = self.completions.host_str() == Some(OPENAI_HOST);
        let usual = if official { LimitField::MaxCompletionTokens } else { LimitField::MaxTokens };
        let limit_field = self.config.limit_field.unwrap_or(usual).as_str();
        serde_json::to_vec(&Body { request, config: &self.config, limit_field }).map_err(|error| {
            let text = format!("the request to provider `{}` cannot be written: {error}", self.info.name);
            ModelError::new(ModelErrorKind::BadRequest, text)
        })
    }
}

#[async_trait]
impl LlmProvider for OpenAiProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let client = self.client()?;
        let voice = self.voice(&request.model);
        let mut limits = self.limits();
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if request.correlation.len() <= LONGEST_CORRELATION
            && let Ok(value) = HeaderValue::from_str(&request.correlation)
        {
            headers.insert(HeaderName::from_static("x-client-request-id"), value);
        }
        let body = self.body(&request)?;
        // Images may be large, and the reply may take minutes.
        drop(request);
        let call = client
            .request(Method::POST, &self.completions)
            .map_err(|error| voice.unreachable(&error))?
            .headers(headers)
            .body(body);
        let response = answer(client, call, &mut limits, &voice).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.to_ascii_lowercase();
        if kind.contains("html") {
            return Err(voice.page(response.status()));
        }
        if kind.contains("json") && !kind.contains("event-stream") {
            let whole = read(client, response, stream::LARGEST_REPLY, &mut limits, &voice).await?;
            let whole = whole.ok_or_else(|| voice.trouble(&error::Trouble::TooLong))?;
            return stream::whole_reply(&whole, &voice);
        }
        let explain = client.clone();
        let pieces = unfold((response, explain), |(mut response, client)| async move {
            let piece = response.chunk().await.map_err(|error| client.explain(error)).transpose()?;
            Some((piece, (response, client)))
        });
        Ok(stream::streamed_reply(Box::pin(pieces), limits, Arc::new(voice)))
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        let client = self.client()?;
        let voice = self.voice("");
        let mut limits = self.limits();
        let call = client
            .request(Method::GET, &self.models)
            .map_err(|error| voice.unreachable(&error))?
            .headers(self.headers.clone());
        let response = answer(client, call, &mut limits, &voice).await?;
        let body = read(client, response, stream::LARGEST_REPLY, &mut limits, &voice).await?;
        let listed = body.as_deref().and_then(wire::models);
        listed.ok_or_else(|| voice.trouble(&error::Trouble::Nonsense))
    }
}

/// Sends a request and waits for the head of a good answer.
async fn answer(
    client: &Client,
    call: http_client::RequestBuilder,
    limits: &mut Limits,
    voice: &Voice,
) -> Result<Response, ModelError> {
    let sent = tokio::select! {
        biased;
        () = limits.total.as_mut() => return Err(voice.late()),
        sent = tokio::time::timeout(limits.idle, client.send(call)) => sent,
    };
    let response = match sent {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(voice.unreachable(&error)),
        Err(_) => return Err(voice.silence(limits.idle)),
    };
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let headers = response.headers().clone();
    // The status says enough when the rest of the answer does not come.
    let body = read_some(client, response, LARGEST_ERROR, limits, voice)
        .await
        .map_or_else(|_| Vec::new(), |(body, _)| body);
    Err(voice.status(status, &headers, &body))
}

/// The whole body, or `None` when it is larger than `most`.
async fn read(
    client: &Client,
    response: Response,
    most: usize,
    limits: &mut Limits,
    voice: &Voice,
) -> Result<Option<Vec<u8>>, ModelError> {
    let (body, whole) = read_some(client, response, most, limits, voice).await?;
    Ok(whole.then_some(body))
}

/// The first `most` bytes of the body, and whether that is all of it.
async fn read_some(
    client: &Client,
    mut response: Response,
    most: usize,
    limits: &mut Limits,
    voice: &Voice,
) -> Result<(Vec<u8>, bool), ModelError> {
    let mut body = Vec::new();
    loop {
        let came = tokio::select! {
            biased;
            () = limits.total.as_mut() => return Err(voice.late()),
            came = tokio::time::timeout(limits.idle, response.chunk()) => came,
        };
        match came {
            Ok(Ok(Some(bytes))) if body.len() + bytes.len() <= most => body.extend_from_slice(&bytes),
            Ok(Ok(Some(bytes))) => {
                body.extend_from_slice(&bytes[..most - body.len()]);
                return Ok((body, false));
            }
            Ok(Ok(None)) => return Ok((body, true)),
            Ok(Err(error)) => return Err(voice.broken(&client.explain(error))),
            Err(_) => return Err(voice.silence(limits.idle)),
        }
    }
}

pub(crate) fn base_url(text: &str) -> Result<Url, String> {
    // Neither text nor error repeats the URL: it may hold a password.
    let url = http_client::parse_url(text.trim()).map_err(|error| format!("`base_url`: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("`base_url` must begin with http:// or https://".into());
    }
    Ok(url)
}

/// The URL below `base`; a query stays where it is.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// The headers of every request. What stands in them is added to `secrets`.
fn headers(
    config: &OpenAiConfig,
    key: Option<&SecretString>,
    secrets: &mut Vec<SecretString>,
) -> Result<HeaderMap, (&'static str, String)> {
    let mut headers = HeaderMap::new();
    // A key that is read from a file ends in a line feed.
    if let Some(key) = key.map(|key| key.expose_secret().trim()).filter(|key| !key.is_empty()) {
        let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| ("api_key", "the key holds characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        secrets.push(SecretString::from(key.to_owned()));
    }
    for (name, text) in &config.headers {
        let wrong = || ("headers", format!("`headers.{name}` is not a header that HTTP allows"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(text).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(header, value);
        // `Basic abc` is repeated by a server as often as `abc`.
        let last = text.split_whitespace().last().unwrap_or("");
        if last.len() >= 12 {
            secrets.push(SecretString::from(last.to_owned()));
        }
        secrets.push(SecretString::from(text.clone()));
    }
    Ok(headers)
}
