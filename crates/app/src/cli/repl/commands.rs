//! Slash commands as they are typed: hints and completion.

use agent_core::COMMANDS;
use reedline::{Completer, CompletionResult, Hinter, History, Span, Suggestion};

/// Commands of the terminal alone.
const OWN: [(&str, &str, &str); 1] = [("exit", "", "leave; Ctrl-D does the same")];

/// Name, arguments and help of each command.
fn commands() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    COMMANDS.iter().map(|command| (command.name, command.arguments, command.help)).chain(OWN)
}

/// The command's name as far as it is typed, when nothing else stands on the line.
fn begun(line: &str) -> Option<&str> {
    line.strip_prefix('/').filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Completes a slash command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commands;

impl Completer for Commands {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        let Some(begun) = line.get(..position).and_then(begun) else {
            return CompletionResult::fresh(Vec::new());
        };
        let fitting = commands().filter(|(name, ..)| name.starts_with(begun));
        let suggestions: Vec<Suggestion> = fitting
            .map(|(name, arguments, help)| Suggestion {
                value: format!("/{name}"),
                description: Some(help.to_owned()),
                span: Span::new(0, position),
                append_whitespace: !arguments.is_empty(),
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

/// Shows, dimmed, how a command that is being typed goes on and what it does.
#[derive(Debug, Default)]
pub(super) struct CommandHint {
    rest: &'static str,
}

impl Hinter for CommandHint {
    fn handle(&mut self, line: &str, position: usize, _: &dyn History, ansi: bool, _: &str) -> String {
        self.rest = "";
        let found = begun(line)
            .filter(|begun| !begun.is_empty() && position == line.len())
            .and_then(|begun| Some((begun, commands().find(|(name, ..)| name.starts_with(begun))?)));
        let Some((begun, (name, arguments, help))) = found else { return String::new() };
        self.rest = &name[begun.len()..];
        let space = if arguments.is_empty() { "" } else { " " };
        let shown = format!("{}{space}{arguments}  — {help}", self.rest);
        if ansi { format!("\x1b[2m{shown}\x1b[0m") } else { shown }
    }

    fn complete_hint(&self) -> String {
        self.rest.to_owned()
    }

    fn next_hint_token(&self) -> String {
        self.rest.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str, position: usize) -> Vec<String> {
        match Commands.complete(line, position) {
            CompletionResult::Fresh { suggestions, .. } => {
                suggestions.iter().map(|s| s.value.clone()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_are_completed_at_the_start_of_a_line_only() {
        assert_eq!(completed("/s", 2), ["/stop", "/status", "/sessions", "/skill"]);
        assert_eq!(completed("/exi", 4), ["/exit"]);
        assert_eq!(completed("/", 1).len(), COMMANDS.len() + OWN.len());
        for line in ["", "s", "a /s", "/status x", "/etc/hosts"] {
            assert!(completed(line, line.len()).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_hint_says_how_a_command_goes_on_and_completes_to_its_name_alone() {
        let history = reedline::FileBackedHistory::new(1).unwrap();
        let mut hint = CommandHint::default();
        let shown = hint.handle("/mo", 3, &history, false, "");
        assert!(shown.starts_with("del [NAME|default]  — "), "{shown}");
        assert_eq!(hint.complete_hint(), "del");
        assert_eq!(hint.handle("hello", 5, &history, false, ""), "");
        assert_eq!(hint.complete_hint(), "");
    }
}
