//! `message`.

mod attachment;
mod target;
#[cfg(test)]
mod tests;

use std::{io::Read as _, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use session_api::{
    BlobStore, Delivery, IdSource, OnDoubt, OutboxId, OutboxKind, OutboxMessage, Part, Rank, Route, Writes,
};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

pub(crate) use self::target::Allowed;
use self::target::{Target, is_plain};
use crate::{Workspace, blocking::blocking};

/// Most files of one message.
const MAX_FILES: usize = 10;
/// Longest text in bytes. Platforms get it in pieces.
const MAX_TEXT: usize = 64 << 10;
/// Channels whose readers fetch the answer themselves: nobody would send them anything else.
const PULL: [&str; 3] = ["cli", "api", "library"];

/// `[tools.message]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MessageConfig {
    /// Whether the tool is offered.
    pub enabled: bool,
    /// Chats other than the one that is answered to which the owner may have messages sent: `KIND:CHAT` or
    /// `KIND:ACCOUNT:CHAT`, with `*` for any characters.
    pub allow: Vec<String>,
    /// Most bytes of one file that is sent.
    pub max_file_bytes: u64,
}

impl Default for MessageConfig {
    fn default() -> Self {
        Self { enabled: true, allow: Vec::new(), max_file_bytes: 20 << 20 }
    }
}

/// Sends a message or files before the answer, or to another chat. The message stands in the outbox when the call ends, so
/// that it goes out exactly once.
#[derive(Clone)]
pub struct Message {
    /// Where files are.
    workspace: Workspace,
    /// Where the bytes of sent files are kept.
    blobs: Arc<dyn BlobStore>,
    ids: Arc<dyn IdSource>,
    allowed: Allowed,
    max_file_bytes: u64,
}

/// Arguments of `message`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageArgs {
    /// Text, Markdown.
    #[serde(default)]
    text: String,
    /// Another chat, such as telegram:123 or email:a@b.org; leave out for this one.
    #[serde(default)]
    to: Option<String>,
    /// Thread in that chat.
    #[serde(default)]
    thread: Option<String>,
    /// Files in the workspace to send.
    #[serde(default)]
    files: Vec<String>,
}

impl Message {
    /// The tool as `config` has it; `allowed` are its rules, read.
    pub(crate) fn new(
        config: &MessageConfig,
        allowed: Allowed,
        workspace: Workspace,
        blobs: Arc<dyn BlobStore>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self { workspace, blobs, ids, allowed, max_file_bytes: config.max_file_bytes }
    }

    /// Where it goes, if it may go there.
    fn route(&self, context: &ToolContext, args: &MessageArgs) -> Result<Route, ToolError> {
        let here = &context.reply;
        let thread = args.thread.as_deref().map(str::trim).filter(|thread| !thread.is_empty());
        if thread.is_some_and(|thread| !is_plain(thread)) {
            return Err(ToolError::InvalidArguments("`thread` holds characters that no thread has".into()));
        }
        let target = args.to.as_deref().filter(|to| !to.trim().is_empty()).map(Target::parse).transpose()?;
        let route = match target {
            Some(target) if !target.is_chat_of(here) => {
                // The dispatcher puts the configured account in the place of an empty one.
                let same_kind = (target.channel == here.channel).then(|| here.account.clone());
                let account = target.account.clone().or(same_kind).unwrap_or_default();
                self.permit(context, &target, &account)?;
                let Target { channel, chat, .. } = target;
                Route { channel, account, chat, thread: thread.map(str::to_owned), reply_to: None }
            }
            _ => match thread {
                Some(thread) if here.thread.as_deref() != Some(thread) => {
                    Route { thread: Some(thread.to_owned()), reply_to: None, ..here.clone() }
                }
                _ => here.clone(),
            },
        };
        if PULL.contains(&route.channel.as_str()) {
            let reason = format!(
                "nothing can be sent to a chat of the kind `{}`: whoever waits there reads your answer, so say it in that",
                route.channel
            );
            return Err(ToolError::Failed(reason));
        }
        Ok(route)
    }

    /// The rule for chats other than the one that is answered.
    fn permit(&self, context: &ToolContext, target: &Target, account: &str) -> Result<(), ToolError> {
        let no = |reason: &str| Err(ToolError::Refused { class: "not_permitted", reason: reason.to_owned() });
        if context.principal.rank != Rank::Owner {
            return no("only the owner may have messages sent to other chats (tools.message.allow)");
        }
        if !self.allowed.allows(target, account) {
            return no("that chat is not among those in tools.message.allow");
        }
        Ok(())
    }

    /// One file as a part; its bytes are durable afterwards.
    async fn attach(&self, context: &ToolContext, path: String) -> Result<Part, ToolError> {
        let (workspace, most) = (self.workspace.seen_by(context), self.max_file_bytes);
        let (path, bytes) = blocking(context, move |_| {
            let path = workspace.resolve(&path)?;
            let file = workspace.open_file(&path, most)?;
            let mut bytes = Vec::new();
            let failed = |error| ToolError::Failed(format!("cannot read `{}`: {error}", path.as_str()));
            // It may have grown since it was opened.
            file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
            if bytes.len() as u64 > most {
                let reason = format!("`{}` has more than {most} bytes", path.as_str());
                return Err(ToolError::Limit { class: "limit_file", reason });
            }
            Ok((path, bytes))
        })
        .await?;
        let bytes = bytes::Bytes::from(bytes);
        let kept = self.blobs.put_blob(bytes.clone()).await;
        let blob = kept.map_err(|error| ToolError::Failed(format!("the file cannot be kept: {error}")))?;
        Ok(attachment::part(path.as_str(), &bytes, blob))
    }
}

#[async_trait]
impl TypedTool for Message {
    type Args = MessageArgs;
    const NAME: &'static str = "message";
    const DESCRIPTION: &'static str =
        "Send a message or files: to this chat before your answer, or to another chat.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        let target = args.to.as_deref().filter(|to| !to.trim().is_empty())?;
        let here = Target::parse(target).is_ok_and(|target| target.is_chat_of(&context.reply));
        (!here).then_some(Risk::Sends)
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        if args.text.trim().is_empty() && args.files.is_empty() {
            return Err(ToolError::InvalidArguments("`text` or `files` is needed".into()));
        }
        if args.text.len() > MAX_TEXT {
            let reason = format!("a text has at most {MAX_TEXT} bytes; send a file instead");
            return Err(ToolError::Limit { class: "limit_text", reason });
        }
        if args.files.len() > MAX_FILES {
            let reason = format!("a message has at most {MAX_FILES} files");
            return Err(ToolError::Limit { class: "limit_files", reason });
        }
        // Before any file is read: whether there is one is nobody's business where the chat is not permitted.
        let route = self.route(context, &args)?;
        let mut parts = Vec::new();
        if !args.text.trim().is_empty() {
            parts.push(Part::text(args.text));
        }
        let files = args.files.len();
        for path in args.files {
            // One after another: no more than one file is in memory.
            parts.push(self.attach(context, path).await?);
        }
        let here = &context.reply;
        let same =
            (&route.channel, &route.account, &route.chat) == (&here.channel, &here.account, &here.chat);
        let place = if same {
            "this chat; do not repeat it in your answer".to_owned()
        } else {
            format!("{}:{}", route.channel, route.chat)
        };
        let what = match files {
            0 => String::new(),
            1 => " with 1 file".to_owned(),
            n => format!(" with {n} files"),
        };
        let message = OutboxMessage {
            id: OutboxId::new(self.ids.as_ref()),
            turn: Some(context.turn),
            inbound: None,
            session: context.session.clone(),
            route,
            parts,
            kind: OutboxKind::Notice,
            delivery: Delivery::Push,
            on_doubt: OnDoubt::default(),
            drafts: Vec::new(),
            at: context.now,
        };
        let writes = Writes { outbox: vec![message], ..Writes::default() };
        Ok(ToolOutput::text(format!("The message{what} goes out to {place}.")).with_writes(writes))
    }
}
