//! Whether what an answer cites was touched at all. Names, paths, addresses and ids are compared with what tools were given
//! and gave back; no phrases are looked for, so it is the same in every language.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use session_api::{Message, Part, ToolStatus};

/// Whether answers are held against what tools did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// They are not.
    #[default]
    Off,
    /// What was not touched is named behind the answer.
    Flag,
}

/// Most things that are named.
const MOST: usize = 8;

/// Something that an answer cites and that no tool call had to do with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unsupported {
    /// As it stands in the answer.
    pub(crate) cited: String,
    /// Whether calls had to do with it, all of which failed.
    pub(crate) failed: bool,
}

static CITED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?P<url>\w+://\S+) |
        (?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+) |
        (?P<code>`[^`\n]{2,200}`) |
        (?P<path>(?:\.{0,2}/)?(?:[\w.-]+/)+[\w-]+\.[A-Za-z]\w{0,7}\b) |
        (?P<call>\bcall_\w{4,}\b)",
    )
    .ok()
});

/// What `answer` cites without a call behind it. `history` is the conversation as far as the model saw it, this turn
/// included; `tools` are the names of all tools. What stands in a question is no claim.
pub(crate) fn unsupported<'a>(
    answer: &str,
    history: &[Message],
    tools: impl Iterator<Item = &'a str>,
) -> Vec<Unsupported> {
    let tools: BTreeSet<&str> = tools.collect();
    let (mut worked, mut failed) = (String::new(), String::new());
    for message in history {
        for result in message.tool_results() {
            let into = if result.status == ToolStatus::Ok { &mut worked } else { &mut failed };
            let calls =
                history.iter().filter(|other| other.turn == message.turn).flat_map(Message::tool_calls);
            let arguments =
                calls.filter(|call| call.id == result.call_id).map(|call| call.arguments.as_str());
            let said = result.content.iter().filter_map(Part::as_text);
            for text in
                [result.call_id.0.as_str(), result.name.as_str()].into_iter().chain(arguments).chain(said)
            {
                into.extend([plain(text), "\n".to_owned()]);
            }
        }
    }
    let mut found = BTreeSet::new();
    for cited in sentences(answer).flat_map(|sentence| cited(sentence, &tools)) {
        if !worked.contains(&plain(&cited)) {
            let failed = failed.contains(&plain(&cited));
            found.insert(Unsupported { cited, failed });
        }
    }
    found.into_iter().take(MOST).collect()
}

/// What is named behind the answer.
pub(crate) fn note(unsupported: &[Unsupported]) -> String {
    let lines = unsupported.iter().map(|one| match one.failed {
        true => format!("`{}`: every call that had to do with it failed", one.cited),
        false => format!("`{}`: no tool call had to do with it", one.cited),
    });
    format!("Held against what was really done:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// The sentences that are no questions.
fn sentences(answer: &str) -> impl Iterator<Item = &str> {
    let sentences = answer.split_inclusive('\n').flat_map(|line| {
        // A full stop inside a name is followed by no blank.
        line.split_inclusive(". ").flat_map(|part| part.split_inclusive(['?', '？', '。', '!', '！']))
    });
    sentences.filter(|sentence| !sentence.trim_end().ends_with(['?', '？']))
}

fn cited(sentence: &str, tools: &BTreeSet<&str>) -> Vec<String> {
    let Some(pattern) = CITED.as_ref() else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for part in pattern.captures_iter(sentence) {
        if let Some(code) = part.name("code") {
            let code = code.as_str().trim_matches('`').trim();
            let file = code.rsplit_once('.').is_some_and(|(name, end)| {
                let extension = (1..=7).contains(&end.len()) && end.chars().all(char::is_alphanumeric);
                extension && end.chars().any(char::is_alphabetic) && !name.is_empty()
            });
            let single = !code.contains(char::is_whitespace);
            let address =
                code.contains('@') || (code.contains('/') && !code.contains("://") && !code.starts_with('/'));
            if single
                && (tools.contains(code) || file && !code.contains("://") && !code.contains('(') || address)
            {
                found.push(code.to_owned());
            }
        } else if let Some(whole) = part.get(0).filter(|_| part.name("url").is_none()) {
            found.push(whole.as_str().trim_end_matches('.').to_owned());
        }
    }
    // A name with an underscore can be nothing but a tool.
    let words =
        sentence.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| word.contains('_'));
    found.extend(words.filter(|word| tools.contains(word)).map(str::to_owned));
    found
}

/// A text for comparison: letter case, a leading `./` and the marks of JSON are no difference.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace("\\/", "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use session_api::{CallId, MessageId, Role, Timestamp, ToolCall, ToolResult, TurnId};

    use super::*;

    const TOOLS: [&str; 3] = ["write_file", "message", "exec"];

    fn message(parts: Vec<Part>) -> Message {
        Message {
            id: MessageId(Default::default()),
            role: Role::Assistant,
            principal: None,
            turn: TurnId(Default::default()),
            at: Timestamp(0),
            parts,
        }
    }

    fn done(name: &str, arguments: &str, status: ToolStatus) -> Vec<Message> {
        let call_id = CallId(format!("call_{name}{}", arguments.len()));
        let call = ToolCall { id: call_id.clone(), name: name.into(), arguments: arguments.into() };
        let content = vec![Part::text("fine")];
        let result = ToolResult::new(call_id, name.into(), status, content);
        vec![message(vec![Part::ToolCall(call)]), message(vec![Part::ToolResult(result)])]
    }

    fn flagged(answer: &str, history: &[Message]) -> Vec<String> {
        unsupported(answer, history, TOOLS.into_iter()).into_iter().map(|one| one.cited).collect()
    }

    #[test]
    fn what_was_done_is_not_flagged_and_what_was_not_is_in_any_language() {
        let history = [
            done("write_file", r#"{"path":"notes/a.txt","content":"x"}"#, ToolStatus::Ok),
            done("exec", r#"{"command":"ls broken.log"}"#, ToolStatus::Error),
        ]
        .concat();
        let table: &[(&str, &[&str])] = &[
            ("I wrote notes/a.txt.", &[]),
            ("Ich habe `notes/a.txt` geschrieben.", &[]),
            ("I wrote notes/b.txt.", &["notes/b.txt"]),
            ("Ich habe die Mail an ann@example.org geschickt.", &["ann@example.org"]),
            ("我已经把邮件发给 ann@example.org 了。", &["ann@example.org"]),
            ("我用 `message` 发送了消息", &["message"]),
            ("Ran write_file.", &[]),
            ("See call_abcdef.", &["call_abcdef"]),
            ("Shall I write `notes/b.txt`?", &[]),
            ("`broken.log` was looked at", &["broken.log"]),
            ("The message is short, e.g. and/or 2026/11/21, https://example.org/a.html", &[]),
            ("Use `let x = a.b();`", &[]),
            ("", &[]),
        ];
        for (answer, expected) in table {
            assert_eq!(flagged(answer, &history), *expected, "{answer}");
        }
        let failed = unsupported("`broken.log`", &history, TOOLS.into_iter());
        assert!(note(&failed).ends_with("`broken.log`: every call that had to do with it failed"));
    }

    proptest::proptest! {
        /// Whatever an answer is, nothing that stands in a call that worked is flagged.
        #[test]
        fn no_answer_makes_it_panic(answer in "[a-z`/.@_? \n。？-]{0,120}") {
            let history = done("exec", &answer, ToolStatus::Ok);
            for one in unsupported(&answer, &history, TOOLS.into_iter()) {
                proptest::prop_assert!(TOOLS.contains(&one.cited.as_str()) || one.cited.starts_with("./"), "{one:?}");
            }
        }
    }
}
