//! Files that came with a message.

use std::time::Duration;

use agent_core::{ChannelSetupError, Inlet};
use http_client::{Client, Method, Policy, parse_url};
use serenity::all::Attachment;
use session_api::{Part, StoreError};

use super::{
    config::DiscordConfig,
    rest::{Unread, read},
};

/// The longest that one file may take. Messages behind it wait meanwhile.
const TOTAL: Duration = Duration::from_secs(120);
/// The longest silence of the file host.
const IDLE: Duration = Duration::from_secs(15);

/// Fetches files.
pub(super) struct Files {
    client: Client,
    /// The only origin that is asked, where it is not Discord's own.
    origin: Option<http_client::Url>,
}

impl Files {
    pub(super) fn new(config: &DiscordConfig) -> Result<Self, ChannelSetupError> {
        let limits = Policy { total_timeout: Some(TOTAL), idle_timeout: Some(IDLE), ..Policy::default() };
        let (policy, origin) = if config.is_official() {
            // The address comes from outside, so it must not lead inside.
            (Policy { egress: http_client::Egress::PublicOnly, ..limits }, None)
        } else {
            (limits, Some(config.base()?))
        };
        let client = http_client::build(&policy)
            .map_err(|error| ChannelSetupError { key: String::new(), message: error.to_string() })?;
        Ok(Self { client, origin })
    }

    /// The file as a part; where it cannot be had, a note that says why. The limit holds before the transfer, by what
    /// Discord says, and while it goes on, by what really comes.
    pub(super) async fn take(
        &self,
        inlet: &Inlet,
        file: &Attachment,
        voice: bool,
    ) -> Result<Part, StoreError> {
        let name = agent_core::safe_name(&file.filename);
        let limit = inlet.media_limit();
        if u64::from(file.size) > limit {
            let text = format!(
                "[file {name} was not taken in: its {} bytes are more than the limit of {limit}]",
                file.size
            );
            return Ok(Part::text(text));
        }
        match self.fetch(&file.url, limit).await {
            Ok(bytes) => {
                let usual = if voice { "audio/ogg" } else { "application/octet-stream" };
                inlet.keep(bytes, file.content_type.as_deref().unwrap_or(usual), &name).await
            }
            Err(why) => Ok(Part::text(format!("[file {name} could not be fetched: {why}]"))),
        }
    }

    async fn fetch(&self, url: &str, limit: u64) -> Result<bytes::Bytes, String> {
        let url = parse_url(url).map_err(|_| "its address is none".to_owned())?;
        if self.origin.as_ref().is_some_and(|origin| origin.origin() != url.origin()) {
            return Err("it lies on another server than channels.discord.api_url".into());
        }
        let request = self.client.request(Method::GET, &url).map_err(|error| error.message)?;
        let response = self.client.send(request).await.map_err(|error| error.message)?;
        match response.status().as_u16() {
            200 => {}
            403 | 404 | 410 => return Err("its link has expired, or it was deleted".into()),
            status => return Err(format!("the file host answered with status {status}")),
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        read(&self.client, response, most).await.map_err(|why| match why {
            Unread::TooLarge => format!("it is larger than the limit of {limit} bytes"),
            Unread::Broken(why) => why,
        })
    }
}
