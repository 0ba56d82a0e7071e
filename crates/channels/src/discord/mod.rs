//! Discord: direct chats, servers and threads, by serenity's gateway and the REST API.
//!
//! Messages come over the gateway and, after each new session, from each known channel's history by REST, from the
//! cursor on that stands in the inbox. Nothing is acknowledged to Discord: the cursors are ours.

mod catch_up;
mod commands;
mod config;
mod error;
mod files;
mod gateway;
mod inbound;
mod limits;
mod markup;
mod outbound;
mod places;
mod reader;
mod rest;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent_core::{
    Account, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelKind, ChannelSetupError,
    CommandHelp, Inlet, Reconciled, Sent, TextUnit,
};
use async_trait::async_trait;
use session_api::{PartClaim, Route};
use tokio_util::sync::CancellationToken;

use self::{
    config::DiscordConfig,
    files::Files,
    gateway::{Dial, Gateway},
    outbound::Outbound,
    places::Places,
    reader::Reader,
    rest::Rest,
};

/// `[channels.discord]`.
pub(crate) const KIND: ChannelKind = ChannelKind {
    name: "discord",
    summary: "Discord: direct chats, servers and threads",
    pairing: true,
    build,
};

/// The shortest time between two sessions that are begun anew; Discord forbids less.
const BETWEEN_IDENTIFIES: Duration = Duration::from_secs(5);

fn build(table: serde_json::Value, deps: &ChannelDeps) -> Result<Arc<dyn Channel>, ChannelSetupError> {
    let config = DiscordConfig::read(table)?;
    let rest = Rest::new(&config, Arc::clone(&deps.clock))?;
    let files = Files::new(&config)?;
    let deps = deps.clone();
    Ok(Arc::new(Discord {
        config,
        rest,
        files,
        places: Places::default(),
        deps,
        identified: Mutex::default(),
    }))
}

/// One bot.
struct Discord {
    config: DiscordConfig,
    rest: Rest,
    files: Files,
    places: Places,
    deps: ChannelDeps,
    /// When a session was begun last.
    identified: Mutex<Option<Duration>>,
}

impl Discord {
    fn outbound(&self) -> Outbound<'_> {
        Outbound { rest: &self.rest, blobs: self.deps.blobs.as_ref(), clock: self.deps.clock.as_ref() }
    }

    fn note_identify(&self, at: Duration) {
        *self.identified.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// How long the next session has to wait.
    fn identify_wait(&self) -> Duration {
        let last = *self.identified.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |last| self.deps.clock.monotonic().saturating_sub(last);
        last.map_or(Duration::ZERO, |last| BETWEEN_IDENTIFIES.saturating_sub(since(last)))
    }

    /// Where the gateway is. Asked for by ourselves: where the question fails, serenity would go to Discord's own.
    async fn gateway_url(&self) -> Result<String, ChannelError> {
        let found = self.rest.get("gateway", "/gateway/bot").await.map_err(|failure| failure.repeatable())?;
        let limit = &found["session_start_limit"];
        if limit["remaining"].as_u64() == Some(0) {
            let after = limit["reset_after"].as_u64().map(Duration::from_millis);
            let message = "Discord allows no more new sessions today".into();
            return Err(ChannelError::Temporary { message, after });
        }
        let url = found["url"].as_str().filter(|url| url.starts_with("ws://") || url.starts_with("wss://"));
        let missing = || ChannelError::Temporary {
            message: "Discord does not tell where its gateway is".into(),
            after: None,
        };
        url.map(str::to_owned).ok_or_else(missing)
    }

    fn dial(&self, url: String) -> Dial {
        Dial {
            url,
            api_url: self.config.api_url.clone(),
            token: self.config.token.clone(),
            intents: self.config.intents,
        }
    }
}

#[async_trait]
impl Channel for Discord {
    fn kind(&self) -> &str {
        KIND.name
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: markup::TEXT_LIMIT,
            unit: TextUnit::Utf16,
            edits: Some(Duration::from_millis(1200)),
            working: Some(Duration::from_secs(8)),
            buttons: true,
            threads: true,
            media: Some(outbound::MEDIA),
            idempotent_sends: true,
        }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        let me = self.rest.get("me", "/users/@me").await.map_err(|failure| failure.repeatable())?;
        let (id, name) = (me["id"].as_str(), me["username"].as_str());
        match id.filter(|id| id.parse::<u64>().is_ok()) {
            Some(id) => Ok(Account { id: id.to_owned(), name: name.unwrap_or("bot").to_owned() }),
            None => {
                let message = "Discord does not tell who the bot is".into();
                Err(ChannelError::Temporary { message, after: None })
            }
        }
    }

    async fn announce(&self, commands: &[CommandHelp]) -> Result<(), ChannelError> {
        commands::announce(&self.rest, commands).await
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        let me = inlet.account().parse().map_err(|_| ChannelError::Setup {
            message: format!("`{}` is no id of a Discord bot", inlet.account()),
        })?;
        let Some(source) = inlet.source(&stop).await? else { return Ok(()) };
        let url = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            url = self.gateway_url() => url?,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = self.deps.clock.sleep(self.identify_wait()) => {}
        }
        let clock = self.deps.clock.as_ref();
        self.note_identify(clock.monotonic());
        let (mut gateway, mut signals, mut interactions) = Gateway::open(self.dial(url))?;
        let mut reader =
            Reader::new((&self.rest, &self.places, &self.files), clock, inlet.clone(), source, me);
        let done = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            ending = gateway.ended() => Err(ending.explain()),
            done = reader.run(&mut signals, |at| self.note_identify(at)) => done,
            done = commands::run(&self.rest, &self.places, &inlet, &mut interactions) => done,
        };
        drop((signals, interactions));
        gateway.close().await;
        done
    }

    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        self.outbound().send(claim).await
    }

    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        self.outbound().reconcile(claim).await
    }

    async fn working(&self, route: &Route, on: bool) -> Result<(), ChannelError> {
        if on { self.outbound().working(route).await } else { Ok(()) }
    }
}
