//! `kv_memory`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{KvEntry, KvStore, KvWrite, StoreError, Timestamp, Writes};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

/// Longest value in bytes.
const MAX_VALUE: usize = 64 << 10;
/// Longest name in bytes.
const MAX_KEY: usize = 200;
/// Most entries in a list.
const MAX_LISTED: usize = 50;
/// Characters of a value that a list shows.
const PREVIEW: usize = 200;
/// Ten years, in seconds.
const MAX_TTL: u64 = 10 * 366 * 24 * 3600;

/// Remembers small named values of the person for whom the turn runs.
#[derive(Clone)]
pub struct KvMemory {
    /// Where they are.
    pub kv: Arc<dyn KvStore>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Action {
    Save,
    Get,
    Search,
    List,
    Delete,
}

/// Arguments of `kv_memory`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KvMemoryArgs {
    action: Action,
    /// Name: save, get, delete; for list its beginning; for search the text.
    #[serde(default)]
    key: String,
    /// Text to save.
    #[serde(default)]
    value: String,
    /// Forget a saved value after this time; 0 = never.
    #[serde(default)]
    ttl_seconds: u64,
}

#[async_trait]
impl TypedTool for KvMemory {
    type Args = KvMemoryArgs;
    const NAME: &'static str = "kv_memory";
    const DESCRIPTION: &'static str = "Remember short notes for the user under names.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        match args.action {
            Action::Save => Some(Risk::Remembers),
            Action::Delete => Some(Risk::Deletes),
            Action::Get | Action::Search | Action::List => None,
        }
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        validate(&args)?;
        let owner = &context.principal.id;
        let KvMemoryArgs { action, key, value, ttl_seconds } = args;
        match action {
            Action::Save => {
                let old = self.kv.kv_get(owner, &key).await.map_err(failed)?;
                let expires_at =
                    (ttl_seconds > 0).then(|| context.now.plus(Duration::from_secs(ttl_seconds)));
                let replaced = match &old {
                    None => "",
                    Some(old) if old.value == value => " It was the same before.",
                    Some(_) => " It replaced an older value.",
                };
                let until = if ttl_seconds > 0 { format!(" for {ttl_seconds} s") } else { String::new() };
                let text = format!("Saved `{key}`{until}.{replaced}");
                let write = KvWrite::Set { owner: owner.clone(), key, value, expires_at };
                Ok(ToolOutput::text(text).with_writes(kv(write)))
            }
            Action::Get => match self.kv.kv_get(owner, &key).await.map_err(failed)? {
                Some(entry) => Ok(ToolOutput::text(entry.value)),
                None => Ok(ToolOutput::text(format!("[nothing is saved as `{key}`]"))),
            },
            Action::Search => {
                let found = self.kv.kv_search(owner, &key, MAX_LISTED + 1).await.map_err(failed)?;
                Ok(ToolOutput::text(show(&found, context.now)))
            }
            Action::List => {
                let found = self.kv.kv_list(owner, &key, MAX_LISTED + 1).await.map_err(failed)?;
                Ok(ToolOutput::text(show(&found, context.now)))
            }
            Action::Delete => {
                if self.kv.kv_get(owner, &key).await.map_err(failed)?.is_none() {
                    return Ok(ToolOutput::text(format!("[nothing is saved as `{key}`]")));
                }
                let text = format!("Deleted `{key}`.");
                let write = KvWrite::Delete { owner: owner.clone(), key };
                Ok(ToolOutput::text(text).with_writes(kv(write)))
            }
        }
    }
}

fn kv(write: KvWrite) -> Writes {
    Writes { kv: vec![write], ..Writes::default() }
}

fn validate(args: &KvMemoryArgs) -> Result<(), ToolError> {
    let wrong = |what: String| Err(ToolError::InvalidArguments(what));
    if args.key.is_empty() && args.action != Action::List {
        return wrong("`key` is needed for this action".into());
    }
    if args.key.len() > MAX_KEY || args.key.chars().any(char::is_control) {
        return wrong(format!("`key` has at most {MAX_KEY} bytes and no control characters"));
    }
    if args.action == Action::Save {
        if args.value.is_empty() {
            return wrong("`value` is needed to save; delete removes".into());
        }
        if args.value.len() > MAX_VALUE {
            let reason = format!("a value has at most {MAX_VALUE} bytes; write a file instead");
            return Err(ToolError::Limit { class: "limit_value", reason });
        }
        if args.ttl_seconds > MAX_TTL {
            return wrong(format!("`ttl_seconds` is at most {MAX_TTL}"));
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn failed(error: StoreError) -> ToolError {
    ToolError::Failed(format!("the notes cannot be read: {error}"))
}

fn show(entries: &[KvEntry], now: Timestamp) -> String {
    if entries.is_empty() {
        return "[nothing found]".to_owned();
    }
    let mut text = String::new();
    for entry in entries.iter().take(MAX_LISTED) {
        let preview: String =
            entry.value.chars().take(PREVIEW).map(|c| if c == '\n' { ' ' } else { c }).collect();
        let cut = if entry.value.chars().nth(PREVIEW).is_some() { "…" } else { "" };
        let left =
            entry.expires_at.map_or(String::new(), |at| format!(" ({} s left)", at.since(now).as_secs()));
        text.push_str(&format!("{}: {preview}{cut}{left}\n", entry.key));
    }
    if entries.len() > MAX_LISTED {
        text.push_str(&format!("[cut after {MAX_LISTED}; narrow it with key]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use session_api::{Principal, PrincipalId, Rank};
    use tool_api::{Tool, ToolContext, Typed, contract};

    use super::*;
    use crate::testing::{Store, text};

    /// A call as the turn makes it: its writes are applied with its end.
    async fn call(store: &Arc<Store>, context: &ToolContext, args: &str) -> Result<String, ToolError> {
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(KvMemory { kv: store.clone() }));
        let output = tool.call(context, args).await?;
        store.apply(&output.writes.kv);
        Ok(text(&output))
    }

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(KvMemory { kv: Arc::new(Store::default()) }));
        contract::check(&tool, r#"{"action":"save","key":"k","value":"v"}"#).await;
        contract::check(&tool, r#"{"action":"list"}"#).await;
    }

    #[tokio::test]
    async fn notes_are_saved_found_and_deleted() {
        let store = Arc::new(Store::default());
        let context = contract::context();
        let table = [
            (r#"{"action":"get","key":"tea"}"#, "[nothing is saved as `tea`]"),
            (r#"{"action":"save","key":"tea","value":"green"}"#, "Saved `tea`."),
            (r#"{"action":"save","key":"tea","value":"black"}"#, "Saved `tea`. It replaced an older value."),
            (r#"{"action":"save","key":"tea","value":"black"}"#, "Saved `tea`. It was the same before."),
            (r#"{"action":"get","key":"tea"}"#, "black"),
            (r#"{"action":"save","key":"x","value":"y","ttl_seconds":60}"#, "Saved `x` for 60 s."),
            (r#"{"action":"list"}"#, "tea: black\nx: y (60 s left)\n"),
            (r#"{"action":"list","key":"t"}"#, "tea: black\n"),
            (r#"{"action":"search","key":"lac"}"#, "tea: black\n"),
            (r#"{"action":"delete","key":"tea"}"#, "Deleted `tea`."),
            (r#"{"action":"delete","key":"tea"}"#, "[nothing is saved as `tea`]"),
            (r#"{"action":"search","key":"lac"}"#, "[nothing found]"),
        ];
        for (args, expected) in table {
            assert_eq!(call(&store, &context, args).await.as_deref(), Ok(expected), "{args}");
        }
    }

    #[tokio::test]
    async fn the_owner_is_the_one_for_whom_the_turn_runs() {
        let store = Arc::new(Store::default());
        let owner = contract::context();
        let guest = ToolContext {
            principal: Principal { id: PrincipalId("guest".into()), rank: Rank::Guest },
            ..contract::context()
        };
        call(&store, &owner, r#"{"action":"save","key":"pin","value":"1234"}"#).await.unwrap();
        let seen = call(&store, &guest, r#"{"action":"get","key":"pin"}"#).await.unwrap();
        assert_eq!(seen, "[nothing is saved as `pin`]");
        assert_eq!(call(&store, &guest, r#"{"action":"list"}"#).await.unwrap(), "[nothing found]");
        let forged = call(&store, &guest, r#"{"action":"get","key":"pin","owner":"owner"}"#).await;
        assert_eq!(forged.unwrap_err().class(), "invalid_arguments");
        call(&store, &guest, r#"{"action":"delete","key":"pin"}"#).await.unwrap();
        assert_eq!(call(&store, &owner, r#"{"action":"get","key":"pin"}"#).await.unwrap(), "1234");
    }

    #[tokio::test]
    async fn wrong_arguments_are_told_apart() {
        let store = Arc::new(Store::default());
        let long = serde_json::json!({"action": "save", "key": "k", "value": "x".repeat(MAX_VALUE + 1)});
        let table = [
            (r#"{"action":"save","key":"","value":"v"}"#.to_owned(), "invalid_arguments"),
            (r#"{"action":"save","key":"k"}"#.to_owned(), "invalid_arguments"),
            (r#"{"action":"get"}"#.to_owned(), "invalid_arguments"),
            (r#"{"action":"burn","key":"k"}"#.to_owned(), "invalid_arguments"),
            (r#"{"action":"get","key":"a\nb"}"#.to_owned(), "invalid_arguments"),
            (
                r#"{"action":"save","key":"k","value":"v","ttl_seconds":99999999999}"#.to_owned(),
                "invalid_arguments",
            ),
            (long.to_string(), "limit_value"),
        ];
        for (args, class) in table {
            let error = call(&store, &contract::context(), &args).await.unwrap_err();
            assert_eq!(error.class(), class, "{}", &args[..args.len().min(80)]);
        }
    }
}
