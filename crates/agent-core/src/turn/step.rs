//! The transitions.

use std::collections::HashSet;

use session_api::{ApprovalState, CallId, InboundId, Message, Part, Role, ToolCall};

use super::{
    Command, Ending, Event, Intake, Machine, ModelReply, Stamp,
    machine::{Progress, Shared, State},
    tools,
};
use crate::ModelErrorKind;

/// How often a request that is too long is made shorter.
const MOST_SHRINKS: u8 = 2;

type Step = (State, Vec<Command>);

impl Machine {
    /// The machine after `event`, and what to do now. An event that does not fit the state, such as a second answer to
    /// one command, changes nothing.
    #[must_use]
    pub fn step(self, event: Event, stamp: Stamp) -> (Self, Vec<Command>) {
        let Self { mut shared, state } = self;
        let (state, commands) = match (state, event) {
            (
                state @ (State::Finalizing { .. } | State::Done { .. }),
                Event::Stopped | Event::OutOfTime | Event::GivenUp(_),
            ) => (state, Vec::new()),
            (state, Event::Stopped) => cut_short(&mut shared, state, Ending::Stopped, stamp),
            (state, Event::OutOfTime) => {
                let ending = Ending::Deadline(shared.limits.seconds);
                cut_short(&mut shared, state, ending, stamp)
            }
            (state, Event::GivenUp(message)) => {
                let ending = Ending::ModelFailed { kind: ModelErrorKind::BadRequest, message };
                cut_short(&mut shared, state, ending, stamp)
            }
            (State::Preparing, Event::Begun { messages, intake }) => {
                begin(&mut shared, messages, intake, stamp)
            }
            (State::CallingModel, Event::Replied(reply)) => replied(&mut shared, reply, stamp),
            (State::CallingModel, Event::ModelFailed { kind, message }) => {
                model_failed(&mut shared, kind, message)
            }
            (State::Judging { calls, direct }, Event::Judged(judgements))
                if calls.len() == judgements.len() =>
            {
                let slots = calls.into_iter().zip(judgements).map(tools::slot).collect();
                tools::advance(&mut shared, slots, direct, stamp)
            }
            (State::RunningTools { mut slots, direct }, Event::ToolEnded(result)) => {
                let issued = |slot: &&mut super::machine::Slot| {
                    slot.call.id == result.call_id && slot.progress == Progress::Issued
                };
                match slots.iter_mut().find(issued) {
                    Some(slot) => {
                        slot.progress = Progress::Ended(result);
                        tools::advance(&mut shared, slots, direct, stamp)
                    }
                    None => (State::RunningTools { slots, direct }, Vec::new()),
                }
            }
            (State::Suspended { slots, direct }, Event::Answered(answers)) => {
                answered(&mut shared, slots, direct, &answers, stamp)
            }
            (State::Absorbing, Event::Absorbed(messages)) => {
                take_in(&mut shared, messages);
                call_model(&shared)
            }
            (State::Finalizing { ending, .. }, Event::Committed) => (State::Done { ending }, Vec::new()),
            (state, _) => (state, Vec::new()),
        };
        (Self { shared, state }, commands)
    }
}

fn take_in(shared: &mut Shared, messages: Vec<(InboundId, Message)>) {
    for (row, message) in messages {
        if !shared.taken.contains(&row) {
            shared.taken.push(row);
            shared.added.push(message);
        }
    }
}

fn begin(shared: &mut Shared, messages: Vec<(InboundId, Message)>, intake: Intake, stamp: Stamp) -> Step {
    take_in(shared, messages);
    match intake {
        Intake::Chat => call_model(shared),
        Intake::Reply(text) => finish(shared, Ending::Answered, vec![Part::text(text)]),
        Intake::Tool(call) => {
            let parts = vec![Part::ToolCall(call.clone())];
            shared.added.push(Machine::message(shared, stamp, Role::Assistant, None, parts));
            shared.tool_calls += 1;
            (State::Judging { calls: vec![call.clone()], direct: true }, vec![Command::Judge(vec![call])])
        }
    }
}

pub(super) fn call_model(shared: &Shared) -> Step {
    if shared.model_calls >= shared.limits.model_calls {
        return finish(shared, Ending::ModelCalls(shared.limits.model_calls), Vec::new());
    }
    (State::CallingModel, vec![Command::CallModel { shrink: shared.shrink }])
}

/// The end, told in words: the answer or the notice, then what is unknown.
pub(super) fn finish(shared: &Shared, ending: Ending, mut parts: Vec<Part>) -> Step {
    parts.extend(ending.notice().map(Part::text));
    if !shared.doubts.is_empty() {
        let names: Vec<String> = shared.doubts.iter().map(|name| format!("`{name}`")).collect();
        let text = format!(
            "Note: {} was interrupted, outcome unknown. I did not run it again; please check what it did.",
            names.join(", ")
        );
        parts.push(Part::text(text));
    }
    parts.extend(shared.notes.iter().map(Part::text));
    let command = Command::Finish { ending: ending.clone(), parts: parts.clone() };
    (State::Finalizing { ending, parts }, vec![command])
}

fn replied(shared: &mut Shared, reply: ModelReply, stamp: Stamp) -> Step {
    shared.model_calls += 1;
    shared.usage += reply.usage;
    let parts = with_unique_call_ids(shared, reply.parts);
    let calls: Vec<ToolCall> = parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.clone()),
            _ => None,
        })
        .collect();
    if calls.is_empty() {
        let silent = parts.iter().all(|part| part.as_text().is_none_or(|text| text.trim().is_empty()));
        return match (silent, shared.empty) {
            (false, _) => finish(shared, Ending::Answered, parts),
            (true, true) => finish(shared, Ending::Empty, Vec::new()),
            (true, false) => {
                shared.empty = true;
                call_model(shared)
            }
        };
    }
    let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
    shared.tool_calls = shared.tool_calls.saturating_add(count);
    shared.added.push(Machine::message(shared, stamp, Role::Assistant, None, parts));
    (State::Judging { calls: calls.clone(), direct: false }, vec![Command::Judge(calls)])
}

/// Gives every call an id that stands nowhere else in the turn: models leave them out or use one twice.
fn with_unique_call_ids(shared: &Shared, parts: Vec<Part>) -> Vec<Part> {
    let mut seen: HashSet<CallId> =
        shared.added.iter().flat_map(Message::tool_calls).map(|call| call.id.clone()).collect();
    let mut place = seen.len();
    parts
        .into_iter()
        .map(|part| match part {
            Part::ToolCall(mut call) => {
                while call.id.0.is_empty() || seen.contains(&call.id) {
                    place += 1;
                    call.id = CallId(format!("call_{place}"));
                }
                seen.insert(call.id.clone());
                Part::ToolCall(call)
            }
            other => other,
        })
        .collect()
}

fn model_failed(shared: &mut Shared, kind: ModelErrorKind, message: String) -> Step {
    if kind == ModelErrorKind::ContextTooLong && shared.shrink < MOST_SHRINKS {
        shared.shrink += 1;
        return (State::CallingModel, vec![Command::CallModel { shrink: shared.shrink }]);
    }
    finish(shared, Ending::ModelFailed { kind, message }, Vec::new())
}

fn answered(
    shared: &mut Shared,
    mut slots: Vec<super::machine::Slot>,
    direct: bool,
    answers: &[(CallId, ApprovalState)],
    stamp: Stamp,
) -> Step {
    for slot in &mut slots {
        if !matches!(slot.progress, Progress::Asking { .. }) {
            continue;
        }
        let answer = answers.iter().find(|(call, _)| *call == slot.call.id).map(|(_, state)| *state);
        let no = match answer {
            None | Some(ApprovalState::Open) => continue,
            Some(ApprovalState::Allowed) => {
                slot.progress = Progress::Ready;
                continue;
            }
            Some(ApprovalState::Denied) => "denied by the person who was asked; do not look for another way",
            Some(ApprovalState::Superseded) => "not run: the person wrote something new instead of answering",
            Some(ApprovalState::Expired) => "not run: nobody answered in time",
        };
        slot.progress = Progress::Ended(tools::refusal(&slot.call, no));
    }
    let open = slots.iter().any(|slot| matches!(slot.progress, Progress::Asking { .. }));
    if open {
        return (State::Suspended { slots, direct }, Vec::new());
    }
    tools::advance(shared, slots, direct, stamp)
}

/// Ends the turn from any state, with a result for each call that has none.
fn cut_short(shared: &mut Shared, state: State, ending: Ending, stamp: Stamp) -> Step {
    let slots = match state {
        State::RunningTools { slots, .. } | State::Suspended { slots, .. } => slots,
        State::Judging { calls, .. } => calls.into_iter().map(tools::unjudged).collect(),
        _ => Vec::new(),
    };
    if !slots.is_empty() {
        tools::close(shared, slots, &ending, stamp);
    }
    let (state, mut commands) = finish(shared, ending, Vec::new());
    commands.insert(0, Command::CancelWork);
    (state, commands)
}
