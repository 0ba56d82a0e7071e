//! Delivery to a webhook: one update at a time, again and again until the bot takes it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bell::Bell;

/// The pause after a first refusal; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the bot may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where updates are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
}

/// One delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookAttempt {
    /// Which update.
    pub update_id: i64,
    /// What the bot answered; `None` where no answer came.
    pub status: Option<u16>,
}

/// Delivers for as long as the fake lives.
pub(super) async fn deliver(bell: Arc<Bell>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let (id, update, hook) = bell
            .until(|state| {
                let first = state.queue.front()?;
                Some((first.id, first.update.clone(), state.webhook.clone()?))
            })
            .await;
        let sent = tokio::time::timeout(PATIENCE, post(&hook.url, hook.secret.as_deref(), &update)).await;
        let status = sent.ok().and_then(Result::ok);
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        bell.change(|state| {
            state.hook_attempts.push(HookAttempt { update_id: id, status });
            if taken && state.queue.front().is_some_and(|first| first.id == id) {
                state.queue.pop_front();
                state.acknowledged.push(id);
            }
        });
        if taken {
            pause = FIRST_PAUSE;
        } else {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Posts one update over a connection of its own; gives the status of the answer.
pub(super) async fn post(url: &str, secret: Option<&str>, update: &Value) -> io::Result<u16> {
    let wrong = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text.to_owned());
    let rest = url.strip_prefix("http://").ok_or_else(|| wrong("the fake delivers to http:// only"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let body = update.to_string();
    let secret =
        secret.map_or_else(String::new, |text| format!("X-Telegram-Bot-Api-Secret-Token: {text}\r\n"));
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{secret}Connection: close\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    // Only the status counts; 64 kB are more than a bot's answer has.
    stream.take(64 << 10).read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| wrong("no HTTP answer"))
}
