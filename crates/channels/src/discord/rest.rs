//! Calls of the REST API.
//!
//! serenity's own HTTP client is not used for them: its errors lose how long a 429 asks to wait, it knows no time limit
//! and no limit of size. What comes back is read with serenity's types all the same.

use std::{sync::Arc, time::Duration};

use agent_core::ChannelSetupError;
use bytes::Bytes;
use http_client::{Client, Method, Policy, Response, Url, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use session_api::Clock;

use super::{
    config::DiscordConfig,
    error::Failure,
    limits::{Limits, seconds},
};

/// Most bytes of an answer: a hundred messages with all their embeds fit many times.
const MOST: usize = 16 << 20;

/// A wait that is foreseen, and not longer than this, is waited for on the spot.
const SHORT: Duration = Duration::from_secs(3);

/// What stands between the parts of a body with files. Random enough, and never part of a JSON text.
const BOUNDARY: &str = "factotum-b1c6a7d2e9f04c55";

/// A file to be sent.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
}

/// The REST API with the bot's token.
pub(super) struct Rest {
    client: Client,
    base: Url,
    token: header::HeaderValue,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Rest {
    pub(super) fn new(config: &DiscordConfig, clock: Arc<dyn Clock>) -> Result<Self, ChannelSetupError> {
        let wrong = |key: &str, message: String| ChannelSetupError { key: key.into(), message };
        let limit = Duration::from_secs(config.request_timeout_seconds);
        let client = http_client::build(&Policy {
            total_timeout: Some(limit),
            idle_timeout: Some(limit),
            // Discord turns other user agents away.
            user_agent: concat!("DiscordBot (factotum, ", env!("CARGO_PKG_VERSION"), ")").into(),
            ..Policy::default()
        })
        .map_err(|error| wrong("", error.to_string()))?;
        let token = format!("Bot {}", config.token.expose_secret());
        let mut token = header::HeaderValue::from_str(&token)
            .map_err(|_| wrong("token", "it holds characters that no Discord token has".into()))?;
        token.set_sensitive(true);
        Ok(Self { client, base: config.base()?, token, limits: Limits::default(), clock })
    }

    /// Reads something.
    pub(super) async fn get(&self, route: &str, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, route, path, None, None).await
    }

    /// Calls `path` (behind `/api/v10`). `route` names what shares a limit: the kind of call and its channel. The
    /// answer's JSON, or null where there is none.
    pub(super) async fn call(
        &self,
        method: Method,
        route: &str,
        path: &str,
        body: Option<&Value>,
        file: Option<&Upload>,
    ) -> Result<Value, Failure> {
        let bucket = format!("{method} {route}");
        if let Some(wait) = self.limits.wait(&bucket, self.clock.monotonic()) {
            if wait > SHORT {
                return Err(Failure::Limited { after: wait });
            }
            self.clock.sleep(wait).await;
        }
        let unsent = |message: &str| Failure::Unsent { message: message.to_owned() };
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}/api/v10{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        let mut request =
            self.client.request(method, &url)?.header(header::AUTHORIZATION, self.token.clone());
        request = match (body, file) {
            (Some(body), Some(file)) => request
                .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
                .body(multipart(body, file)),
            (Some(body), None) => {
                let text = serde_json::to_vec(body).map_err(|_| unsent("the call cannot be written"))?;
                request.header(header::CONTENT_TYPE, "application/json").body(text)
            }
            (None, _) => request.header(header::CONTENT_LENGTH, 0),
        };
        let response = self.client.send(request).await?;
        self.answer(&bucket, response).await
    }

    async fn answer(&self, bucket: &str, response: Response) -> Result<Value, Failure> {
        let status = response.status();
        let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<f64>().ok();
        let global = response.headers().contains_key("x-ratelimit-global");
        let retry = number("retry-after");
        if let (Some(left), Some(reset)) =
            (number("x-ratelimit-remaining"), number("x-ratelimit-reset-after"))
            && left < 1.0
        {
            self.limits.close(bucket, self.clock.monotonic(), seconds(reset));
        }
        let body = match read(&self.client, response, MOST).await {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            // The status alone decides then.
            Err(_) if !status.is_success() => Value::Null,
            // The head had come, so the call had arrived.
            Err(Unread::TooLarge) => {
                return Err(Failure::Lost {
                    message: format!("Discord's answer is larger than {MOST} bytes"),
                });
            }
            Err(Unread::Broken(why)) => {
                return Err(Failure::Lost { message: format!("Discord's answer broke off: {why}") });
            }
        };
        if status.is_success() {
            return Ok(body);
        }
        if status.as_u16() == 429 {
            let after = seconds(body["retry_after"].as_f64().or(retry).unwrap_or(5.0));
            let now = self.clock.monotonic();
            if global || body["global"] == true {
                self.limits.close_all(now, after);
            } else {
                self.limits.close(bucket, now, after);
            }
            return Err(Failure::Limited { after });
        }
        let message: String = body["message"].as_str().unwrap_or_default().chars().take(200).collect();
        Err(Failure::Refused { status: status.as_u16(), code: body["code"].as_u64().unwrap_or(0), message })
    }
}

/// A body that was not read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    /// It has more bytes than allowed.
    TooLarge,
    /// It broke off, for this reason.
    Broken(String),
}

/// Reads a whole answer of at most so many bytes.
pub(super) async fn read(client: &Client, mut response: Response, most: usize) -> Result<Bytes, Unread> {
    let mut all = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(all.into()),
            Ok(Some(piece)) if all.len() + piece.len() > most => return Err(Unread::TooLarge),
            Ok(Some(piece)) => all.extend_from_slice(&piece),
            Err(error) => return Err(Unread::Broken(client.explain(error).message)),
        }
    }
}

fn multipart(body: &Value, file: &Upload) -> Vec<u8> {
    // Names come through `safe_name`, which leaves no quote; a line end in a media type would be a header of its own.
    let mime: String = file.mime.chars().filter(char::is_ascii_graphic).collect();
    let mut out = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\
         Content-Type: application/json\r\n\r\n{body}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"{}\"\r\n\
         Content-Type: {mime}\r\n\r\n",
        agent_core::safe_name(&file.name)
    )
    .into_bytes();
    out.extend_from_slice(&file.bytes);
    out.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    out
}
