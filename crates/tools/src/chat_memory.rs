//! `chat_memory`.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{Page, Rank, Scope, SessionStore, SessionWrite, StoreError, StoredMessage, Writes};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use crate::recall::day;

/// Messages that are read to find the end of a turn.
const LOOK: usize = 200;

/// Tells how much of this conversation is stored, and takes its oldest messages away.
#[derive(Clone)]
pub struct ChatMemory {
    /// Histories; only read.
    pub sessions: Arc<dyn SessionStore>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Action {
    Info,
    Trim,
}

/// Arguments of `chat_memory`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatMemoryArgs {
    action: Action,
    /// For trim: how many of the oldest messages to delete.
    #[serde(default)]
    oldest: u64,
}

#[async_trait]
impl TypedTool for ChatMemory {
    type Args = ChatMemoryArgs;
    const NAME: &'static str = "chat_memory";
    const DESCRIPTION: &'static str = "How much of this conversation is stored; or delete its oldest messages for ever, when the user asks.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        match args.action {
            Action::Info => None,
            Action::Trim => Some(Risk::Deletes),
        }
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let scope = Scope::Session(context.session.clone());
        let info = self.sessions.session(&scope, &context.session).await.map_err(failed)?;
        let Some(info) = info.filter(|info| info.messages > 0) else {
            return Ok(ToolOutput::text("[nothing is stored of this conversation yet]"));
        };
        let first = info.last_seq - info.messages;
        match args.action {
            Action::Info => {
                let oldest = self.page(context, first, 1).await?;
                let since = oldest.first().map_or_else(String::new, |stored| day(stored.message.at));
                Ok(ToolOutput::text(format!(
                    "{} messages are stored of this conversation, #{} to #{}, since {since}. Several people speak in it: {}.",
                    info.messages,
                    first + 1,
                    info.last_seq,
                    if info.shared { "yes" } else { "no" },
                )))
            }
            Action::Trim => {
                let own = !info.shared && info.principal == context.principal.id;
                if !own && context.principal.rank != Rank::Owner {
                    return Err(ToolError::Refused {
                        class: "not_yours",
                        reason: "others speak in this conversation; only the owner may delete of it".into(),
                    });
                }
                if args.oldest == 0 {
                    return Err(ToolError::InvalidArguments("`oldest` must be at least 1".into()));
                }
                let upto = first + args.oldest.min(info.messages);
                let upto = self.end_of_turn(context, upto).await?;
                if upto <= first {
                    return Ok(ToolOutput::text(
                        "[nothing was deleted: the oldest turn is longer than that]",
                    ));
                }
                let text =
                    format!("{} messages are deleted; {} are left.", upto - first, info.last_seq - upto);
                let session = Some(SessionWrite { trim: Some(upto), ..SessionWrite::default() });
                Ok(ToolOutput::text(text).with_writes(Writes { session, ..Writes::default() }))
            }
        }
    }
}

impl ChatMemory {
    async fn page(
        &self,
        context: &ToolContext,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, ToolError> {
        let scope = Scope::Session(context.session.clone());
        self.sessions.messages(&scope, &context.session, Page { after, limit }).await.map_err(failed)
    }

    /// The last place up to `upto` with which a turn ends: a call is never parted from its result.
    async fn end_of_turn(&self, context: &ToolContext, upto: u64) -> Result<u64, ToolError> {
        let after = upto.saturating_sub(LOOK as u64);
        let around = self.page(context, after, LOOK + 1).await?;
        let ends = around.windows(2).filter(|pair| pair[0].message.turn != pair[1].message.turn);
        let last = around.last().map(|stored| stored.seq).filter(|last| *last <= upto);
        Ok(ends.map(|pair| pair[0].seq).chain(last).filter(|seq| *seq <= upto).max().unwrap_or(after))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn failed(error: StoreError) -> ToolError {
    ToolError::Failed(format!("the conversation cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use session_api::{
        InMemoryStore, LeasePolicy, ManualClock, Message, MessageId, Part, PrincipalId, Role, SequentialIds,
        Timestamp, TurnId,
    };
    use tool_api::{Tool, Typed, contract};
    use uuid::Uuid;

    use super::*;
    use crate::testing::text;

    /// Three turns of three messages.
    async fn store(context: &ToolContext, owner: &str) -> Arc<InMemoryStore> {
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let store = Arc::new(InMemoryStore::new(clock, ids, LeasePolicy::default()));
        let messages = (0..9).map(|n| Message {
            id: MessageId(Uuid::from_u128(n + 100)),
            role: Role::User,
            principal: None,
            turn: TurnId(Uuid::from_u128(n / 3)),
            at: Timestamp(0),
            parts: vec![Part::text("x")],
        });
        store.import_session(&context.session, &PrincipalId(owner.into()), messages.collect()).await.unwrap();
        store
    }

    async fn call(
        store: &Arc<InMemoryStore>,
        context: &ToolContext,
        args: &str,
    ) -> Result<(String, Option<u64>), ToolError> {
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(ChatMemory { sessions: store.clone() }));
        let output = tool.call(context, args).await?;
        Ok((text(&output), output.writes.session.and_then(|write| write.trim)))
    }

    #[tokio::test]
    async fn whole_turns_are_taken_away() {
        let context = contract::context();
        let store = store(&context, &context.principal.id.0).await;
        let (told, _) = call(&store, &context, r#"{"action":"info"}"#).await.unwrap();
        assert_eq!(
            told,
            "9 messages are stored of this conversation, #1 to #9, since 1970-01-01. Several people speak in it: no."
        );
        for (oldest, trim) in
            [(2, None), (3, Some(3)), (5, Some(3)), (6, Some(6)), (9, Some(9)), (99, Some(9))]
        {
            let args = format!(r#"{{"action":"trim","oldest":{oldest}}}"#);
            assert_eq!(call(&store, &context, &args).await.unwrap().1, trim, "{oldest}");
        }
        let wrong = call(&store, &context, r#"{"action":"trim"}"#).await.unwrap_err();
        assert_eq!(wrong.class(), "invalid_arguments");
    }

    #[tokio::test]
    async fn what_is_not_ones_own_is_not_taken_away() {
        let guest = ToolContext {
            principal: session_api::Principal { id: PrincipalId("guest".into()), rank: Rank::Guest },
            ..contract::context()
        };
        let store = store(&guest, "ann").await;
        let refused = call(&store, &guest, r#"{"action":"trim","oldest":3}"#).await.unwrap_err();
        assert_eq!(refused.class(), "not_yours");
        assert!(call(&store, &contract::context(), r#"{"action":"trim","oldest":3}"#).await.is_ok());
    }
}
