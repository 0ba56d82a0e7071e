//! Calls of the Web API, and bytes from and to Slack's file servers.

use std::time::Duration;

use agent_core::ChannelSetupError;
use bytes::{Bytes, BytesMut};
use http_client::{
    Client, Method, Policy, RequestBuilder, Response, TransportError, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{config::SlackConfig, error::SlackError};

/// The longest that a call may take, its answer included.
const CALL: Duration = Duration::from_secs(20);

/// The longest that a file may take, either way. A download has a far shorter budget of its own.
const TRANSFER: Duration = Duration::from_secs(180);

/// Most bytes of an answer that are read.
const LARGEST_ANSWER: u64 = 4 << 20;

/// What to wait when Slack asks for a wait and does not say how long.
const USUAL_WAIT: Duration = Duration::from_secs(30);

/// The longest wait that Slack is believed in.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Most redirects on the way to a file.
const HOPS: usize = 3;

/// The Web API under one bot's token.
#[derive(Debug)]
pub(super) struct Api {
    calls: Client,
    transfers: Client,
    base: Url,
    bot: SecretString,
    app: Option<SecretString>,
}

/// A file that did not come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is larger than what is taken in.
    TooLarge,
    /// Slack showed its login page instead.
    LoginPage,
    /// It is not on a host of Slack's, where the token may go.
    Elsewhere,
    /// Anything else, for people.
    Failed(String),
}

/// What is known of a file before it is fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) mime: &'a str,
    pub(super) size: Option<u64>,
    /// Most bytes that are taken.
    pub(super) most: u64,
}

impl Api {
    pub(super) fn new(config: &SlackConfig) -> Result<Self, ChannelSetupError> {
        let client = |total| {
            http_client::build(&Policy { total_timeout: Some(total), ..Policy::default() })
                .map_err(|error| ChannelSetupError { key: "api_url".into(), message: error.to_string() })
        };
        Ok(Self {
            calls: client(CALL)?,
            transfers: client(TRANSFER)?,
            base: config.api_url.clone(),
            bot: config.bot_token.clone(),
            app: config.app_token.clone(),
        })
    }

    /// A call with JSON arguments.
    pub(super) async fn post(&self, method: &'static str, arguments: &Value) -> Result<Value, SlackError> {
        let url = self.url(method);
        let request = self.begin(&self.calls, Method::POST, &url, method)?;
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let request = request
            .header(AUTHORIZATION, bearer(&self.bot))
            .header(CONTENT_TYPE, json)
            .body(arguments.to_string());
        self.answer(method, request).await
    }

    /// A call of a method that takes no JSON.
    pub(super) async fn get(
        &self,
        method: &'static str,
        arguments: &[(&str, &str)],
    ) -> Result<Value, SlackError> {
        let mut url = self.url(method);
        url.query_pairs_mut().extend_pairs(arguments);
        let request = self.begin(&self.calls, Method::GET, &url, method)?;
        self.answer(method, request.header(AUTHORIZATION, bearer(&self.bot))).await
    }

    /// The address of a new socket; it works once.
    pub(super) async fn open_socket(&self) -> Result<String, SlackError> {
        let method = "apps.connections.open";
        let request = self.begin(&self.calls, Method::POST, &self.url(method), method)?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let token = self.app.as_ref().unwrap_or(&self.bot);
        let request = request.header(AUTHORIZATION, bearer(token)).header(CONTENT_TYPE, form);
        let answer = self.answer(method, request).await?;
        answer["url"].as_str().map(str::to_owned).ok_or(SlackError::Nonsense { method })
    }

    /// Puts bytes where an upload wants them. The address is a secret of its own, and no token goes with it.
    pub(super) async fn upload(&self, address: &str, bytes: Bytes) -> Result<(), SlackError> {
        let method = "file upload";
        let url = http_client::parse_url(address).map_err(|_| SlackError::Nonsense { method })?;
        let request = self.begin(&self.transfers, Method::POST, &url, method)?;
        let kind = HeaderValue::from_static("application/octet-stream");
        let sent = self.transfers.send(request.header(CONTENT_TYPE, kind).body(bytes)).await;
        let response = sent.map_err(|source| SlackError::Transport { method, source })?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            429 => Err(SlackError::Limited { method, after: wait(&response) }),
            status => Err(SlackError::Status { method, status }),
        }
    }

    /// The bytes of a private file.
    pub(super) async fn download(&self, address: &str, expected: Expected<'_>) -> Result<Bytes, Missing> {
        let mut url = http_client::parse_url(address).map_err(|_| Missing::Elsewhere)?;
        for _ in 0..=HOPS {
            if !self.trusts(&url) {
                return Err(Missing::Elsewhere);
            }
            let failed = |error: TransportError| Missing::Failed(error.to_string());
            let request = self.transfers.request(Method::GET, &url).map_err(failed)?;
            let sent = self.transfers.send(request.header(AUTHORIZATION, bearer(&self.bot))).await;
            let response = sent.map_err(failed)?;
            if response.status().is_redirection() {
                let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                let next = to.and_then(|to| url.join(to).ok());
                url = next.ok_or_else(|| Missing::Failed("Slack redirected to nowhere".into()))?;
                continue;
            }
            return self.file(response, expected).await;
        }
        Err(Missing::Failed("Slack redirected too often".into()))
    }

    async fn file(&self, response: Response, expected: Expected<'_>) -> Result<Bytes, Missing> {
        let status = response.status().as_u16();
        if status != 200 {
            return Err(Missing::Failed(format!("Slack answered with HTTP status {status}")));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let page = kind.starts_with("text/html");
        let bytes = match read(&self.transfers, response, expected.most).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) if page && expected.mime != "text/html" => return Err(Missing::LoginPage),
            Ok(None) => return Err(Missing::TooLarge),
            Err(error) => return Err(Missing::Failed(error.to_string())),
        };
        // A file that is HTML itself is told from the login page by its size.
        let whole = expected.size == Some(bytes.len() as u64);
        let html = page || begins_as_html(&bytes);
        if html && !(expected.mime == "text/html" && whole) {
            return Err(Missing::LoginPage);
        }
        Ok(bytes)
    }

    /// Whether the token may go there: to the configured server, and over TLS to Slack's own hosts and those below the
    /// configured one.
    fn trusts(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or("");
        let below =
            |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.'));
        let known = below("slack.com") || self.base.host_str().is_some_and(below);
        url.origin() == self.base.origin() || url.scheme() == "https" && known
    }

    /// Whether the API itself is spoken to without TLS, as on this machine; then sockets may be as well.
    pub(super) fn plain(&self) -> bool {
        self.base.scheme() == "http"
    }

    fn url(&self, method: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", method]);
        }
        url
    }

    fn begin(
        &self,
        client: &Client,
        verb: Method,
        url: &Url,
        method: &'static str,
    ) -> Result<RequestBuilder, SlackError> {
        client.request(verb, url).map_err(|source| SlackError::Transport { method, source })
    }

    async fn answer(&self, method: &'static str, request: RequestBuilder) -> Result<Value, SlackError> {
        let transport = |source| SlackError::Transport { method, source };
        let response = self.calls.send(request).await.map_err(transport)?;
        match response.status().as_u16() {
            200 => {}
            429 => return Err(SlackError::Limited { method, after: wait(&response) }),
            status => return Err(SlackError::Status { method, status }),
        }
        let body = read(&self.calls, response, LARGEST_ANSWER).await.map_err(transport)?;
        let nonsense = || SlackError::Nonsense { method };
        let answer: Value = serde_json::from_slice(&body.ok_or_else(nonsense)?).map_err(|_| nonsense())?;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer),
            Some(false) => Err(SlackError::Refused {
                method,
                error: answer["error"].as_str().unwrap_or_default().to_owned(),
                needed: answer["needed"].as_str().map(str::to_owned),
            }),
            None => Err(nonsense()),
        }
    }
}

/// The header's value; a token that no header can hold becomes an empty one, which Slack refuses.
fn bearer(token: &SecretString) -> HeaderValue {
    let text = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

fn wait(response: &Response) -> Duration {
    let seconds =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(USUAL_WAIT, Duration::from_secs).min(LONGEST_WAIT)
}

/// The whole body, or `None` when it is larger than `most` bytes.
async fn read(client: &Client, mut response: Response, most: u64) -> Result<Option<Bytes>, TransportError> {
    let fits = |length: usize| length as u64 <= most;
    if response.content_length().is_some_and(|length| length > most) {
        return Ok(None);
    }
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|error| client.explain(error))? {
        if !fits(body.len() + piece.len()) {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body.freeze()))
}

fn begins_as_html(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let head = start[..start.len().min(14)].to_ascii_lowercase();
    head.starts_with(b"<!doctype html") || head.starts_with(b"<html")
}

#[cfg(test)]
mod tests {
    use super::Api;
    use crate::slack::config::SlackConfig;
    use serde_json::json;

    #[test]
    fn the_token_goes_to_slack_alone() {
        for (api_url, file, trusted) in [
            ("https://slack.com", "https://files.slack.com/files-pri/T1-F1/a.png", true),
            ("https://slack.com", "https://slack.com/a", true),
            ("https://slack.com", "http://files.slack.com/a", false),
            ("https://slack.com", "https://evilslack.com/a", false),
            ("https://slack.com", "https://slack.com.evil.example/a", false),
            ("https://slack.com", "https://slack.com@evil.example/a", false),
            ("https://slack-gov.com", "https://files.slack-gov.com/a", true),
            ("https://slack-gov.com", "https://files.slack.com/a", true),
            ("http://127.0.0.1:81", "http://127.0.0.1:81/files-pri/F1", true),
            ("http://127.0.0.1:81", "http://127.0.0.1:82/files-pri/F1", false),
        ] {
            let table = json!({"bot_token": "xoxb-1", "app_token": "xapp-1", "api_url": api_url});
            let api = Api::new(&SlackConfig::read(table).unwrap()).unwrap();
            let url = http_client::parse_url(file).unwrap();
            assert_eq!(api.trusts(&url), trusted, "{file} with {api_url}");
        }
    }
}
