//! Telegram, through the Bot API.
//!
//! Updates come by long polling with a cursor of ours ([`poll`]) or to a webhook ([`hook`]). Two connection pools: one
//! for polls, made anew whenever polling begins, and one for all else, so that a dead poll holds up no answer.

mod addressed;
mod albums;
mod api;
mod config;
mod error;
mod hook;
mod inbound;
mod markup;
mod media;
mod multipart;
mod outbound;
mod poll;
mod table;
mod wire;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent_core::{
    Account, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelKind, ChannelSetupError,
    CommandHelp, HookRequest, HookResponse, Inlet, Reconciled, Sent, TextUnit,
};
use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::Value;
use session_api::{BlobStore, PartClaim, Route};
use teloxide_core::{
    payloads::{
        AnswerCallbackQuery, GetMe, SendChatAction, SendChatActionSetters as _, SetMyCommands, SetWebhook,
        SetWebhookSetters as _,
    },
    types::{BotCommand, CallbackQueryId, ChatAction, ChatId, MessageId, Recipient, ThreadId},
};
use tokio_util::sync::CancellationToken;

use self::{addressed::Bot, api::Api, config::TelegramConfig, error::CallError, wire::Me};

/// Most UTF-16 units of markdown in a message. The platform's limit, 4096, counts the text after its markup was read;
/// list marks and the columns of tables need the room between.
const TEXT_LIMIT: usize = 4000;

/// The shortest time between two edits of a message; faster ones run into flood control.
const EDIT_PAUSE: Duration = Duration::from_secs(1);

/// The platform shows "typing" for five seconds.
const TYPING: Duration = Duration::from_secs(4);

/// How long the sign for a pressed button may take. Nothing depends on it.
const SIGN_TIME: Duration = Duration::from_secs(5);

/// Most commands in the menu, and most letters of a description; Telegram refuses the whole menu for one more.
const MENU: usize = 100;
const MENU_TEXT: usize = 256;

/// Telegram in the table of kinds.
pub(crate) const KIND: ChannelKind = ChannelKind {
    name: "telegram",
    summary: "Telegram bots, by long polling or webhook",
    pairing: true,
    build,
};

fn build(table: Value, deps: &ChannelDeps) -> Result<Arc<dyn Channel>, ChannelSetupError> {
    let config = TelegramConfig::read(table)?;
    let api = Api::new(&config.api_url, &config.token);
    let api = api.map_err(|error| ChannelSetupError { key: String::new(), message: error.to_string() })?;
    Ok(Arc::new(Telegram { config, api, blobs: Arc::clone(&deps.blobs), bot: Mutex::default() }))
}

struct Telegram {
    config: TelegramConfig,
    /// For everything but polls.
    api: Api,
    blobs: Arc<dyn BlobStore>,
    /// Who we are, once the platform said it.
    bot: Mutex<Arc<Bot>>,
}

impl Telegram {
    fn api(&self) -> &Api {
        &self.api
    }

    fn bot(&self) -> Arc<Bot> {
        Arc::clone(&self.bot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_bot(&self, change: impl FnOnce(&mut Bot)) {
        let mut bot = self.bot.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut bot));
    }

    fn poll_seconds(&self) -> u64 {
        self.config.poll_seconds
    }

    /// A connection pool of its own.
    fn fresh_api(&self) -> Result<Api, ChannelError> {
        Api::new(&self.config.api_url, &self.config.token)
            .map_err(|error| ChannelError::Setup { message: error.to_string() })
    }

    /// Ends the spinner on a button. Best effort.
    async fn answer_press(&self, id: String) {
        let answer = AnswerCallbackQuery::new(CallbackQueryId(id));
        if let Err(error) = self.api.call_within::<bool, _>(&answer, SIGN_TIME).await {
            let error = error.harmless();
            tracing::debug!(target: "channels::telegram", %error, "a pressed button got no sign");
        }
    }
}

#[async_trait]
impl Channel for Telegram {
    fn kind(&self) -> &str {
        KIND.name
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: TEXT_LIMIT,
            unit: TextUnit::Utf16,
            edits: Some(EDIT_PAUSE),
            working: Some(TYPING),
            buttons: true,
            threads: true,
            media: Some(outbound::LARGEST_FILE as u64),
            idempotent_sends: false,
        }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        let me: Me = self.api.call(&GetMe::new()).await.map_err(CallError::harmless)?;
        self.change_bot(|bot| {
            bot.id = me.id;
            bot.username.clone_from(&me.username);
        });
        if let Some(webhook) = &self.config.webhook {
            let set = SetWebhook::new(webhook.url.clone())
                .secret_token(webhook.secret.expose_secret())
                .allowed_updates(poll::wanted());
            let _: bool = self.api.call(&set).await.map_err(|error| match error.harmless() {
                ChannelError::Permanent { message } => ChannelError::Setup {
                    message: format!("channels.telegram.webhook_url cannot be used: {message}"),
                },
                other => other,
            })?;
        }
        let name = if me.username.is_empty() { me.first_name } else { format!("@{}", me.username) };
        Ok(Account { id: me.id.to_string(), name })
    }

    async fn announce(&self, commands: &[CommandHelp]) -> Result<(), ChannelError> {
        let fits = |name: &str| {
            (1..=32).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let shown = || commands.iter().filter(|command| fits(command.name)).take(MENU);
        self.change_bot(|bot| bot.commands = shown().map(|command| command.name.to_owned()).collect());
        let menu = shown().map(|command| {
            let help: String = command.help.chars().take(MENU_TEXT).collect();
            BotCommand::new(command.name, help)
        });
        let _: bool = self.api.call(&SetMyCommands::new(menu)).await.map_err(CallError::harmless)?;
        Ok(())
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        match &self.config.webhook {
            Some(_) => hook::hold(&inlet, &stop).await,
            None => poll::run(self, &inlet, &stop).await,
        }
    }

    async fn hook(&self, inlet: &Inlet, request: HookRequest) -> HookResponse {
        match &self.config.webhook {
            Some(webhook) => hook::take(self, &webhook.secret, inlet, &request).await,
            None => HookResponse::status(404),
        }
    }

    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        outbound::send(&self.api, self.blobs.as_ref(), claim).await
    }

    /// The Bot API has no way to ask what stands in a chat.
    async fn reconcile(&self, _claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        Ok(Reconciled::Unknown)
    }

    async fn working(&self, route: &Route, on: bool) -> Result<(), ChannelError> {
        // The sign goes out by itself, and with the answer.
        let Some(chat) = route.chat.parse().ok().filter(|_| on) else { return Ok(()) };
        let mut action = SendChatAction::new(Recipient::Id(ChatId(chat)), ChatAction::Typing);
        if let Some(id) = route.thread.as_deref().and_then(|thread| thread.parse().ok()) {
            action = action.message_thread_id(ThreadId(MessageId(id)));
        }
        let _: bool = self.api.call(&action).await.map_err(CallError::harmless)?;
        Ok(())
    }
}
