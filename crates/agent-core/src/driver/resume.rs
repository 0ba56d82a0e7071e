//! Beginning a turn, or taking it up where another process left it.

use std::collections::HashMap;

use session_api::{ApprovalState, CallId, InboundKind, StepKind, ToolCall, Writes};
use tokio_util::sync::CancellationToken;
use tool_api::Effect;

use super::{messages, run::Run};
use crate::{
    AgentError,
    turn::{Beginning, Command, Event, Machine},
};

impl Run<'_> {
    pub(super) fn beginning(&self) -> Beginning {
        Beginning {
            turn: self.info.turn,
            core: self.core.digest(),
            model: self.chosen.as_ref().map_or_else(|_| String::new(), crate::ChosenModel::name),
            tools: self.specs.iter().map(|spec| (spec.name.clone(), spec.digest())).collect(),
            limits: self.core.limits.narrowed(&self.overrides),
        }
    }

    /// The machine and what to do first. `pending` gets what a command wants written.
    pub(super) async fn take_up(
        &mut self,
        pending: &mut Writes,
    ) -> Result<(Machine, Vec<Command>), AgentError> {
        let Some(record) = self.turn.record.take() else {
            return self.begin(pending).await;
        };
        self.prepare().await?;
        let mut machine = Machine::restore(&record)?;
        if machine.core_digest() == self.core.digest() {
            // What a router chose stays chosen.
            let routed = !self.core.models.routers().is_empty() && self.nobody_chose();
            if let Some(Ok(begun)) = routed.then(|| self.core.models.routed(machine.model())) {
                self.chosen = Ok(begun);
                self.frame_chosen().await?;
            }
        } else {
            tracing::info!("the configuration changed since this turn began");
            machine
                .note("Note: the configuration changed while I worked on this; I went on with the new one.");
        }
        self.turn.record = Some(record);
        let reason =
            if machine.is_suspended() { "its questions were settled" } else { "its worker was gone" };
        let resumed = Self::step(StepKind::Resumed { reason: reason.into() }, false);
        self.ports.stores.mailbox.journal(&self.turn.lease, resumed, Writes::default()).await?;
        if self.turn.stopped_by.is_some() {
            return Ok(machine.step(Event::Stopped, self.stamp()));
        }
        if machine.is_suspended() {
            let settled = self.turn.approvals.iter().filter(|approval| approval.state != ApprovalState::Open);
            let answers = settled.map(|approval| (approval.call.id.clone(), approval.state)).collect();
            return Ok(machine.step(Event::Answered(answers), self.stamp()));
        }
        let doubtful = self.doubtful(&machine).await;
        pending.audit.extend(doubtful.iter().map(|call| self.audit("tool.unknown", call, "", 0)));
        let ids: Vec<CallId> = doubtful.into_iter().map(|call| call.id).collect();
        Ok(machine.resume(&ids, self.stamp()))
    }

    async fn begin(&mut self, pending: &mut Writes) -> Result<(Machine, Vec<Command>), AgentError> {
        let intake = self.intake(pending).await?;
        let mut intake = intake;
        if !self.off_record {
            self.prepare().await?;
            intake = self.choose_who(intake, pending).await;
            if self.chosen.as_ref().is_ok_and(|chosen| chosen.name() != self.frame.model) {
                self.frame_chosen().await?;
            }
        }
        let machine = Machine::new(self.beginning());
        let Some(first) = self.turn.founders.first() else {
            return Err(AgentError::Context("the turn has no messages".into()));
        };
        if self.turn.stopped_by.is_some() {
            return Ok(machine.step(Event::Stopped, self.stamp()));
        }
        // Subagents that ended together are heard of together.
        if matches!(first.inbound.kind, InboundKind::Result { .. }) && !self.off_record {
            let joined = self.ports.stores.mailbox.absorb(&self.turn.lease).await?;
            self.act_for_all(&joined).await?;
            self.turn.absorbed.extend(joined);
        }
        let Some(first) = self.turn.founders.first() else { return Ok((machine, Vec::new())) };
        // Rows that joined before a crash that left no record are acknowledged with the others: they must be heard too.
        let rows = self.turn.founders.iter().chain(&self.turn.absorbed);
        let mut messages = Vec::new();
        for row in rows {
            messages.push((row.inbound.id, messages::message(&self.heard(row).await, first, self.info.turn)));
        }
        Ok(machine.step(Event::Begun { messages, intake }, self.stamp()))
    }

    /// Calls under way that were started and must not be repeated: unsafe ones, and keyed ones whose state is no longer
    /// what it was. A call whose start stands in no journal never started.
    async fn doubtful(&self, machine: &Machine) -> Vec<ToolCall> {
        let started: HashMap<&CallId, Option<&String>> = self
            .turn
            .journal
            .iter()
            .filter_map(|entry| match &entry.step.kind {
                StepKind::ToolStarted { call_id, key, .. } => Some((call_id, key.as_ref())),
                _ => None,
            })
            .collect();
        let mut doubtful = Vec::new();
        for call in machine.calls_under_way() {
            let Some(key_before) = started.get(&call.id) else { continue };
            let repeatable = match self.core.tools.get(&call.name) {
                Some(tool) if tool.spec().effect == Effect::Keyed => {
                    let context = self.tool_context(&call, tool, CancellationToken::new());
                    let key_now = tool.key(&context, &call.arguments).await;
                    matches!((key_before, key_now), (Some(before), Ok(Some(now))) if **before == now)
                }
                Some(tool) => !tool.spec().effect.journals_start(),
                None => false,
            };
            if !repeatable {
                tracing::warn!(tool = call.name, call = %call.id, "interrupted, outcome unknown");
                doubtful.push(call);
            }
        }
        doubtful
    }
}
