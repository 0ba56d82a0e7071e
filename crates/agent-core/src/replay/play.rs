//! Driving the machine with what was recorded.

use std::collections::{HashMap, HashSet, VecDeque};

use session_api::{
    ApprovalState, CallId, InboundId, InboundKind, JournalEntry, Message, MessageId, Outcome, Role, StepKind,
    Timestamp, ToolCall, ToolResult, ToolStatus, TurnState,
};
use uuid::Uuid;

use super::{
    Divergence, RecordedTurn, Replay, ReplayStep, cast,
    script::{self, Last},
};
use crate::{
    FinishReason, TokenUsage,
    turn::{
        Beginning, Command, Ending, Event, Intake, Judged, Judgement, Limits, Machine, ModelReply, Question,
        Stamp,
    },
};

impl RecordedTurn {
    /// Drives the machine with what was recorded of this turn. Nothing is asked and nothing runs.
    #[must_use]
    pub fn replay(&self) -> Replay {
        let refused =
            |why: &str| Replay { steps: Vec::new(), divergence: None, not_replayed: Some(why.to_owned()) };
        match self.state {
            TurnState::Running => return refused("the turn runs, or waits for a process that takes it up"),
            TurnState::Suspended => return refused("the turn waits for an answer to a question"),
            TurnState::Failed => {
                return refused("the turn failed and left nothing in the history; its messages were kept");
            }
            TurnState::Done => {}
        }
        let Some((last, history)) = self.messages.split_last() else {
            let first = self.founders.first().map(|view| view.row.inbound.kind);
            return refused(match first {
                Some(InboundKind::Command | InboundKind::Stop | InboundKind::Answer { .. }) => {
                    "the turn answered a command: no model was asked, and nothing of it is in the history"
                }
                _ => "the history does not hold what the turn added: it is off the record, or was taken away",
            });
        };
        let (ending, limits) = script::last(self.outcome, last);
        if self.finalized && ending == Last::Answer && self.outcome == Some(Outcome::Failed) {
            return refused(
                "a hook changed the words of the notice, and nothing else tells why the turn failed",
            );
        }
        let mut player = Player::new(self, history, last, ending, limits);
        let divergence = player.play().err();
        Replay { steps: player.steps, divergence, not_replayed: None }
    }
}

type Played = Result<(), Divergence>;

/// The machine, and how far the record has been read.
struct Player<'a> {
    turn: &'a RecordedTurn,
    /// What the turn added, its last message apart.
    history: &'a [Message],
    last: &'a Message,
    ending: Last,
    machine: Machine,
    queue: VecDeque<Command>,
    /// What is left of the journal.
    journal: std::iter::Peekable<std::slice::Iter<'a, JournalEntry>>,
    /// All results, and the calls whose end stands in the journal.
    results: HashMap<&'a CallId, &'a ToolResult>,
    worked: HashSet<&'a CallId>,
    absorbed: HashSet<InboundId>,
    steps: Vec<ReplayStep>,
}

impl<'a> Player<'a> {
    fn new(
        turn: &'a RecordedTurn,
        history: &'a [Message],
        last: &'a Message,
        ending: Last,
        limits: Limits,
    ) -> Self {
        let nothing = String::new();
        let machine = Machine::new(Beginning {
            turn: turn.id,
            core: nothing.clone(),
            model: nothing,
            tools: Vec::new(),
            limits,
        });
        Self {
            turn,
            history,
            last,
            ending,
            machine,
            queue: VecDeque::new(),
            journal: turn.journal.iter().peekable(),
            results: history.iter().flat_map(Message::tool_results).map(|r| (&r.call_id, r)).collect(),
            worked: turn.call_steps().into_keys().collect(),
            absorbed: turn.absorbed(),
            steps: Vec::new(),
        }
    }

    fn play(&mut self) -> Played {
        self.begin()?;
        while let Some(command) = self.queue.pop_front() {
            match command {
                Command::CallModel { .. } => self.call_model(&command)?,
                Command::Judge(calls) => self.judge(&calls)?,
                Command::Run(ref calls) => self.run(&command, calls)?,
                Command::Suspend(ref questions) => self.suspend(&command, questions)?,
                Command::Absorb => self.absorb()?,
                Command::CancelWork => {}
                Command::Finish { ref ending, ref parts } => {
                    let texts: Vec<&str> = parts.iter().filter_map(session_api::Part::as_text).collect();
                    return self.finish(&command, ending, &texts);
                }
            }
        }
        Err(self.diverged("a command", cast::message(self.last)))
    }

    fn begin(&mut self) -> Played {
        let messages = self.user_messages()?;
        if messages.is_empty()
            && let Last::Event(event) = self.ending.clone()
        {
            return self.feed(event, None);
        }
        for view in &self.turn.founders {
            let id = view.row.inbound.id;
            if !messages.iter().any(|(row, _)| *row == id) {
                return Err(self.diverged(format!("the message of row {id}"), self.recorded()));
            }
        }
        let direct = self.history.get(messages.len()).and_then(|reply| reply.tool_calls().next());
        let command =
            self.turn.founders.first().map(|view| view.row.inbound.kind) == Some(InboundKind::Command);
        let intake = match direct.filter(|_| command) {
            Some(call) => Intake::Tool(call.clone()),
            None => Intake::Chat,
        };
        let at = messages.first().map(|(_, message)| message.at);
        self.feed(Event::Begun { messages, intake }, at)
    }

    fn call_model(&mut self, command: &Command) -> Played {
        if let Some(message) = self.next() {
            return match message.role {
                Role::Assistant => self.feed(replied(message.parts.clone()), Some(message.at)),
                Role::User | Role::Tool => Err(self.diverged(cast::command(command), self.recorded())),
            };
        }
        match self.ending.clone() {
            Last::Answer => self.feed(replied(self.last.parts.clone()), Some(self.last.at)),
            Last::Empty => self.feed(replied(Vec::new()), None),
            Last::Failed(reason) => self.feed(script::model_failed(&reason), None),
            Last::Event(event) => self.feed(event, None),
            Last::Own => Err(self.diverged(cast::command(command), self.recorded())),
        }
    }

    /// The verdicts follow from what became of the calls.
    fn judge(&mut self, calls: &[ToolCall]) -> Played {
        let judgements = calls.iter().map(|call| {
            let asked = self.turn.approvals.iter().find(|approval| approval.call.id == call.id);
            let refused = self.results.get(&call.id).filter(|result| {
                result.status == ToolStatus::Error
                    && !self.worked.contains(&call.id)
                    && !of_the_machine(result)
            });
            let judged = match (asked, refused) {
                (Some(asked), _) => Judged::Ask { reason: asked.reason.clone(), needs: asked.needs },
                (None, Some(refused)) => Judged::Refuse(words(refused)),
                (None, None) => Judged::Allow,
            };
            Judgement { beside: self.turn.beside.contains(&call.name), judged }
        });
        let judgements = judgements.collect();
        self.feed(Event::Judged(judgements), None)
    }

    fn run(&mut self, command: &Command, calls: &[ToolCall]) -> Played {
        let mut pending: HashSet<&CallId> = calls.iter().map(|call| &call.id).collect();
        while !pending.is_empty() {
            let Some(entry) = self.journal.next() else {
                return match self.ending.clone() {
                    Last::Event(event) => self.feed(event, None),
                    Last::Failed(reason) => self.feed(script::given_up(&reason), None),
                    Last::Answer | Last::Empty | Last::Own => {
                        let ids = cast::ids(pending.into_iter());
                        Err(self.diverged(format!("the end of {ids}"), "the journal ends".into()))
                    }
                };
            };
            let foreign = || cast::step(&entry.step.kind);
            match &entry.step.kind {
                StepKind::ToolStarted { call_id, .. } if pending.contains(call_id) => {}
                StepKind::ToolEnded { call_id, ok, .. } if pending.remove(call_id) => {
                    let Some(result) = self.results.get(call_id) else {
                        return Err(self.diverged(format!("a result of {call_id}"), "none".into()));
                    };
                    if (result.status == ToolStatus::Ok) != *ok {
                        let found = format!("a result of {call_id} that is: {}", cast::status(result.status));
                        return Err(self.diverged(foreign(), found));
                    }
                    self.feed(Event::ToolEnded((*result).clone()), Some(entry.at))?;
                }
                StepKind::Resumed { .. } => {
                    let doubtful: Vec<CallId> = pending
                        .iter()
                        .filter(|id| self.results.get(*id).is_some_and(|r| r.status == ToolStatus::Unknown))
                        .map(|id| (*id).clone())
                        .collect();
                    if !doubtful.is_empty() {
                        return self.resume(&doubtful, &pending, entry.at);
                    }
                }
                // These are checked by their rows, and by what they say.
                StepKind::Absorbed { .. } | StepKind::ModelReplied { .. } => {}
                StepKind::ToolStarted { .. } | StepKind::ToolEnded { .. } | StepKind::Suspended => {
                    return Err(self.diverged(cast::command(command), foreign()));
                }
            }
        }
        Ok(())
    }

    /// The turn was taken up again, and nobody knows how `doubtful` ended.
    fn resume(&mut self, doubtful: &[CallId], pending: &HashSet<&CallId>, at: Timestamp) -> Played {
        // A turn that was stopped meanwhile runs nothing more: its next call says so.
        let open = |result: &&ToolResult| !pending.contains(&result.call_id) && of_the_machine(result);
        let next = self.next().and_then(|message| message.tool_results().find(open));
        if let (Last::Event(event), Some(next)) = (self.ending.clone(), next)
            && words(next).starts_with(NOT_RUN)
        {
            return self.feed(event, Some(at));
        }
        let machine = self.machine.clone();
        let (machine, commands) = machine.resume(doubtful, stamp());
        let event = format!("taken up again; outcome unknown: {}", cast::ids(doubtful.iter()));
        self.stepped(machine, commands, event, Some(at))
    }

    fn suspend(&mut self, command: &Command, questions: &[Question]) -> Played {
        let at = loop {
            match self.journal.next() {
                Some(entry) => match entry.step.kind {
                    StepKind::Suspended => break entry.at,
                    StepKind::Resumed { .. } | StepKind::Absorbed { .. } | StepKind::ModelReplied { .. } => {}
                    StepKind::ToolStarted { .. } | StepKind::ToolEnded { .. } => {
                        return Err(self.diverged(cast::command(command), cast::step(&entry.step.kind)));
                    }
                },
                None => return Err(self.diverged(cast::command(command), "the journal ends".into())),
            }
        };
        let closed = questions.iter().any(|question| {
            self.results.get(&question.call.id).is_some_and(|result| words(result).starts_with(NOT_RUN))
        });
        match self.ending.clone() {
            Last::Event(event) if closed => return self.feed(event, Some(at)),
            Last::Failed(reason) if closed => return self.feed(script::given_up(&reason), Some(at)),
            _ => {}
        }
        let mut answers = Vec::new();
        for question in questions {
            let asked = self.turn.approvals.iter().find(|approval| approval.call.id == question.call.id);
            match asked.map(|asked| asked.state).filter(|state| *state != ApprovalState::Open) {
                Some(state) => answers.push((question.call.id.clone(), state)),
                None => {
                    let id = &question.call.id;
                    return Err(self.diverged(format!("an answer about {id}"), "it is still open".into()));
                }
            }
        }
        self.feed(Event::Answered(answers), Some(at))
    }

    fn absorb(&mut self) -> Played {
        let messages = self.user_messages()?;
        let at = messages.first().map(|(_, message)| message.at);
        self.feed(Event::Absorbed(messages), at)
    }

    fn finish(&mut self, command: &Command, ending: &Ending, texts: &[&str]) -> Played {
        let end = || cast::command(command);
        if self.next().is_some() {
            return Err(self.diverged(end(), self.recorded()));
        }
        let said = self.last.text();
        if self.last.role != Role::Assistant
            || self.last.tool_calls().next().is_some()
            || (!self.turn.finalized && !texts.iter().all(|text| said.contains(text)))
        {
            return Err(self.diverged(end(), cast::message(self.last)));
        }
        let outcome = |outcome: Outcome| format!("the outcome {outcome:?}").to_lowercase();
        match self.turn.outcome {
            Some(Outcome::Quiet) if ending.outcome() == Outcome::Replied => {}
            Some(recorded) if recorded != ending.outcome() => {
                return Err(self.diverged(outcome(ending.outcome()), outcome(recorded)));
            }
            Some(_) | None => {}
        }
        let calls = |entry: &&JournalEntry| {
            matches!(
                entry.step.kind,
                StepKind::ToolStarted { .. } | StepKind::ToolEnded { .. } | StepKind::Suspended
            )
        };
        if let Some(more) = self.journal.clone().find(calls) {
            return Err(self.diverged(end(), cast::step(&more.step.kind)));
        }
        // Whoever joined just before a stop may not have been heard.
        if matches!(self.ending, Last::Answer | Last::Own | Last::Empty)
            && let Some(unheard) = self.absorbed.iter().find(|row| !self.machine.taken().contains(row))
        {
            return Err(self.diverged(format!("the message of row {unheard}, which joined"), "none".into()));
        }
        self.feed(Event::Committed, Some(self.last.at))
    }

    /// The messages of people that come next. Each is that of a row that founded or joined the turn.
    fn user_messages(&self) -> Result<Vec<(InboundId, Message)>, Divergence> {
        let mut messages = Vec::new();
        let from = self.machine.added().len();
        let coming = self.history.iter().skip(from);
        for message in coming.take_while(|message| message.role == Role::User) {
            let row = InboundId(message.id.0);
            // Rows may be erased before their messages are; without any there is nothing to compare with.
            let known = self.turn.founders.is_empty()
                || self.turn.is_founder(message.id)
                || self.absorbed.contains(&row);
            if !known {
                let expected = "a message that founded or joined the turn";
                return Err(self.diverged(expected, cast::message(message)));
            }
            messages.push((row, message.clone()));
        }
        Ok(messages)
    }

    /// The next message of the record: what the machine added is what was read of it.
    fn next(&self) -> Option<&'a Message> {
        self.history.get(self.machine.added().len())
    }

    /// The next message of the record, in words.
    fn recorded(&self) -> String {
        cast::message(self.next().unwrap_or(self.last))
    }

    fn feed(&mut self, event: Event, at: Option<Timestamp>) -> Played {
        let words = cast::event(&event);
        let (machine, commands) = self.machine.clone().step(event, stamp());
        self.stepped(machine, commands, words, at)
    }

    /// The machine made a step: what it added must be what was recorded.
    fn stepped(
        &mut self,
        machine: Machine,
        commands: Vec<Command>,
        event: String,
        at: Option<Timestamp>,
    ) -> Played {
        let known = self.machine.added().len();
        self.machine = machine;
        let shown = commands.iter().map(cast::command).collect();
        self.steps.push(ReplayStep { no: self.steps.len() + 1, at, event, commands: shown });
        self.queue.extend(commands);
        let added = &self.machine.added()[known..];
        for (index, added) in added.iter().enumerate() {
            // The last message is none that a machine adds: the driver makes it of the end.
            let Some(recorded) = self.history.get(known + index) else {
                return Err(self.diverged(cast::message(added), cast::message(self.last)));
            };
            if (added.role, &added.parts) != (recorded.role, &recorded.parts) {
                let (expected, recorded) = cast::difference(added, recorded);
                return Err(self.diverged(expected, recorded));
            }
        }
        Ok(())
    }

    fn diverged(&self, expected: impl Into<String>, recorded: String) -> Divergence {
        Divergence { step: self.steps.len(), expected: expected.into(), recorded }
    }
}

/// How the machine's own words about calls begin that it did not let run.
const NOT_RUN: &str = "not run: the turn ";

/// How they begin about calls that were cut off.
const CUT_OFF: &str = "ended before it was done";

/// Whether a result is the machine's own word about a call that it ended itself.
fn of_the_machine(result: &ToolResult) -> bool {
    let words = words(result);
    result.status == ToolStatus::Unknown || words.starts_with(NOT_RUN) || words.starts_with(CUT_OFF)
}

fn words(result: &ToolResult) -> String {
    let texts = result.content.iter().filter_map(session_api::Part::as_text);
    texts.collect::<Vec<_>>().join("\n")
}

fn replied(parts: Vec<session_api::Part>) -> Event {
    Event::Replied(ModelReply { parts, reason: FinishReason::Stop, usage: TokenUsage::default() })
}

/// Ids and times are not compared.
fn stamp() -> Stamp {
    Stamp { id: MessageId(Uuid::nil()), at: Timestamp(0) }
}
