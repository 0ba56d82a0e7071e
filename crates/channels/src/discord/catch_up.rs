//! What was said while no session stood, read by REST from each channel's cursor on.
//!
//! A resumed session replays what was missed. A new one does not, and serenity begins a new one also where Discord
//! would have allowed a resume; so each new session is followed by this.

use agent_core::ChannelError;
use serde_json::Value;
use serenity::all::Message;
use session_api::CursorPosition;

use super::reader::{Item, Reader, cursor_channel, wait_for_limit};

/// Most messages of a page.
const PAGE: usize = 100;

impl Reader<'_> {
    /// Every channel with a cursor may be behind now. The one that spoke last comes first.
    pub(super) fn fall_behind(&mut self) {
        let mut known: Vec<(u64, CursorPosition)> =
            self.source.cursors().filter_map(|(name, at)| Some((cursor_channel(name)?, at))).collect();
        known.sort_by_key(|(channel, at)| (std::cmp::Reverse(at.position), *channel));
        self.behind = known.into_iter().map(|(channel, _)| channel).collect();
    }

    /// Takes the next page of a channel in. A channel without a further page is not behind any more.
    pub(super) async fn catch_up_page(&mut self, channel: u64) -> Result<(), ChannelError> {
        let after = self.position(channel);
        let path = format!("/channels/{channel}/messages?after={after}&limit={PAGE}");
        let page = match self.rest.get(&format!("messages {channel}"), &path).await {
            Ok(Value::Array(page)) => page,
            Ok(_) => return Err(unreadable()),
            Err(failure) if failure.is_out_of_reach() => {
                tracing::warn!(
                    channel,
                    "cannot read what was said here meanwhile: the bot has no access any more"
                );
                self.caught_up(channel);
                return Ok(());
            }
            Err(failure) => return wait_for_limit(failure).await,
        };
        let whole = page.len() >= PAGE;
        let mut items = Vec::with_capacity(page.len());
        for value in page {
            let id = value["id"].as_str().and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
            let message = serde_json::from_value::<Message>(value).map(Box::new);
            if message.is_err() {
                tracing::warn!(channel, id, "left out a Discord message of an unknown form");
            }
            items.push(Item { id, message: message.ok(), live: false });
        }
        // Whatever is asked for comes newest first.
        items.sort_by_key(|item| item.id);
        self.deliver(channel, items).await?;
        if !whole {
            self.caught_up(channel);
        }
        Ok(())
    }

    fn position(&self, channel: u64) -> u64 {
        let mut cursors = self.source.cursors();
        cursors.find(|(name, _)| cursor_channel(name) == Some(channel)).map_or(0, |(_, at)| at.position)
    }

    fn caught_up(&mut self, channel: u64) {
        self.behind.retain(|known| *known != channel);
    }
}

fn unreadable() -> ChannelError {
    ChannelError::Temporary { message: "Discord's list of messages cannot be read".into(), after: None }
}
