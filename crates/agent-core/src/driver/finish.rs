//! The ends of a run: committed, suspended, given up.

use std::time::Duration;

use session_api::{
    Approval, ApprovalId, ApprovalState, ApprovalWrite, Delivery, Inbound, InboundId, Message, OnDoubt,
    OutboxId, OutboxKind, OutboxMessage, Outcome, Part, PartId, Role, Route, StepKind, Timestamp, Writes,
};

use super::{Report, RunEnd, run::Run};
use crate::{
    AgentError, ModelErrorKind, RunEventKind,
    turn::{Command, Ending, Event, Machine, Question},
};

/// The pause before a run is tried again; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_LONGEST: Duration = Duration::from_secs(10 * 60);

impl Run<'_> {
    /// Commits the answer. Without a model the attempt fails and the rows are kept, to be tried again from the start;
    /// but not when tools already ran: then the history keeps what they did, so that nothing is done a second time.
    pub(super) async fn finish(
        &self,
        machine: &Machine,
        ending: Ending,
        parts: Vec<Part>,
        mut writes: Writes,
    ) -> Result<RunEnd, AgentError> {
        self.look_outside(machine);
        let mut messages = machine.added().to_vec();
        let no_model = matches!(ending, Ending::ModelFailed { .. });
        let content = if no_model && !worked(&messages) {
            self.keep_failed(&ending, &parts, writes).await?
        } else {
            let mut parts = parts;
            if no_model {
                parts.push(Part::text("What was done so far is kept. Write again to go on."));
            }
            parts.splice(0..0, self.outside.load().parts());
            let last = self.last_message(parts).await;
            let content = last.text();
            messages.push(last);
            let quiet = ending == Ending::Answered && (self.is_quiet(&content) || self.plan_goes_on());
            if !quiet {
                writes.outbox.push(self.answer(self.answer_kind(&ending), &content));
            }
            self.tell_parent(&ending, &messages, &content, &mut writes).await?;
            let warnings = self.warnings(&writes).await;
            writes.outbox.extend(warnings);
            if !self.off_record && ending == Ending::Answered {
                self.hold_against_journal(machine, &content, quiet, &mut writes);
            }
            if !self.off_record {
                self.learn(ending.stop_reason(), &messages, !quiet, &mut writes).await;
            }
            // Nobody reads again that there was nothing to say.
            if !self.off_record && (!quiet || worked(&messages)) {
                writes.messages.clone_from(&messages);
            }
            self.commit(if quiet { Outcome::Quiet } else { ending.outcome() }, writes).await?;
            let stop_reason = ending.stop_reason().to_owned();
            self.emit(if no_model {
                RunEventKind::RunFailed { error: content.clone(), stop_reason }
            } else {
                let (usage, tools_used) = (machine.usage(), machine.tools_used());
                RunEventKind::RunCompleted { content: content.clone(), usage, stop_reason, tools_used }
            });
            content
        };
        tracing::info!(ending = ending.stop_reason(), model_calls = machine.model_calls(), "turn ended");
        let reason = ending.stop_reason();
        self.hooks(|hook, run| hook.after_run(run, reason)).await;
        Ok(RunEnd::Ended(Box::new(self.report(machine, content, messages, ending))))
    }

    /// Whether an answer says that there is nothing to say, in the word agreed upon.
    fn is_quiet(&self, content: &str) -> bool {
        let around = |c: char| !c.is_alphanumeric();
        self.overrides
            .quiet
            .as_ref()
            .is_some_and(|word| content.trim_matches(around) == word.trim_matches(around))
    }

    /// When a run that may be tried again is: nobody is told before the last attempt.
    fn retry_at(&self, ending: &Ending) -> Option<Timestamp> {
        let Ending::ModelFailed { kind, .. } = ending else { return None };
        let again = self.turn.attempt <= self.overrides.retries && kind.retry_helps();
        let pause = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.turn.attempt.saturating_sub(1)));
        again.then(|| self.ports.clock.now().plus(pause.min(RETRY_LONGEST)))
    }

    /// The rows become dead letters: kept, visible, and tried again when somebody asks for it.
    async fn keep_failed(
        &self,
        ending: &Ending,
        parts: &[Part],
        mut writes: Writes,
    ) -> Result<String, AgentError> {
        if let Some(at) = self.retry_at(ending) {
            let error = ending.notice().unwrap_or_default();
            tracing::warn!(error, attempt = self.turn.attempt, "a run failed; it is tried again");
            self.fail(&error, Some(at), writes).await?;
            let stop_reason = ending.stop_reason().to_owned();
            self.emit(RunEventKind::RunFailed { error: error.clone(), stop_reason });
            return Ok(error);
        }
        let mut texts: Vec<String> = parts.iter().filter_map(Part::as_text).map(str::to_owned).collect();
        let ids: Vec<String> = self.founders().iter().map(InboundId::to_string).collect();
        texts.push(format!(
            "Your message is kept; `factotum dead-letters retry {}` tries it again.",
            ids.join(" ")
        ));
        let content = texts.join("\n");
        writes.outbox.push(self.answer(OutboxKind::Notice, &content));
        self.tell_parent(ending, &[], &content, &mut writes).await?;
        let error = ending.notice().unwrap_or_default();
        self.fail(&error, None, writes).await?;
        let stop_reason = ending.stop_reason().to_owned();
        self.emit(RunEventKind::RunFailed { error: content.clone(), stop_reason });
        Ok(content)
    }

    /// A turn that cannot be worked on any more. What its tools did is kept in the history, as far as it is on record: a
    /// second try must not do it again.
    pub(super) async fn give_up(&self, why: &str) -> Result<RunEnd, AgentError> {
        let record = self.turn.record.as_ref();
        if let Some(machine) = record.and_then(|record| Machine::restore(record).ok()) {
            let (machine, commands) = machine.step(Event::GivenUp(why.to_owned()), self.stamp());
            let commands = if commands.is_empty() { machine.outstanding() } else { commands };
            if let Some(Command::Finish { ending, parts }) = commands.into_iter().last() {
                tracing::error!(why, "turn given up");
                let mut writes = Writes::default();
                if worked(machine.added()) {
                    writes.inbound = self.unheard(&machine);
                }
                return self.finish(&machine, ending, parts, writes).await;
            }
        }
        let ending = Ending::ModelFailed { kind: ModelErrorKind::BadRequest, message: why.to_owned() };
        let mut parts: Vec<Part> = ending.notice().map(Part::text).into_iter().collect();
        // Nobody can read any more what they did; a second try begins from the start and might do it again.
        let started: Vec<String> =
            self.turn.journal.iter().filter_map(|entry| started(&entry.step.kind)).collect();
        if !started.is_empty() {
            let tools = started.join(", ");
            let text =
                format!("{tools} had been started: find out what was done before you try the message again.");
            parts.push(Part::text(text));
        }
        let content = self.keep_failed(&ending, &parts, Writes::default()).await?;
        tracing::error!(why, "turn given up");
        let machine = Machine::new(self.beginning());
        Ok(RunEnd::Ended(Box::new(self.report(&machine, content, Vec::new(), ending))))
    }

    /// Rows that joined the turn and that it never read: they come in once more, since the end of the turn settles them.
    /// Without tools there is no need: they go back by themselves.
    fn unheard(&self, machine: &Machine) -> Vec<Inbound> {
        let rows = self.turn.absorbed.iter().map(|row| &row.inbound);
        rows.filter(|inbound| !machine.taken().contains(&inbound.id))
            .map(|inbound| Inbound {
                id: InboundId::new(self.ports.ids.as_ref()),
                external_id: format!("again:{}", inbound.id),
                ..inbound.clone()
            })
            .collect()
    }

    /// Stores the questions and gives the lease up.
    pub(super) async fn suspend(
        &self,
        machine: &Machine,
        questions: Vec<Question>,
        mut writes: Writes,
    ) -> Result<RunEnd, AgentError> {
        let now = self.ports.clock.now();
        for Question { call, reason, needs } in questions {
            let id = ApprovalId::new(self.ports.ids.as_ref());
            let text = format!(
                "May I run `{}` with {}?\nWhy I ask: {reason}.\nAnswer with `/approve {id}` or `/deny {id}`.",
                call.name, call.arguments
            );
            writes.outbox.push(self.outgoing(OutboxKind::Question { approval: id }, &text));
            self.emit(RunEventKind::ApprovalRequested {
                approval: id,
                name: call.name.clone(),
                arguments: call.arguments.clone(),
                reason: reason.clone(),
            });
            writes.approvals.push(ApprovalWrite::Ask(Approval {
                id,
                turn: self.info.turn,
                session: self.info.session.clone(),
                call,
                reason,
                needs,
                asked_by: self.behalf.load().principal.id.clone(),
                asked_at: now,
                expires_at: now.plus(self.core.approval_expiry),
                state: ApprovalState::Open,
            }));
        }
        writes.record = Some(machine.record()?);
        self.suspend_turn(writes).await?;
        self.hooks(|hook, run| hook.after_run(run, "suspended")).await;
        Ok(RunEnd::Suspended)
    }

    /// The answer as the history keeps it, after the hooks that may change its text.
    async fn last_message(&self, parts: Vec<Part>) -> Message {
        let stamp = self.stamp();
        let mut message = Message {
            id: stamp.id,
            role: Role::Assistant,
            principal: None,
            turn: self.info.turn,
            at: stamp.at,
            parts,
        };
        for hook in self.core.hooks.iter().filter(|hook| hook.finalizes()) {
            let text = message.text();
            let finalized = self.bounded(hook.as_ref(), hook.finalize_content(&self.info, &text)).await;
            if let Some(Some(text)) = finalized {
                message.parts.retain(|part| part.as_text().is_none());
                message.parts.push(Part::text(text));
            }
        }
        message
    }

    pub(super) fn outgoing(&self, kind: OutboxKind, text: &str) -> OutboxMessage {
        let route = self.route();
        let pull = super::is_pulled(&route.channel);
        let mut drafts: Vec<PartId> = self.turn.drafts.iter().map(|draft| draft.id).collect();
        drafts.extend(self.live.draft().filter(|id| !drafts.contains(id)));
        let on_doubt = self.ports.channels.of(&route).map_or_else(OnDoubt::default, |on| on.policy.on_doubt);
        OutboxMessage {
            id: OutboxId::new(self.ports.ids.as_ref()),
            turn: Some(self.info.turn),
            inbound: self.founders().last().copied(),
            session: self.info.session.clone(),
            route,
            parts: vec![Part::text(self.ports.redact.redact(text))],
            kind,
            delivery: if pull { Delivery::Pull } else { Delivery::Push },
            on_doubt,
            drafts,
            at: self.ports.clock.now(),
        }
    }

    /// Where the answer goes: the route of the newest founder, since they share a chat.
    pub(super) fn route(&self) -> Route {
        let last = self.turn.founders.last();
        last.map_or_else(|| Route::to_session(&self.info.session), |row| row.inbound.reply.clone())
    }

    fn founders(&self) -> Vec<InboundId> {
        self.turn.founders.iter().map(|row| row.inbound.id).collect()
    }

    fn report(&self, machine: &Machine, content: String, messages: Vec<Message>, ending: Ending) -> Report {
        Report {
            full: self.is_full(messages.len()),
            turn: self.info.turn,
            session: self.info.session.clone(),
            founders: self.founders(),
            resumed: self.turn.record.is_some() || self.turn.attempt > 1,
            content,
            tools_used: machine.tools_used(),
            messages,
            usage: machine.usage(),
            ending,
            model: self.chosen.as_ref().map_or_else(|_| String::new(), crate::ChosenModel::name),
        }
    }
}

/// Whether tools ran.
fn worked(messages: &[Message]) -> bool {
    messages.iter().any(|message| message.role == Role::Tool)
}

/// The tool whose call this step started, for a reader.
fn started(step: &StepKind) -> Option<String> {
    match step {
        StepKind::ToolStarted { name, .. } => Some(format!("`{name}`")),
        _ => None,
    }
}
