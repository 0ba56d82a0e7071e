//! The calls of one reply: which run now, and what follows when all have ended.

use session_api::{Part, Role, ToolCall, ToolResult, ToolStatus};

use super::{
    Command, Ending, Judged, Judgement, Machine, Question, Stamp, guard,
    machine::{Progress, Shared, Slot, State},
    step::finish,
};

/// A judged call.
pub(super) fn slot((call, judgement): (ToolCall, Judgement)) -> Slot {
    let progress = match judgement.judged {
        Judged::Allow => Progress::Ready,
        Judged::Refuse(why) => Progress::Ended(refusal(&call, &why)),
        Judged::Ask { reason, needs } => Progress::Asking { reason, needs },
    };
    Slot { call, beside: judgement.beside, progress }
}

/// A call that nobody has judged.
pub(super) fn unjudged(call: ToolCall) -> Slot {
    Slot { call, beside: false, progress: Progress::Ready }
}

/// The result of a call that did not run.
pub(super) fn refusal(call: &ToolCall, why: &str) -> ToolResult {
    result(call, ToolStatus::Error, why)
}

fn result(call: &ToolCall, status: ToolStatus, text: &str) -> ToolResult {
    let content = vec![Part::text(text)];
    ToolResult::new(call.id.clone(), call.name.clone(), status, content)
}

/// The result of a call that was interrupted and must not be repeated.
pub(super) fn unknown(call: &ToolCall) -> ToolResult {
    let text = "interrupted, outcome unknown: the call was started and may have had its effect. It was not repeated. \
                Find out before you try again, and tell the user.";
    result(call, ToolStatus::Unknown, text)
}

/// What runs next among `slots`, in order: neighbours that may run beside each other together (calls
/// that have their results already do not stand between neighbours), any other call alone.
/// At the first question the turn is suspended with all its questions; after the last result it goes on.
pub(super) fn advance(
    shared: &mut Shared,
    mut slots: Vec<Slot>,
    direct: bool,
    stamp: Stamp,
) -> (State, Vec<Command>) {
    if slots.iter().any(|slot| slot.progress == Progress::Issued) {
        return (State::RunningTools { slots, direct }, Vec::new());
    }
    let Some(first) = slots.iter().position(|slot| !matches!(slot.progress, Progress::Ended(_))) else {
        return ended(shared, slots, direct, stamp);
    };
    if let Some(ending) = stop_before(shared, &slots[first]) {
        close(shared, slots, &ending, stamp);
        return finish(shared, ending, Vec::new());
    }
    if matches!(slots[first].progress, Progress::Asking { .. }) {
        let questions = slots.iter().filter_map(question).collect();
        return (State::Suspended { slots, direct }, vec![Command::Suspend(questions)]);
    }
    let mut run: Vec<ToolCall> = Vec::new();
    for slot in &mut slots[first..] {
        if matches!(slot.progress, Progress::Ended(_)) {
            continue;
        }
        // One that ends the turn waits until it is the first, so that the calls before it keep their results.
        let joins = run.is_empty() || (slot.beside && stop_before(shared, slot).is_none());
        if slot.progress != Progress::Ready || !joins {
            break;
        }
        slot.progress = Progress::Issued;
        run.push(slot.call.clone());
        if !slot.beside {
            break;
        }
    }
    (State::RunningTools { slots, direct }, vec![Command::Run(run)])
}

fn question(slot: &Slot) -> Option<Question> {
    match &slot.progress {
        Progress::Asking { reason, needs } => {
            Some(Question { call: slot.call.clone(), reason: reason.clone(), needs: *needs })
        }
        _ => None,
    }
}

/// Why the turn ends before this call runs.
fn stop_before(shared: &Shared, slot: &Slot) -> Option<Ending> {
    if shared.tool_calls > shared.limits.tool_calls {
        return Some(Ending::ToolCalls(shared.limits.tool_calls));
    }
    guard::repeated_call(&shared.added, &slot.call)
}

/// All calls have their results.
fn ended(shared: &mut Shared, slots: Vec<Slot>, direct: bool, stamp: Stamp) -> (State, Vec<Command>) {
    let ending = slots.iter().find_map(|slot| match &slot.progress {
        Progress::Ended(result) => guard::repeated_failure(&shared.added, &slot.call, result),
        _ => None,
    });
    let answer: Vec<Part> = if direct { slots.iter().flat_map(direct_answer).collect() } else { Vec::new() };
    append_results(shared, slots, stamp);
    match ending {
        _ if direct => finish(shared, Ending::Answered, answer),
        Some(ending) => finish(shared, ending, Vec::new()),
        None => (State::Absorbing, vec![Command::Absorb]),
    }
}

fn direct_answer(slot: &Slot) -> Vec<Part> {
    match &slot.progress {
        Progress::Ended(result) => result.content.clone(),
        _ => Vec::new(),
    }
}

/// Gives every call without a result one that says why, and adds the message that holds them all.
pub(super) fn close(shared: &mut Shared, slots: Vec<Slot>, ending: &Ending, stamp: Stamp) {
    let slots = slots
        .into_iter()
        .map(|slot| {
            let text = match &slot.progress {
                Progress::Ended(_) => return slot,
                // Only what merely looks runs beside others; of anything else the person must hear.
                Progress::Issued if !slot.beside => {
                    shared.doubts.push(slot.call.name.clone());
                    return Slot { progress: Progress::Ended(unknown(&slot.call)), ..slot };
                }
                Progress::Issued => "ended before it was done: it may have had effects",
                Progress::Ready | Progress::Asking { .. } => match ending {
                    Ending::Stopped => "not run: the turn was stopped",
                    _ => "not run: the turn reached a limit",
                },
            };
            let ended = refusal(&slot.call, text);
            Slot { progress: Progress::Ended(ended), ..slot }
        })
        .collect();
    append_results(shared, slots, stamp);
}

fn append_results(shared: &mut Shared, slots: Vec<Slot>, stamp: Stamp) {
    let results = slots.into_iter().filter_map(|slot| match slot.progress {
        Progress::Ended(result) => Some(Part::ToolResult(result)),
        _ => None,
    });
    let parts: Vec<Part> = results.collect();
    shared.added.push(Machine::message(shared, stamp, Role::Tool, None, parts));
}
