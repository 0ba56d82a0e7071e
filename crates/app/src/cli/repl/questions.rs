//! Questions whether a call may run.

use session_api::{Approval, Decision};

use super::editor::Input;

/// What the person makes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// Yes or no.
    Decided(Decision),
    /// Neither; it is asked again.
    Unclear,
    /// The whole turn is to stop.
    Stop,
    /// The person goes away; the question stays open.
    Leave,
}

/// The question in words. The arguments are shown whole: they are what is decided about.
pub(super) fn text(question: &Approval) -> String {
    let call = &question.call;
    format!("May I run {} {}?\nbecause {}", call.name, call.arguments, question.reason)
}

/// What an input means as an answer.
pub(super) fn reply(input: Input) -> Reply {
    match input {
        Input::Line(line) => match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Reply::Decided(Decision::Allow),
            "n" | "no" => Reply::Decided(Decision::Deny),
            "/stop" => Reply::Stop,
            "/exit" | "/quit" | ":q" => Reply::Leave,
            _ => Reply::Unclear,
        },
        Input::Interrupted => Reply::Stop,
        Input::End | Input::Terminated | Input::Failed(_) => Reply::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_lets_a_call_run() {
        for (line, expected) in [
            ("y", Reply::Decided(Decision::Allow)),
            (" YES ", Reply::Decided(Decision::Allow)),
            ("n", Reply::Decided(Decision::Deny)),
            ("No", Reply::Decided(Decision::Deny)),
            ("", Reply::Unclear),
            ("yes please", Reply::Unclear),
            ("/stop", Reply::Stop),
            (":q", Reply::Leave),
        ] {
            assert_eq!(reply(Input::Line(line.into())), expected, "{line}");
        }
        assert_eq!(reply(Input::Interrupted), Reply::Stop);
        assert_eq!(reply(Input::End), Reply::Leave);
    }
}
