//! How a turn ended, read from its last words. No store keeps the reason by itself.

use session_api::{Message, Outcome};

use crate::{
    ModelErrorKind,
    turn::{Ending, Event, Limits},
};

/// What brought a turn to its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Last {
    /// The model's answer, or the result of a direct call.
    Answer,
    /// The model answered with nothing, twice.
    Empty,
    /// The model could not be had, or the turn was given up, for this reason.
    Failed(String),
    /// Something from outside.
    Event(Event),
    /// A limit or a circle, which the machine notices by itself.
    Own,
}

/// The end of a turn with this outcome and this last message, and the limits that its words name. A limit that they do
/// not name was not reached.
pub(super) fn last(outcome: Option<Outcome>, message: &Message) -> (Last, Limits) {
    let none = Limits { model_calls: u32::MAX, tool_calls: u32::MAX, seconds: u64::MAX };
    let text = message.text();
    let first = text.lines().next().unwrap_or_default();
    match outcome {
        Some(Outcome::Replied | Outcome::Quiet) => return (Last::Answer, none),
        Some(Outcome::Stopped) => return (Last::Event(Event::Stopped), none),
        Some(Outcome::Refused | Outcome::Failed) | None => {}
    }
    let is = |ending: Ending| ending.notice().is_some_and(|notice| notice == first);
    if is(Ending::Stopped) {
        return (Last::Event(Event::Stopped), none);
    }
    if is(Ending::Empty) {
        return (Last::Empty, none);
    }
    if let Some(reason) = first.strip_prefix("I could not answer: ") {
        // The full stop was put there by the notice, and will be again.
        return (Last::Failed(reason.strip_suffix('.').unwrap_or(reason).to_owned()), none);
    }
    if let Some(number) = number(first) {
        let small = u32::try_from(number).unwrap_or(u32::MAX);
        if is(Ending::ModelCalls(small)) {
            return (Last::Own, Limits { model_calls: small, ..none });
        }
        if is(Ending::ToolCalls(small)) {
            return (Last::Own, Limits { tool_calls: small, ..none });
        }
        if is(Ending::Deadline(number)) {
            return (Last::Event(Event::OutOfTime), Limits { seconds: number, ..none });
        }
    }
    let last = if first.starts_with("I stopped: the tool `") { Last::Own } else { Last::Answer };
    (last, none)
}

/// The event for a turn that failed while it was not waiting for the model.
pub(super) fn given_up(reason: &str) -> Event {
    Event::GivenUp(reason.to_owned())
}

/// The event for a model that could not be had. Which kind of failure it was makes no difference to the words.
pub(super) fn model_failed(reason: &str) -> Event {
    Event::ModelFailed { kind: ModelErrorKind::BadRequest, message: reason.to_owned() }
}

/// The first number in `text`.
fn number(text: &str) -> Option<u64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits = &text[start..];
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use session_api::{MessageId, Part, Role, Timestamp, TurnId};
    use uuid::Uuid;

    use super::*;

    fn says(text: String) -> Message {
        Message {
            id: MessageId(Uuid::nil()),
            role: Role::Assistant,
            principal: None,
            turn: TurnId(Uuid::nil()),
            at: Timestamp(0),
            parts: vec![Part::Text { text }],
        }
    }

    #[test]
    fn every_ending_is_known_again_by_its_words() {
        let failed = |message: &str| Ending::ModelFailed {
            kind: ModelErrorKind::Unavailable,
            message: message.to_owned(),
        };
        for (ending, expected) in [
            (Ending::Stopped, Last::Event(Event::Stopped)),
            (Ending::Empty, Last::Empty),
            (failed("the server is away"), Last::Failed("the server is away".into())),
            (failed("is it there?"), Last::Failed("is it there?".into())),
            (Ending::ModelCalls(3), Last::Own),
            (Ending::ToolCalls(4), Last::Own),
            (Ending::Deadline(1800), Last::Event(Event::OutOfTime)),
            (Ending::RepeatedCall("look".into()), Last::Own),
            (Ending::RepeatedFailure("look".into()), Last::Own),
        ] {
            let text = format!("{}\nNote: more.", ending.notice().unwrap());
            let (last, limits) = last(Some(ending.outcome()), &says(text));
            assert_eq!(last, expected, "{ending:?}");
            match ending {
                Ending::ModelCalls(n) => assert_eq!(limits.model_calls, n),
                Ending::ToolCalls(n) => assert_eq!(limits.tool_calls, n),
                Ending::Deadline(n) => assert_eq!(limits.seconds, n),
                _ => assert_eq!((limits.model_calls, limits.tool_calls), (u32::MAX, u32::MAX)),
            }
        }
    }

    #[test]
    fn an_answer_may_say_whatever_it_likes() {
        let (last, _) = last(Some(Outcome::Replied), &says("I could not answer: nobody could.".into()));
        assert_eq!(last, Last::Answer);
    }
}
