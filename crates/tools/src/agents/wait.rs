//! `wait_agent`.

use std::{fmt::Write as _, time::Duration};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{InboundId, InboundKind, SessionKey};
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{Agents, unreadable};

/// How long a wait takes at most, and where nobody says how long.
const LONGEST: (u64, u64) = (3_600, 600);
/// Most agents that one call waits for.
const MOST: usize = 1_000;
/// How long a change may go unnoticed: many who wait must not read at each change.
const PACE: Duration = Duration::from_millis(50);
/// How often to look when nothing changes.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Waits until agents have ended. What they came to follows as messages.
#[derive(Clone)]
pub(super) struct WaitAgent(pub(super) Agents);

/// Arguments of `wait_agent`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitAgentArgs {
    /// Their ids; none = all you started.
    #[serde(default)]
    ids: Vec<String>,
    /// At most so long (600).
    #[serde(default)]
    seconds: Option<u64>,
}

impl WaitAgent {
    async fn waited_for(&self, context: &ToolContext, ids: &[String]) -> Result<Vec<InboundId>, ToolError> {
        let Self(agents) = self;
        let mut found = Vec::new();
        for id in ids {
            found.push(agents.find(context, id).await?.0);
        }
        if ids.is_empty() {
            let own = agents.stores.sessions.children(Some(&context.session), false, MOST).await;
            for info in own.map_err(|error| unreadable(&error))? {
                let Some(id) = subagents::id_of(&info.key) else { continue };
                if self.is_busy(&info.key).await? {
                    found.push(id);
                }
            }
        }
        Ok(found)
    }

    async fn is_busy(&self, session: &SessionKey) -> Result<bool, ToolError> {
        subagents::is_busy(&self.0.stores, session).await.map_err(|error| unreadable(&error))
    }

    /// Whether somebody spoke to the conversation that waits.
    async fn is_spoken_to(&self, context: &ToolContext) -> Result<bool, ToolError> {
        let pending = self.0.stores.mailbox.pending(&context.session, MOST).await;
        let pending = pending.map_err(|error| unreadable(&error))?;
        Ok(pending.iter().any(|row| !matches!(row.inbound.kind, InboundKind::Result { .. })))
    }
}

#[async_trait]
impl TypedTool for WaitAgent {
    type Args = WaitAgentArgs;
    const NAME: &'static str = "wait_agent";
    const DESCRIPTION: &'static str = "Wait until agents have ended; what they came to follows as messages.";
    const EFFECT: Effect = Effect::Pure;
    const WAITS: bool = true;

    fn timeout(&self) -> Duration {
        Duration::from_secs(LONGEST.0 + 60)
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(agents) = self;
        let ids = self.waited_for(context, &args.ids).await?;
        if ids.is_empty() {
            return Ok(ToolOutput::text("No agents are under way."));
        }
        let (longest, usual) = LONGEST;
        let seconds = args.seconds.unwrap_or(usual).min(longest);
        let mut over = agents.clock.sleep(Duration::from_secs(seconds));
        let mut open: Vec<InboundId> = ids.clone();
        let why = loop {
            let mailbox = &agents.stores.mailbox;
            // Read before what it tells of, so that a change in between ends the wait at once.
            let version = mailbox.changed(0).await.map_err(|error| unreadable(&error))?;
            let mut still = Vec::new();
            for id in &open {
                if self.is_busy(&subagents::session_of(*id)).await? {
                    still.push(*id);
                }
            }
            open = still;
            if open.is_empty() {
                break String::new();
            }
            if self.is_spoken_to(context).await? {
                break "Somebody wrote meanwhile: see below. The others go on.".to_owned();
            }
            tokio::select! {
                () = context.cancel.cancelled() => return Err(ToolError::Cancelled),
                () = &mut over => break format!("{seconds} s are over. The others go on; what they come to reaches you by itself."),
                changed = mailbox.changed(version) => { changed.map_err(|error| unreadable(&error))?; }
                () = agents.clock.sleep(LOOK_AGAIN) => {}
            }
            agents.clock.sleep(PACE).await;
        };
        let mut text = String::new();
        for id in &ids {
            let view = subagents::look(&agents.stores, *id).await.map_err(|error| unreadable(&error))?;
            if let Some(view) = view {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{id} “{}” {}", view.name, view.state);
            }
        }
        text.push_str(&why);
        Ok(ToolOutput::text(text.trim_end()))
    }
}
