//! Sending a request and reading what comes back, within the limits.

use std::sync::Arc;

use agent_core::{ModelError, ModelStream};
use futures_util::stream::unfold;
use http_client::{
    Client, Method, RequestBuilder, Response, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue},
    sent_once,
};

use super::{
    Server,
    error::{Trouble, Voice},
    read,
    stream::{self, Assembler, LARGEST_REPLY, Limits},
};

/// Most bytes of an error's body that are read; the rest could only be padding.
const LARGEST_ERROR: usize = 64 * 1024;

/// Longest correlation id that is sent.
const LONGEST_CORRELATION: usize = 128;

/// What is to be sent.
pub(crate) struct Letter<'a> {
    pub(crate) url: &'a Url,
    /// The model asked for, for error texts.
    pub(crate) model: &'a str,
    /// A header for the id that follows the message through logs, and the id.
    pub(crate) correlation: Option<(&'static str, &'a str)>,
    /// Whether the reply was asked for piece by piece.
    pub(crate) streams: bool,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// Whether a request could be sent at all; cheaper to know before its body is written.
    ///
    /// # Errors
    /// When there is no key where one is needed.
    pub(crate) fn ready(&self) -> Result<(), ModelError> {
        self.client().map(|_| ())
    }

    /// Sends a request and reads the reply: a stream of events, or one JSON document from servers that do not stream.
    pub(crate) async fn post(
        &self,
        letter: Letter<'_>,
        assembler: impl Assembler,
    ) -> Result<ModelStream, ModelError> {
        let client = self.client()?;
        let voice = self.voice(letter.model);
        let mut limits = self.limits();
        if !letter.streams {
            // Nothing is heard of it until it is whole.
            limits.idle = self.total;
        }
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static(if letter.streams { "text/event-stream" } else { "application/json" }),
        );
        if let Some((name, id)) = letter.correlation.filter(|(_, id)| id.len() <= LONGEST_CORRELATION)
            && let Ok(value) = HeaderValue::from_str(id)
        {
            headers.insert(HeaderName::from_static(name), value);
        }
        let call = client
            .request(Method::POST, letter.url)
            .map_err(|error| voice.unreachable(&error))?
            .headers(headers)
            .body(sent_once(letter.body));
        let response = answer(client, call, &mut limits, &voice).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.to_ascii_lowercase();
        if kind.contains("html") {
            return Err(voice.page(response.status()));
        }
        if kind.contains("json") && !kind.contains("event-stream") {
            let whole = body(client, response, &mut limits, &voice).await?;
            let whole = whole.ok_or_else(|| voice.trouble(&Trouble::TooLong))?;
            return stream::whole_reply(assembler, &whole, &voice);
        }
        let explain = client.clone();
        let pieces = unfold((response, explain), |(mut response, client)| async move {
            let piece = response.chunk().await.map_err(|error| client.explain(error)).transpose()?;
            Some((piece, (response, client)))
        });
        Ok(stream::streamed_reply(assembler, Box::pin(pieces), limits, Arc::new(voice)))
    }

    /// The server's list of models, which looks the same in all formats.
    pub(crate) async fn models(&self, url: &Url) -> Result<Vec<String>, ModelError> {
        let client = self.client()?;
        let voice = self.voice("");
        let mut limits = self.limits();
        let call = client
            .request(Method::GET, url)
            .map_err(|error| voice.unreachable(&error))?
            .headers(self.headers.clone());
        let response = answer(client, call, &mut limits, &voice).await?;
        let listed = body(client, response, &mut limits, &voice).await?;
        listed.as_deref().and_then(read::models).ok_or_else(|| voice.trouble(&Trouble::Nonsense))
    }
}

/// Sends a request and waits for the head of a good answer.
async fn answer(
    client: &Client,
    call: RequestBuilder,
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
    let body = some(client, response, LARGEST_ERROR, limits, voice)
        .await
        .map_or_else(|_| Vec::new(), |(body, _)| body);
    Err(voice.status(status, &headers, &body))
}

/// The whole body, or `None` when it is larger than any reply may be.
async fn body(
    client: &Client,
    response: Response,
    limits: &mut Limits,
    voice: &Voice,
) -> Result<Option<Vec<u8>>, ModelError> {
    let (body, whole) = some(client, response, LARGEST_REPLY, limits, voice).await?;
    Ok(whole.then_some(body))
}

/// The first `most` bytes of the body, and whether that is all of it.
async fn some(
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
