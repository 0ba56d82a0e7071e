//! A line for each tool call.

use std::collections::BTreeMap;

use session_api::CallId;

use super::neutral::first_line;

/// Most characters of a call's arguments in its line.
const ARGUMENTS: usize = 60;
/// Most characters of a failure in its line.
const FAILURE: usize = 120;

/// The calls that run.
#[derive(Debug, Default)]
pub(super) struct ToolLines {
    running: BTreeMap<String, (String, String)>,
    stopping: bool,
}

impl ToolLines {
    pub(super) fn started(&mut self, name: String, id: CallId, arguments: &str) {
        self.running.insert(id.0, (name, short(arguments)));
    }

    /// The line of a call that ended. A call whose start was missed has no arguments in it.
    pub(super) fn ended(&mut self, name: &str, id: &CallId, millis: u64, error: Option<&str>) -> String {
        let arguments = self.running.remove(&id.0).map(|(_, arguments)| arguments).unwrap_or_default();
        let call = if arguments.is_empty() { name.to_owned() } else { format!("{name} {arguments}") };
        let time = took(millis);
        match error {
            None => format!("⚙ {call} · {time}"),
            Some(error) => format!("✗ {call} · {time}: {}", first_line(error, FAILURE)),
        }
    }

    pub(super) fn stopping(&mut self) {
        self.stopping = true;
    }

    /// What is waited for.
    pub(super) fn label(&self) -> String {
        if self.stopping {
            return "stopping".into();
        }
        let names: Vec<&str> = self.running.values().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { "thinking".into() } else { first_line(&names.join(", "), ARGUMENTS) }
    }
}

/// Arguments on one short line.
fn short(arguments: &str) -> String {
    let compact = match serde_json::from_str::<serde_json::Value>(arguments) {
        Ok(serde_json::Value::Object(object)) if object.is_empty() => return String::new(),
        Ok(value) => value.to_string(),
        Err(_) => arguments.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    first_line(&compact, ARGUMENTS)
}

fn took(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_ran_how_long_and_how_it_ended() {
        let id = CallId("a".into());
        for (arguments, millis, error, expected) in [
            (r#"{ "path": "a.txt" }"#, 12, None, r#"⚙ read_file {"path":"a.txt"} · 12 ms"#),
            ("{}", 1_249, None, "⚙ read_file · 1.2 s"),
            ("not\n json", 61_000, None, "⚙ read_file not json · 1 min 1 s"),
            ("{}", 3, Some("no such file\nhint"), "✗ read_file · 3 ms: no such file"),
        ] {
            let mut lines = ToolLines::default();
            lines.started("read_file".into(), id.clone(), arguments);
            assert_eq!(lines.label(), "read_file");
            assert_eq!(lines.ended("read_file", &id, millis, error), expected);
            assert_eq!(lines.label(), "thinking");
        }
    }

    #[test]
    fn long_arguments_are_cut() {
        let long = serde_json::json!({ "content": "x".repeat(500) }).to_string();
        assert_eq!(short(&long).chars().count(), ARGUMENTS + 1);
    }
}
