//! One question and its whole answer, for what is no conversation: recordings, speech and vectors.

mod error;

use std::{sync::OnceLock, time::Duration};

use agent_core::{ModelError, ModelErrorKind as Kind};
use http_client::{
    Client, Method, Policy, RequestBuilder, Response, TransportError, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    ProviderSetupError,
    exchange::{base_url, below, error::Voice},
};

/// The server that wants a key in any case.
const OPENAI_HOST: &str = "api.openai.com";

/// Most bytes of an error's body that are read; the rest could only be padding.
const LARGEST_ERROR: usize = 64 * 1024;

/// How errors speak of a server and of what goes there and back.
pub(crate) struct Words {
    /// How errors of setting up call it.
    pub(crate) name: &'static str,
    /// What the server is.
    pub(crate) server: &'static str,
    /// Its section of the configuration.
    pub(crate) section: &'static str,
    /// What is sent.
    pub(crate) sent: &'static str,
    /// What to do when that is too large.
    pub(crate) too_large: &'static str,
    /// What comes back.
    pub(crate) answer: &'static str,
    /// A server that sends such a thing.
    pub(crate) compatible: &'static str,
}

/// Where to ask, as a table says it.
pub(crate) struct Place<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) path: &'a [&'a str],
    pub(crate) model: &'a str,
    /// For the whole exchange.
    pub(crate) seconds: u64,
    /// What kind of answer is wanted.
    pub(crate) accept: &'static str,
}

/// Where questions of one kind are asked.
pub(crate) struct Desk {
    words: &'static Words,
    url: Url,
    headers: HeaderMap,
    voice: Voice,
    /// Made at the first call: a process that never asks does not pay for it.
    client: OnceLock<Client>,
}

/// An answer with a good status.
pub(crate) struct Answer {
    /// Its media type, in lower case, without parameters.
    #[cfg(feature = "speech")]
    pub(crate) mime: String,
    /// All of it.
    pub(crate) body: Vec<u8>,
}

impl Desk {
    /// A desk with its resolved key, if it has one. `wrong` is what the table's other values suffer from.
    ///
    /// # Errors
    /// When the URL, the key, or a value cannot be used.
    pub(crate) fn new(
        words: &'static Words,
        place: &Place<'_>,
        wrong: Option<(&'static str, String)>,
        key: Option<SecretString>,
    ) -> Result<Self, ProviderSetupError> {
        let error = |key, message| ProviderSetupError::Value { name: words.name.into(), key, message };
        let base = base_url(place.base_url).map_err(|message| error("base_url", message))?;
        if let Some((key, message)) = wrong {
            return Err(error(key, message));
        }
        let mut headers = HeaderMap::new();
        let mut secrets = Vec::new();
        // A key that is read from a file ends in a line feed.
        if let Some(key) = key.as_ref().map(|key| key.expose_secret().trim()).filter(|key| !key.is_empty()) {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| error("api_key", "the key holds characters that no key has".into()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            secrets.push(SecretString::from(key.to_owned()));
        }
        headers.insert(ACCEPT, HeaderValue::from_static(place.accept));
        secrets.extend(key);
        secrets.extend(base.password().map(|password| SecretString::from(password.to_owned())));
        let url = below(&base, place.path);
        let voice = Voice {
            provider: words.name.into(),
            model: place.model.chars().take(100).collect(),
            server: http_client::endpoint(&url),
            secrets,
            total: Duration::from_secs(place.seconds),
        };
        Ok(Self { words, url, headers, voice, client: OnceLock::new() })
    }

    /// Host and port.
    pub(crate) fn server(&self) -> &str {
        &self.voice.server
    }

    /// Sends what `write` makes of a request, and returns an answer of at most `most` bytes.
    pub(crate) async fn ask(
        &self,
        write: impl FnOnce(RequestBuilder) -> RequestBuilder,
        most: usize,
    ) -> Result<Answer, ModelError> {
        let client = self.client()?;
        let call = client.request(Method::POST, &self.url).map_err(|error| self.transport(&error))?;
        let call = write(call.headers(self.headers.clone()));
        let asked = tokio::time::timeout(self.voice.total, self.exchange(client, call, most)).await;
        asked.unwrap_or_else(|_| Err(self.late()))
    }

    async fn exchange(
        &self,
        client: &Client,
        call: RequestBuilder,
        most: usize,
    ) -> Result<Answer, ModelError> {
        let broken = |error| self.transport(&error);
        let mut response = client.send(call).await.map_err(broken)?;
        let status = response.status();
        if !status.is_success() {
            // The status says enough when the rest of the answer does not come.
            let body = read(client, &mut response, LARGEST_ERROR).await;
            let body = body.map(|(body, _)| body).unwrap_or_default();
            return Err(self.status(status, response.headers(), &body));
        }
        let (body, whole) = read(client, &mut response, most).await.map_err(broken)?;
        if !whole {
            return Err(self.nonsense());
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let mime = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if mime.contains("html") {
            return Err(self.nonsense());
        }
        Ok(Answer {
            #[cfg(feature = "speech")]
            mime,
            body,
        })
    }

    fn client(&self) -> Result<&Client, ModelError> {
        let Words { server, section, .. } = self.words;
        if self.url.host_str() == Some(OPENAI_HOST) && !self.headers.contains_key(AUTHORIZATION) {
            let text = format!("the {server} has no key; set api_key in [{section}]");
            return Err(ModelError::new(Kind::NotConfigured, text));
        }
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // The whole exchange has one limit, kept here, where its error can say which key to change.
        let policy = Policy { total_timeout: None, idle_timeout: None, ..Policy::default() };
        let built = http_client::build(&policy).map_err(|error| {
            ModelError::new(Kind::NotConfigured, format!("the {server} cannot be asked: {error}"))
        })?;
        // Two calls may both come here at the start; one client is then thrown away.
        Ok(self.client.get_or_init(|| built))
    }
}

/// As much of the body as an answer may have, and whether that is all of it.
async fn read(
    client: &Client,
    response: &mut Response,
    most: usize,
) -> Result<(Vec<u8>, bool), TransportError> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| client.explain(error))? {
        let room = most - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}
