//! `working_memory`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{KvEntry, KvStore, KvWrite, PrincipalId, StoreError, Writes};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

/// Most things that are kept in mind at once.
const MOST: usize = 30;
/// Longest name and longest text, in characters.
const MOST_KEY: usize = 60;
const MOST_TEXT: usize = 500;
/// Most hours that something is kept in mind: a month.
const MOST_HOURS: u32 = 720;

/// Keeps a few things in mind for one conversation, for a while. They stand in its prompt.
#[derive(Clone)]
pub struct WorkingMemory {
    /// Where they are.
    pub kv: Arc<dyn KvStore>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Action {
    Set,
    List,
    Clear,
}

/// Arguments of `working_memory`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkingMemoryArgs {
    action: Action,
    /// Name; for clear empty = all.
    #[serde(default)]
    key: String,
    #[serde(default)]
    text: String,
    /// Keep it so long.
    #[serde(default = "a_day")]
    hours: u32,
}

fn a_day() -> u32 {
    24
}

#[async_trait]
impl TypedTool for WorkingMemory {
    type Args = WorkingMemoryArgs;
    const NAME: &'static str = "working_memory";
    const DESCRIPTION: &'static str =
        "Keep facts of the task at hand in mind: they stay in view in this conversation until they expire.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        match args.action {
            Action::Set => Some(Risk::Remembers),
            Action::Clear => Some(Risk::Deletes),
            Action::List => None,
        }
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let owner = PrincipalId::of_session(&context.session);
        let kept = self.kv.kv_list(&owner, "", MOST + 1).await.map_err(failed)?;
        match args.action {
            Action::List => Ok(ToolOutput::text(show(&kept))),
            Action::Set => {
                validate(&args)?;
                let known = kept.iter().any(|entry| entry.key == args.key);
                if kept.len() >= MOST && !known {
                    let reason = format!("no more than {MOST} things are kept in mind; clear some first");
                    return Err(ToolError::Limit { class: "limit_entries", reason });
                }
                let expires_at = Some(context.now.plus(Duration::from_secs(u64::from(args.hours) * 3_600)));
                let text = format!("Kept in mind for {} h.", args.hours);
                let set = KvWrite::Set { owner, key: args.key, value: args.text, expires_at };
                Ok(ToolOutput::text(text).with_writes(Writes { kv: vec![set], ..Writes::default() }))
            }
            Action::Clear => {
                let gone: Vec<String> = kept
                    .into_iter()
                    .map(|entry| entry.key)
                    .filter(|key| args.key.is_empty() || *key == args.key)
                    .collect();
                let text = match gone.len() {
                    0 => "[nothing of this is kept in mind]".to_owned(),
                    count => format!("Cleared {count}."),
                };
                let delete = |key| KvWrite::Delete { owner: owner.clone(), key };
                let kv = gone.into_iter().map(delete).collect();
                Ok(ToolOutput::text(text).with_writes(Writes { kv, ..Writes::default() }))
            }
        }
    }
}

fn validate(args: &WorkingMemoryArgs) -> Result<(), ToolError> {
    let wrong = |what: String| Err(ToolError::InvalidArguments(what));
    let key = args.key.chars().count();
    if !(1..=MOST_KEY).contains(&key) || args.key.chars().any(char::is_control) {
        return wrong(format!("`key` has 1 to {MOST_KEY} characters on one line"));
    }
    if !(1..=MOST_TEXT).contains(&args.text.chars().count()) {
        return wrong(format!("`text` has 1 to {MOST_TEXT} characters; write a file for more"));
    }
    if !(1..=MOST_HOURS).contains(&args.hours) {
        return wrong(format!("`hours` is from 1 to {MOST_HOURS}"));
    }
    Ok(())
}

fn show(kept: &[KvEntry]) -> String {
    if kept.is_empty() {
        return "[nothing is kept in mind]".into();
    }
    kept.iter().map(|entry| format!("{}: {}\n", entry.key, entry.value)).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn failed(error: StoreError) -> ToolError {
    ToolError::Failed(format!("what is kept in mind cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use session_api::SessionKey;
    use tool_api::{Tool, Typed, contract};

    use super::*;
    use crate::testing::{Store, text};

    async fn call(store: &Arc<Store>, context: &ToolContext, args: &str) -> Result<String, ToolError> {
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(WorkingMemory { kv: store.clone() }));
        let output = tool.call(context, args).await?;
        store.apply(&output.writes.kv);
        Ok(text(&output))
    }

    #[tokio::test]
    async fn a_conversation_keeps_things_in_mind_for_itself() {
        let store = Arc::new(Store::default());
        let here = contract::context();
        let there = ToolContext { session: SessionKey::new("test", "bot", "there"), ..contract::context() };
        let table = [
            (&here, r#"{"action":"list"}"#, "[nothing is kept in mind]"),
            (&here, r#"{"action":"set","key":"goal","text":"book a table"}"#, "Kept in mind for 24 h."),
            (&here, r#"{"action":"set","key":"who","text":"four","hours":2}"#, "Kept in mind for 2 h."),
            (&here, r#"{"action":"set","key":"who","text":"five"}"#, "Kept in mind for 24 h."),
            (&here, r#"{"action":"list"}"#, "goal: book a table\nwho: five\n"),
            (&there, r#"{"action":"list"}"#, "[nothing is kept in mind]"),
            (&there, r#"{"action":"clear"}"#, "[nothing of this is kept in mind]"),
            (&here, r#"{"action":"clear","key":"who"}"#, "Cleared 1."),
            (&here, r#"{"action":"clear"}"#, "Cleared 1."),
            (&here, r#"{"action":"list"}"#, "[nothing is kept in mind]"),
        ];
        for (context, args, expected) in table {
            assert_eq!(call(&store, context, args).await.as_deref(), Ok(expected), "{args}");
        }
    }

    #[tokio::test]
    async fn what_is_kept_in_mind_is_bounded() {
        let store = Arc::new(Store::default());
        let here = contract::context();
        for n in 0..MOST {
            let args = format!(r#"{{"action":"set","key":"k{n}","text":"x"}}"#);
            call(&store, &here, &args).await.unwrap();
        }
        let long = "x".repeat(MOST_TEXT + 1);
        for (args, class) in [
            (r#"{"action":"set","key":"more","text":"x"}"#.to_owned(), "limit_entries"),
            (r#"{"action":"set","key":"","text":"x"}"#.to_owned(), "invalid_arguments"),
            (r#"{"action":"set","key":"k1","text":""}"#.to_owned(), "invalid_arguments"),
            (format!(r#"{{"action":"set","key":"k1","text":"{long}"}}"#), "invalid_arguments"),
            (r#"{"action":"set","key":"k1","text":"x","hours":0}"#.to_owned(), "invalid_arguments"),
        ] {
            assert_eq!(call(&store, &here, &args).await.unwrap_err().class(), class, "{args}");
        }
        // One that is known may change.
        call(&store, &here, r#"{"action":"set","key":"k1","text":"y"}"#).await.unwrap();
    }

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(WorkingMemory { kv: Arc::new(Store::default()) }));
        contract::check(&tool, r#"{"action":"set","key":"k","text":"v"}"#).await;
    }
}
