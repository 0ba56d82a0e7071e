//! Running a message: accept it, lease its session, work until it is settled.

use std::{pin::pin, sync::Arc, time::Duration};

use session_api::{
    Acceptance, Accepted, Inbound, InboundId, InboundState, InboundView, LeaseFrom, RunNow, Runner, Scope,
    SessionKey, Turn, WhenBusy,
};
use tokio::sync::oneshot;

use super::{Factotum, ResumedRun, RunRequest, RunResult, RunStream};
use crate::{
    AgentError, Core, Hook, commands,
    compaction::Why,
    driver::{self, Report, RunEnd},
};

/// How long to wait at most before looking whether time has made a turn leasable.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// After how long it is looked whether a turn has started agents.
const ATTEND_AFTER: Duration = Duration::from_millis(50);
/// Tools that start agents.
const STARTERS: [&str; 3] = ["spawn_agent", "start_pipeline", "start_loop"];

impl Factotum {
    /// Says something and waits for what comes of it.
    pub async fn run(&self, request: RunRequest) -> Result<RunResult, AgentError> {
        self.run_streamed(request).await?.wait().await
    }

    /// Says something and follows what happens. The message is accepted, and so survives anything, when this returns.
    pub async fn run_streamed(&self, request: RunRequest) -> Result<RunStream, AgentError> {
        let RunRequest { session, principal, reply, parts, overrides, hooks, idempotency_key, detached } =
            request;
        if overrides.model.is_some() && overrides.preset.is_some() {
            return Err(AgentError::Context("choose a model or a preset, not both".into()));
        }
        let id = InboundId::new(self.ports.ids.as_ref());
        let speaker = principal.id.clone();
        let texts: Vec<&str> = parts.iter().filter_map(session_api::Part::as_text).collect();
        let kind = commands::kind_of(&texts.join("\n"));
        let inbound = Inbound {
            id,
            external_id: idempotency_key.unwrap_or_else(|| id.to_string()),
            session: session.clone(),
            parent: None,
            reply,
            principal,
            kind,
            busy: WhenBusy::default(),
            coalesce: None,
            runner: Runner::Only(self.ports.worker),
            overrides,
            parts,
            shared: false,
            received_at: self.ports.clock.now(),
            correlation: id.to_string(),
        };
        // Before the message is accepted, so that no event of its turn is missed.
        let events = self.ports.bus.subscribe(&session);
        let run_now = Some(RunNow(self.ports.worker));
        let Accepted { rows, turn, .. } =
            self.ports.stores.mailbox.accept(None, vec![inbound].into(), run_now).await?;
        let id = match rows.first() {
            Some(Acceptance::Duplicate(first)) => {
                // Nobody gets somebody else's answer for having chosen the same key.
                let view = self.ports.stores.mailbox.inbound(*first).await?;
                let row = view.map(|view| view.row.inbound);
                if row.is_some_and(|row| row.session != session || row.principal.id != speaker) {
                    let why = "the idempotency key was used in another conversation; choose a new one";
                    return Err(AgentError::Context(why.into()));
                }
                *first
            }
            _ => id,
        };
        Ok(self.follow(session, id, turn, hooks, events, detached))
    }

    /// The stream of events: the same as [`run_streamed`](Self::run_streamed), under the name that fits a loop.
    pub async fn stream(&self, request: RunRequest) -> Result<RunStream, AgentError> {
        self.run_streamed(request).await
    }

    /// Follows a message that was accepted before, running its turn if nobody else does.
    #[must_use]
    pub fn attach(&self, session: SessionKey, inbound: InboundId) -> RunStream {
        let events = self.ports.bus.subscribe(&session);
        self.follow(session, inbound, None, Vec::new(), events, false)
    }

    fn follow(
        &self,
        session: SessionKey,
        id: InboundId,
        turn: Option<Turn>,
        hooks: Vec<Arc<dyn Hook>>,
        events: tokio::sync::mpsc::Receiver<crate::RunEvent>,
        detached: bool,
    ) -> RunStream {
        let (done, result) = oneshot::channel();
        let factotum = self.clone();
        let key = session.clone();
        let starts = STARTERS.iter().any(|tool| self.core().tools.get(tool).is_some());
        let task = async move {
            let result = {
                let mut driven = pin!(factotum.drive(&key, id, turn, &hooks));
                tokio::select! {
                    biased;
                    result = &mut driven => result,
                    // A short turn starts no agents for which it would wait.
                    () = factotum.ports.clock.sleep(ATTEND_AFTER), if starts => {
                        let _attending = factotum.attend(&key, false);
                        driven.await
                    }
                }
            };
            if result
                .as_ref()
                .is_ok_and(|result| result.tools_used.iter().any(|tool| STARTERS.contains(&tool.as_str())))
            {
                drop(factotum.attend(&key, false));
            }
            // Nobody may be listening any more; the outcome stands in the store all the same.
            let _ = done.send(result);
        };
        self.ports.spawn.spawn("run", Box::pin(task));
        RunStream::new(self.clone(), session, id, events, result, detached)
    }

    /// Works in `session` until `id` is settled, dead, or waits for a person.
    async fn drive(
        &self,
        session: &SessionKey,
        id: InboundId,
        mut turn: Option<Turn>,
        hooks: &[Arc<dyn Hook>],
    ) -> Result<RunResult, AgentError> {
        let mailbox = &self.ports.stores.mailbox;
        loop {
            if let Some(turn) = turn.take() {
                let row = turn.founders.iter().find(|row| row.inbound.id == id);
                let correlation = row.map(|row| row.inbound.correlation.clone());
                // Another message's turn that has to end first is none of this run's hooks' business.
                let hooks = if row.is_some() { hooks } else { &[] };
                match driver::run(&self.ports, self.core_with(hooks), turn).await? {
                    RunEnd::Ended(report) if correlation.is_some() => {
                        self.after(&report);
                        return Ok(RunResult::of_report(*report, correlation));
                    }
                    // Another message's turn, a suspension, or a lost lease: the store knows where ours stands.
                    RunEnd::Ended(_) | RunEnd::Suspended | RunEnd::Lost => {}
                }
            }
            // Read before the state, so that a change in between ends the wait at once.
            let version = mailbox.changed(0).await?;
            let Some(view) = mailbox.inbound(id).await? else {
                return Err(AgentError::Context(format!("the message {id} was deleted with its session")));
            };
            // A suspended turn that was stopped or answered meanwhile is ended first; its questions are asked no more.
            let suspended = matches!(view.state, InboundState::Suspended(_));
            if !suspended && let Some(result) = self.settled(&view).await? {
                return Ok(result);
            }
            turn = mailbox.lease(self.ports.worker, LeaseFrom::Sessions(vec![session.clone()])).await?;
            if turn.is_none()
                && suspended
                && let Some(result) = self.settled(&view).await?
            {
                return Ok(result);
            }
            if turn.is_none() {
                // A lease or a question that runs out is no change: time alone makes a turn leasable again.
                tokio::select! {
                    changed = mailbox.changed(version) => { changed?; }
                    () = self.ports.clock.sleep(LOOK_AGAIN) => {}
                }
            }
        }
    }

    async fn settled(&self, view: &InboundView) -> Result<Option<RunResult>, AgentError> {
        Ok(match &view.state {
            InboundState::Settled(settled) => Some(RunResult::of_settled(view, settled)),
            InboundState::Dead { error } => Some(RunResult::of_dead(view, error)),
            InboundState::Suspended(turn) => {
                let scope = Scope::Session(view.row.inbound.session.clone());
                let mut open = self.ports.stores.mailbox.approvals(&scope, true).await?;
                open.retain(|approval| {
                    approval.turn == *turn && approval.expires_at > self.ports.clock.now()
                });
                (!open.is_empty()).then(|| RunResult::of_questions(view, open))
            }
            InboundState::Pending { .. } | InboundState::Running(_) => None,
        })
    }

    /// Ends what other processes left in `session`: orphaned turns, answered questions, rows nobody leased. Returns
    /// what came of each, in order.
    pub async fn resume(&self, session: &SessionKey) -> Result<Vec<ResumedRun>, AgentError> {
        let mut resumed = Vec::new();
        let _attending = self.attend(session, false);
        let from = || LeaseFrom::Sessions(vec![session.clone()]);
        while let Some(turn) = self.ports.stores.mailbox.lease(self.ports.worker, from()).await? {
            let Some(last) = turn.founders.last() else { continue };
            let (inbound, correlation) = (last.inbound.id, last.inbound.correlation.clone());
            let own = turn.lease.session == *session;
            match driver::run(&self.ports, self.core(), turn).await? {
                RunEnd::Ended(_) if !own => {}
                RunEnd::Ended(report) => {
                    self.after(&report);
                    let result = RunResult::of_report(*report, Some(correlation));
                    resumed.push(ResumedRun { inbound, result });
                }
                RunEnd::Suspended | RunEnd::Lost => break,
            }
        }
        Ok(resumed)
    }

    /// What follows a turn beside everything else.
    fn after(&self, report: &Report) {
        if report.full {
            self.compact_later(&report.session, Why::Full, std::future::pending());
        }
    }

    fn core_with(&self, hooks: &[Arc<dyn Hook>]) -> Arc<Core> {
        let core = self.core();
        if hooks.is_empty() {
            return core;
        }
        let mut core = Core::clone(&core);
        core.hooks.extend(hooks.iter().cloned());
        Arc::new(core)
    }
}
