//! Looking at what a run left, by the commands that a person has for it.

use std::collections::HashMap;

use serde_json::Value;
use servers::{Request, TempHome};

use crate::process::run;

/// A session's messages as `sessions show --json` prints them.
#[derive(Debug, Clone)]
pub struct History(pub Vec<Value>);

impl History {
    /// The roles, in order.
    #[must_use]
    pub fn roles(&self) -> Vec<&str> {
        self.0.iter().filter_map(|line| line["message"]["role"].as_str()).collect()
    }

    /// The texts of all messages of this role.
    #[must_use]
    pub fn texts(&self, role: &str) -> Vec<String> {
        let of_role = self.0.iter().filter(|line| line["message"]["role"] == role);
        of_role
            .map(|line| {
                let parts = line["message"]["parts"].as_array().map_or(&[] as &[Value], Vec::as_slice);
                parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
            })
            .collect()
    }

    /// How many messages of the user hold this text.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        self.texts("user").iter().filter(|said| said.contains(text)).count()
    }

    /// All parts of this type, in order.
    #[must_use]
    pub fn parts(&self, kind: &str) -> Vec<&Value> {
        let parts = self.0.iter().filter_map(|line| line["message"]["parts"].as_array());
        parts.flatten().filter(|part| part["type"] == kind).collect()
    }
}

/// JSON lines.
///
/// # Panics
/// When a line is no JSON.
#[must_use]
#[expect(clippy::panic, reason = "output that scripts read must be JSON")]
pub fn parse_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}")))
        .collect()
}

/// The messages of a session; empty where there is none.
///
/// # Panics
/// When the command fails for another reason.
#[must_use]
pub fn history(home: &TempHome, session: &str) -> History {
    let shown = run(home.command().args(["sessions", "show", session, "--json"]));
    if shown.code == Some(66) {
        return History(Vec::new());
    }
    History(parse_lines(&shown.with_code(0).out))
}

/// The dead letters.
///
/// # Panics
/// When the command fails.
#[must_use]
pub fn dead_letters(home: &TempHome) -> Vec<Value> {
    parse_lines(&run(home.command().args(["dead-letters", "list", "--json"])).with_code(0).out)
}

/// The ids of the open questions.
///
/// # Panics
/// When the command fails.
#[must_use]
pub fn questions(home: &TempHome) -> Vec<String> {
    let listed = run(home.command().args(["approvals", "list", "--json"])).with_code(0);
    parse_lines(&listed.out)
        .iter()
        .filter_map(|question| question["id"].as_str().map(str::to_owned))
        .collect()
}

/// Asserts that a request's history is one that every provider takes: each tool call has exactly one result, which
/// stands directly behind it, and no result stands alone.
///
/// # Panics
/// When it is not.
pub fn valid(request: &Request) {
    let mut open: HashMap<&str, usize> = HashMap::new();
    for message in request.messages() {
        match message["role"].as_str() {
            Some("tool") => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                assert_eq!(
                    open.remove(id),
                    Some(0),
                    "a result without its call: {message}\n{}",
                    request.body
                );
            }
            _ => {
                assert!(open.is_empty(), "calls without results before {message}\n{}", request.body);
                let calls = message["tool_calls"].as_array().map_or(&[] as &[Value], Vec::as_slice);
                for call in calls {
                    let id = call["id"].as_str().unwrap_or_default();
                    assert!(open.insert(id, 0).is_none(), "two calls with one id: {message}");
                    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
                    assert!(
                        serde_json::from_str::<Value>(arguments).is_ok(),
                        "arguments are no JSON: {call}"
                    );
                }
            }
        }
    }
    assert!(open.is_empty(), "calls without results at the end\n{}", request.body);
}
