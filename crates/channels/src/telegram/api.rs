//! Calls of the Bot API.
//!
//! Names and parameters of the methods are teloxide-core's types; the exchange itself is ours, since teloxide's sleeps
//! ten seconds inside every call that got a 5xx, parses answers more strictly than they need to be, and puts the URL,
//! in which the token stands, into its errors.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_client::{
    Client, Method, Policy, RequestBuilder, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use teloxide_core::requests::Payload;

use super::{
    error::{CallError, Refusal},
    multipart::Form,
};

/// How long an ordinary call may take.
const CALL_TIME: Duration = Duration::from_secs(30);

/// How long a call that carries a file may take.
const UPLOAD_TIME: Duration = Duration::from_secs(300);

/// How long the download of one file may take.
const DOWNLOAD_TIME: Duration = Duration::from_secs(180);

/// Most bytes of an answer: a hundred updates of the largest kind stay far below.
const LARGEST_ANSWER: usize = 16 << 20;

/// One connection pool to the Bot API.
pub(super) struct Api {
    client: Client,
    base: Url,
    token: SecretString,
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Envelope<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// A download that brought no file.
#[derive(Debug)]
pub(super) enum DownloadError {
    /// It is larger than allowed.
    TooLarge,
    /// Anything else, for the log.
    Failed(String),
}

impl Api {
    /// A pool of its own. Polls get another one than sends, so that a half-open connection there holds up no send.
    pub(super) fn new(base: &Url, token: &SecretString) -> Result<Self, http_client::HttpError> {
        // No limit on silence: each call has its own limit on everything, and an upload is silent for long.
        let policy = Policy { idle_timeout: None, ..Policy::default() };
        Ok(Self { client: http_client::build(&policy)?, base: base.clone(), token: token.clone() })
    }

    /// Makes a call.
    pub(super) async fn call<T: DeserializeOwned, P: Payload + Serialize>(
        &self,
        payload: &P,
    ) -> Result<T, CallError> {
        self.call_within(payload, CALL_TIME).await
    }

    /// Makes a call that may take so long.
    pub(super) async fn call_within<T: DeserializeOwned, P: Payload + Serialize>(
        &self,
        payload: &P,
        time: Duration,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(payload).map_err(|_| CallError::Garbage { status: 0 })?;
        let request =
            self.request(P::NAME)?.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.exchange(request.body(body).timeout(time)).await
    }

    /// Makes a call that carries a file.
    pub(super) async fn upload<T: DeserializeOwned>(&self, method: &str, form: Form) -> Result<T, CallError> {
        let (kind, body) = form.finish();
        let request = self.request(method)?.header(CONTENT_TYPE, kind).body(body);
        self.exchange(request.timeout(UPLOAD_TIME)).await
    }

    fn request(&self, method: &str) -> Result<RequestBuilder, CallError> {
        // teloxide's names begin with a capital; the real server does not mind, other implementations might.
        let mut letters = method.chars();
        let first = letters.next().map(|c| c.to_ascii_lowercase());
        let method: String = first.into_iter().chain(letters).collect();
        let url = self.url(None, [method.as_str()]);
        self.client.request(Method::POST, &url).map_err(CallError::Transport)
    }

    /// `BASE/botTOKEN/…`, with `before` in front of the bot. A secret, since the token stands in it.
    fn url<'a>(&self, before: Option<&str>, rest: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        // Only URLs without a host have no path; the configuration takes none of those.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(before);
            path.push(&format!("bot{}", self.token.expose_secret())).extend(rest);
        }
        url
    }

    async fn exchange<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        let mut response = self.client.send(request).await.map_err(CallError::Transport)?;
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| CallError::Transport(self.client.explain(error)))?
        {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(CallError::Garbage { status });
            }
            body.extend_from_slice(&chunk);
        }
        read(status, &body)
    }

    /// Downloads a file by the path that `getFile` gave, but no more than `limit` bytes.
    pub(super) async fn download(&self, path: &str, limit: u64) -> Result<Bytes, DownloadError> {
        let url = self.url(Some("file"), path.split('/'));
        let failed = |error: http_client::TransportError| DownloadError::Failed(error.to_string());
        let request = self.client.request(Method::GET, &url).map_err(failed)?.timeout(DOWNLOAD_TIME);
        let mut response = self.client.send(request).await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(DownloadError::Failed(format!("HTTP {}", response.status().as_u16())));
        }
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(DownloadError::TooLarge);
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(self.client.explain(error)))? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(DownloadError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

/// Reads an answer. The status alone decides nothing: the API repeats it inside.
fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, CallError> {
    let garbage = || CallError::Garbage { status };
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| garbage())?;
    if envelope.ok {
        let result = envelope.result.ok_or_else(garbage)?;
        return serde_json::from_str(result.get()).map_err(|_| garbage());
    }
    let refusal: Refusal = serde_json::from_slice(body).map_err(|_| garbage())?;
    Err(CallError::Refused(refusal.with_status(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stands_in_the_path_and_a_prefix_is_kept() {
        for (base, call, file) in [
            ("https://a.b", "https://a.b/bot1:x/getMe", "https://a.b/file/bot1:x/p/f%3F.jpg"),
            ("https://a.b/tg/", "https://a.b/tg/bot1:x/getMe", "https://a.b/tg/file/bot1:x/p/f%3F.jpg"),
        ] {
            let base = http_client::parse_url(base).unwrap();
            let api = Api::new(&base, &SecretString::from("1:x".to_owned())).unwrap();
            assert_eq!(api.url(None, ["getMe"]).as_str(), call);
            assert_eq!(api.url(Some("file"), "p/f?.jpg".split('/')).as_str(), file);
        }
    }

    #[test]
    fn an_answer_is_a_result_a_refusal_or_garbage() {
        assert!(matches!(read::<bool>(200, br#"{"ok":true,"result":true}"#), Ok(true)));
        let refused = read::<bool>(200, br#"{"ok":false,"error_code":429,"description":"x"}"#);
        assert!(matches!(refused, Err(CallError::Refused(_))));
        for body in ["<html>", r#"{"ok":true,"result":tr"#, r#"{"ok":true}"#, r#"{"ok":true,"result":5}"#, ""]
        {
            assert!(
                matches!(read::<bool>(502, body.as_bytes()), Err(CallError::Garbage { status: 502 })),
                "{body}"
            );
        }
    }
}
