//! `edit_file`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{Workspace, atomic_write, atomic_write::MAX_WRITE_BYTES, workspace::read_all};
use crate::blocking::blocking;

/// Replaces text in a file of the workspace.
#[derive(Debug, Clone)]
pub struct EditFile {
    /// Where.
    pub workspace: Workspace,
}

/// Arguments of `edit_file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditFileArgs {
    /// File in the workspace.
    path: String,
    /// Exact text to replace; unique unless `replace_all`.
    old: String,
    /// Text in its place.
    new: String,
    /// Replace every occurrence.
    #[serde(default)]
    replace_all: bool,
}

#[async_trait]
impl TypedTool for EditFile {
    type Args = EditFileArgs;
    const NAME: &'static str = "edit_file";
    const DESCRIPTION: &'static str = "Replace exact text in a workspace file.";
    const EFFECT: Effect = Effect::Keyed;

    fn risk(&self, _context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        self.workspace.is_standing(&args.path).then_some(Risk::Remembers)
    }

    async fn key(&self, context: &ToolContext, args: Self::Args) -> Result<Option<String>, ToolError> {
        let workspace = self.workspace.seen_by(context);
        blocking(context, move |_| workspace.digest(&workspace.resolve(&args.path)?).map(Some)).await
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let workspace = self.workspace.seen_by(context);
        blocking(context, move |_| {
            let path = workspace.resolve(&args.path)?;
            let mut file = workspace.open_file(&path, MAX_WRITE_BYTES)?;
            let bytes = read_all(&mut file, path.as_str(), MAX_WRITE_BYTES)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| ToolError::Failed(format!("`{}` is not UTF-8 text", path.as_str())))?;
            let (edited, count) = edit(&text, &args.old, &args.new, args.replace_all)?;
            atomic_write::write(&workspace, &path, edited.as_bytes())?;
            let places = if count == 1 { "1 place".to_owned() } else { format!("{count} places") };
            Ok(ToolOutput::text(format!("Edited `{}` in {places}.", path.as_str())))
        })
        .await
    }
}

/// `text` with `old` replaced, and how often.
fn edit(text: &str, old: &str, new: &str, all: bool) -> Result<(String, usize), ToolError> {
    let failed = |reason: String| Err(ToolError::Failed(reason));
    if old.is_empty() {
        return Err(ToolError::InvalidArguments("`old` is empty; write_file creates files".into()));
    }
    if old == new {
        return Err(ToolError::InvalidArguments("`old` and `new` are the same".into()));
    }
    // A model sees the lines of a CRLF file as any others and writes a plain line feed between them.
    let (old, new) = if text.contains("\r\n") && !text.contains(old) && !old.contains('\r') {
        (old.replace('\n', "\r\n"), new.replace("\r\n", "\n").replace('\n', "\r\n"))
    } else {
        (old.to_owned(), new.to_owned())
    };
    let count = text.matches(&old).count();
    match count {
        0 => failed("`old` does not occur in the file; it must match exactly, white space included".into()),
        1 => Ok((text.replacen(&old, &new, 1), 1)),
        _ if all => Ok((text.replace(&old, &new), count)),
        _ => {
            failed(format!("`old` occurs {count} times; give more of the text around it, or set replace_all"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tool_api::contract;

    use super::*;
    use crate::testing::{Place, call, key};

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let place = Place::new();
        place.write("a.txt", "one two");
        let tool = place.tool(EditFile { workspace: place.workspace() });
        contract::check(&tool, r#"{"path":"a.txt","old":"two","new":"three"}"#).await;
        assert_eq!(place.read("a.txt"), "one three");
    }

    #[test]
    fn text_is_replaced_where_it_is_clear_which() {
        let ok = |text, old, new, all| edit(text, old, new, all).unwrap();
        assert_eq!(ok("a b a", "b", "c", false), ("a c a".into(), 1));
        assert_eq!(ok("a b a", "a", "x", true), ("x b x".into(), 2));
        assert_eq!(ok("one\r\ntwo\r\n", "one\ntwo", "1\n2", false), ("1\r\n2\r\n".into(), 1));
        assert_eq!(ok("one\r\ntwo", "one\r\ntwo", "1\n2", false), ("1\n2".into(), 1));
        assert_eq!(ok("äöü", "ö", "", false), ("äü".into(), 1));
        let class = |text, old, new| edit(text, old, new, false).unwrap_err();
        assert!(class("a b a", "a", "x").to_string().contains("2 times"));
        assert!(class("a", "b", "x").to_string().contains("does not occur"));
        assert_eq!(class("a", "", "x").class(), "invalid_arguments");
        assert_eq!(class("a", "a", "a").class(), "invalid_arguments");
    }

    #[tokio::test]
    async fn a_file_that_is_not_text_stays_as_it_is() {
        let place = Place::new();
        std::fs::write(place.root().join("bin"), b"\xff\xfe one").unwrap();
        let tool = place.tool(EditFile { workspace: place.workspace() });
        let args = r#"{"path":"bin","old":"one","new":"two"}"#;
        assert_eq!(call(&tool, args).await.unwrap_err().class(), "failed");
        assert_eq!(std::fs::read(place.root().join("bin")).unwrap(), b"\xff\xfe one");
    }

    #[tokio::test]
    async fn a_missing_file_has_a_key_but_no_edit() {
        let place = Place::new();
        let tool = place.tool(EditFile { workspace: place.workspace() });
        let args = r#"{"path":"none","old":"one","new":"two"}"#;
        assert_eq!(key(&tool, args).await, Ok(Some("absent".into())));
        assert!(call(&tool, args).await.unwrap_err().to_string().contains("there is no `none`"));
    }

    proptest! {
        #[test]
        fn an_edit_and_its_reverse_give_the_text_back(
            before in "[a-c\n\r ü]{0,20}", old in "[a-c\n]{1,4}", after in "[a-c\n\r ü]{0,20}",
        ) {
            let new = "<unique>";
            let text = format!("{before}{old}{after}");
            if let Ok((edited, 1)) = edit(&text, &old, new, false) {
                let (back, count) = edit(&edited, new, &old, false).unwrap();
                prop_assert_eq!(count, 1);
                prop_assert_eq!(back, text);
            }
        }

        #[test]
        fn replace_all_leaves_none_and_counts_right(text in "[ab]{0,30}", old in "[ab]{1,3}") {
            match edit(&text, &old, "-", true) {
                Ok((edited, count)) => {
                    prop_assert!(!edited.contains(&old));
                    prop_assert_eq!(edited.matches('-').count(), count);
                }
                Err(_) => prop_assert!(!text.contains(&old)),
            }
        }
    }
}
