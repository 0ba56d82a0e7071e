//! Kind `slack`: Slack's Socket Mode and Events API in, its Web API out. For people: `docs/channels/slack.md`.
//!
//! `wire` makes calls, `socket` and `hook` are the two ways in, `inbound` and `text` read what comes, `files` fetches
//! what comes with it, `outbound` sends, `markup` and `blocks` say how it looks, and `error` says what a refusal means.

mod blocks;
mod config;
mod error;
mod files;
mod hook;
mod inbound;
mod markup;
mod outbound;
mod socket;
mod text;
mod wire;

#[cfg(test)]
mod inbound_tests;
#[cfg(test)]
mod markup_tests;

use std::{sync::Arc, time::Duration};

use agent_core::{
    Account, Arrival, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelKind,
    ChannelSetupError, HookRequest, HookResponse, Inlet, Reconciled, Sent, TextUnit,
};
use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::json;
use session_api::{BlobStore, Clock, PartClaim, Route, StoreError};
use tokio_util::sync::CancellationToken;

use self::{
    config::SlackConfig,
    error::{Effect, SlackError},
    inbound::{Reader, Seen},
    wire::Api,
};

/// The kind, for the table of kinds.
pub(crate) const KIND: ChannelKind = ChannelKind {
    name: "slack",
    summary: "Slack: direct messages, channels and threads, over Socket Mode or the Events API",
    pairing: true,
    build,
};

/// Most characters of markdown in one part. Slack edits texts of up to 4000; longer ones go as blocks.
const TEXT_LIMIT: usize = 3900;

/// Most bytes of a file that is sent.
const MEDIA_LIMIT: u64 = 50 << 20;

fn build(table: serde_json::Value, deps: &ChannelDeps) -> Result<Arc<dyn Channel>, ChannelSetupError> {
    let config = SlackConfig::read(table)?;
    Ok(Arc::new(SlackChannel {
        api: Api::new(&config)?,
        reply_in_thread: config.reply_in_thread,
        socket_mode: config.app_token.is_some(),
        signing_secret: config.signing_secret,
        blobs: Arc::clone(&deps.blobs),
        clock: Arc::clone(&deps.clock),
    }))
}

/// One bot in one workspace.
struct SlackChannel {
    api: Api,
    reply_in_thread: bool,
    socket_mode: bool,
    signing_secret: Option<SecretString>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Channel for SlackChannel {
    fn kind(&self) -> &str {
        KIND.name
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: TEXT_LIMIT,
            unit: TextUnit::Chars,
            // `chat.update` takes about fifty calls a minute.
            edits: Some(Duration::from_millis(1200)),
            working: Some(Duration::from_secs(30)),
            buttons: true,
            threads: true,
            media: Some(MEDIA_LIMIT),
            idempotent_sends: false,
        }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        let method = "auth.test";
        let answer =
            self.api.post(method, &json!({})).await.map_err(|error| error.for_port(Effect::Repeatable))?;
        let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty());
        // An app of a whole organization has no team.
        let home = text("team_id").or(text("enterprise_id"));
        let (Some(home), Some(user)) = (home, text("user_id")) else {
            return Err(SlackError::Nonsense { method }.for_port(Effect::Repeatable));
        };
        Ok(Account { id: account(home, user), name: text("user").unwrap_or(user).to_owned() })
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        if !self.socket_mode {
            // Everything comes to the webhook.
            stop.cancelled().await;
            return Ok(());
        }
        socket::run(self, &inlet, &stop).await
    }

    async fn hook(&self, inlet: &Inlet, request: HookRequest) -> HookResponse {
        hook::answer(self, inlet, &request).await
    }

    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        outbound::send(&self.api, self.blobs.as_ref(), claim).await
    }

    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        outbound::reconcile(&self.api, claim).await
    }

    async fn working(&self, route: &Route, on: bool) -> Result<(), ChannelError> {
        outbound::working(&self.api, route, on).await
    }
}

impl SlackChannel {
    fn reader<'a>(&self, inlet: &'a Inlet) -> Reader<'a> {
        Reader { bot: bot(inlet.account()), reply_in_thread: self.reply_in_thread, now: inlet.clock().now() }
    }

    /// The arrival with its files. Nothing of a stranger's is fetched.
    async fn complete(&self, inlet: &Inlet, seen: Seen) -> Result<Arrival, StoreError> {
        let Seen { mut arrival, files } = seen;
        if !files.is_empty() && inlet.admits(&arrival).await? {
            arrival.parts.extend(files::fetch(&self.api, inlet, files).await?);
        }
        Ok(arrival)
    }
}

/// The account's id: the workspace and the bot's user id, which is unique there alone.
fn account(home: &str, user: &str) -> String {
    format!("{home}-{user}")
}

/// The bot's user id in an account's id.
fn bot(account: &str) -> &str {
    account.rsplit_once('-').map_or(account, |(_, user)| user)
}
