//! One request and its reply: what is the same in all wire formats over HTTP.
//!
//! A [`Server`] is an address with a key and time limits; it sends a body and reads the reply through an
//! [`Assembler`](stream::Assembler), which is all that knows the format. `error` finds words for what goes wrong,
//! `stream` keeps the limits of time and size, `parts` writes pieces of a conversation that several formats share.

pub(crate) mod clients;
pub(crate) mod error;
pub(crate) mod extra;
pub(crate) mod parts;
pub(crate) mod read;
#[cfg(test)]
pub(crate) mod rehearsal;
mod send;
pub(crate) mod stream;

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use agent_core::{ModelError, ModelErrorKind};
use http_client::{
    Client, Policy, Proxy, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

pub(crate) use send::Letter;

use self::{clients::Clients, error::Voice, stream::Limits};
use crate::ProviderSetupError;

/// What the tables of all kinds say about the way to their server.
pub(crate) struct Line<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) idle_timeout_seconds: u64,
    pub(crate) total_timeout_seconds: u64,
    pub(crate) connect_timeout_seconds: u64,
    pub(crate) proxy: Option<&'a str>,
    /// The header that carries the key, in lower case; in `authorization` it stands behind `Bearer`.
    pub(crate) key_header: &'a str,
    /// Whether the server refuses every request without a key, so that none needs to be sent.
    pub(crate) needs_key: bool,
}

/// A server as one table describes it.
pub(crate) struct Server {
    /// The provider's name in the configuration.
    name: String,
    base: Url,
    headers: HeaderMap,
    /// A key is needed and there is none.
    locked: bool,
    secrets: Vec<SecretString>,
    policy: Policy,
    idle: Duration,
    total: Duration,
    clients: Clients,
    /// Made at the first call: a process that never calls a model does not pay for it.
    client: OnceLock<Client>,
}

impl Server {
    /// The server of the provider `name` with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, a header, the key or a time limit cannot be used.
    pub(crate) fn new(
        name: &str,
        line: &Line<'_>,
        key: Option<SecretString>,
    ) -> Result<Self, ProviderSetupError> {
        let wrong = |key: &'static str, message: String| ProviderSetupError::Value {
            name: name.to_owned(),
            key,
            message,
        };
        let base = base_url(line.base_url).map_err(|message| wrong("base_url", message))?;
        for (key, seconds) in [
            ("idle_timeout_seconds", line.idle_timeout_seconds),
            ("total_timeout_seconds", line.total_timeout_seconds),
            ("connect_timeout_seconds", line.connect_timeout_seconds),
        ] {
            // A day: more is a slip of the pen, and tokio's clock ends somewhere.
            if !(1..=86_400).contains(&seconds) {
                return Err(wrong(key, format!("`{key}` must be between 1 and 86400 seconds")));
            }
        }
        let mut secrets: Vec<SecretString> = Vec::new();
        let headers =
            headers(line, key.as_ref(), &mut secrets).map_err(|(key, message)| wrong(key, message))?;
        // With the white space around it, which a server may repeat too.
        secrets.extend(key);
        secrets.extend(base.password().map(|password| SecretString::from(password.to_owned())));
        let policy = Policy {
            connect_timeout: Duration::from_secs(line.connect_timeout_seconds),
            // Both are kept here instead, where their errors can say which key to change.
            total_timeout: None,
            idle_timeout: None,
            proxy: match line.proxy {
                None => Proxy::None,
                Some("system") => Proxy::System,
                Some(url) => Proxy::Explicit(url.to_owned()),
            },
            ..Policy::default()
        };
        let open = headers.contains_key(line.key_header) || headers.contains_key(AUTHORIZATION);
        Ok(Self {
            name: name.to_owned(),
            locked: line.needs_key && !open,
            base,
            headers,
            secrets,
            policy,
            idle: Duration::from_secs(line.idle_timeout_seconds),
            total: Duration::from_secs(line.total_timeout_seconds),
            clients: Clients::default(),
            client: OnceLock::new(),
        })
    }

    /// Takes its client from these.
    pub(crate) fn share(&mut self, clients: &Clients) {
        self.clients = clients.clone();
        self.client = OnceLock::new();
    }

    /// The URL below the base URL; a query stays where it is.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        below(&self.base, segments)
    }

    /// Whether the base URL's path ends in this segment.
    #[cfg(feature = "anthropic")]
    pub(crate) fn ends_in(&self, segment: &str) -> bool {
        let path = self.base.path().trim_end_matches('/');
        path.rsplit('/').next() == Some(segment)
    }

    /// Host and port.
    pub(crate) fn endpoint(&self) -> String {
        http_client::endpoint(&self.base)
    }

    /// Adds a header to every request unless the table has set it.
    pub(crate) fn usual_header(&mut self, name: &'static str, value: &'static str) {
        self.headers.entry(HeaderName::from_static(name)).or_insert_with(|| HeaderValue::from_static(value));
    }

    /// The body of a request.
    ///
    /// # Errors
    /// When it cannot be written, which no conversation that came from JSON brings about.
    pub(crate) fn body(&self, body: &impl serde::Serialize) -> Result<Vec<u8>, ModelError> {
        serde_json::to_vec(body).map_err(|error| {
            let text = format!("the request to provider `{}` cannot be written: {error}", self.name);
            ModelError::new(ModelErrorKind::BadRequest, text)
        })
    }

    fn client(&self) -> Result<&Client, ModelError> {
        let name = &self.name;
        if self.locked {
            let variable = error::key_variable(name);
            let text =
                format!("provider `{name}` has no key; set api_key in [providers.{name}] or {variable}");
            return Err(ModelError::new(ModelErrorKind::NotConfigured, text));
        }
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = self.clients.of(&self.policy).map_err(|error| {
            let text = format!("provider `{name}` cannot be set up: {error}");
            ModelError::new(ModelErrorKind::NotConfigured, text)
        })?;
        // Two calls may both come here at the start; one client is then thrown away.
        Ok(self.client.get_or_init(|| built))
    }

    fn voice(&self, model: &str) -> Voice {
        Voice {
            provider: self.name.clone(),
            model: model.chars().take(100).collect(),
            server: self.endpoint(),
            secrets: self.secrets.clone(),
            total: self.total,
        }
    }

    fn limits(&self) -> Limits {
        Limits { idle: self.idle, total: Box::pin(tokio::time::sleep(self.total)) }
    }
}

/// Judges a base URL. Neither text nor error repeats it: it may hold a password.
pub(crate) fn base_url(text: &str) -> Result<Url, String> {
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

/// A base URL as it may be shown: without credentials and query.
pub(crate) fn shown(base_url: &str) -> String {
    http_client::parse_url(base_url).map_or_else(|_| "not a URL".into(), |url| http_client::redact_url(&url))
}

/// The headers of every request. What stands in them is added to `secrets`.
fn headers(
    line: &Line<'_>,
    key: Option<&SecretString>,
    secrets: &mut Vec<SecretString>,
) -> Result<HeaderMap, (&'static str, String)> {
    let mut headers = HeaderMap::new();
    // A key that is read from a file ends in a line feed.
    if let Some(key) = key.map(|key| key.expose_secret().trim()).filter(|key| !key.is_empty()) {
        let header = HeaderName::from_bytes(line.key_header.as_bytes())
            .map_err(|_| ("key_header", "`key_header` is not a header that HTTP allows".to_owned()))?;
        let text = if header == AUTHORIZATION { format!("Bearer {key}") } else { key.to_owned() };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| ("api_key", "the key holds characters that no key has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(header, value);
        secrets.push(SecretString::from(key.to_owned()));
    }
    for (name, text) in line.headers {
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
