//! Following a run.

use session_api::{
    Inbound, InboundId, InboundKind, InboundState, Outcome, Part, Principal, Route, RunNow, RunOverrides,
    Runner, SessionKey, WhenBusy, Writes,
};
use tokio::sync::{mpsc, oneshot};

use super::{Factotum, RunResult};
use crate::{AgentError, RunEvent, RunEventKind};

/// A run under way. Dropping it stops the run, unless it was started detached.
#[derive(Debug)]
pub struct RunStream {
    factotum: Factotum,
    session: SessionKey,
    inbound: InboundId,
    events: mpsc::Receiver<RunEvent>,
    result: Option<oneshot::Receiver<Result<RunResult, AgentError>>>,
    outcome: Option<Result<RunResult, AgentError>>,
    stop_on_drop: bool,
}

impl RunStream {
    pub(super) fn new(
        factotum: Factotum,
        session: SessionKey,
        inbound: InboundId,
        events: mpsc::Receiver<RunEvent>,
        result: oneshot::Receiver<Result<RunResult, AgentError>>,
        detached: bool,
    ) -> Self {
        Self {
            factotum,
            session,
            inbound,
            events,
            result: Some(result),
            outcome: None,
            stop_on_drop: !detached,
        }
    }

    /// The message that is followed.
    #[must_use]
    pub fn inbound(&self) -> InboundId {
        self.inbound
    }

    /// The next event of this run, or `None` when it is over. Cancel safe.
    pub async fn next(&mut self) -> Option<RunEvent> {
        loop {
            let event = match &mut self.result {
                // What is queued comes first, then the end.
                Some(result) => tokio::select! {
                    biased;
                    event = self.events.recv() => event,
                    outcome = result => {
                        self.result = None;
                        self.outcome = Some(outcome.unwrap_or(Err(AgentError::Cancelled)));
                        self.events.try_recv().ok()
                    }
                },
                None => self.events.try_recv().ok(),
            };
            match event {
                Some(event) if event.inbound.contains(&self.inbound) => return Some(event),
                Some(_) => {}
                None if self.result.is_none() => return None,
                // The bus is gone; only the outcome is left to wait for.
                None => {
                    let outcome = match self.result.take() {
                        Some(result) => result.await.unwrap_or(Err(AgentError::Cancelled)),
                        None => return None,
                    };
                    self.outcome = Some(outcome);
                    return None;
                }
            }
        }
    }

    /// The next piece of the answer's text, or `None` when the run is over. That of an attempt that failed in the middle is
    /// among them: whoever shows text as it comes and can take it back reads [`next`](Self::next) instead, where
    /// [`RunEventKind::AttemptFailed`] says when.
    pub async fn text(&mut self) -> Option<String> {
        while let Some(event) = self.next().await {
            if let RunEventKind::TextDelta { text, .. } = event.kind {
                return Some(text);
            }
        }
        None
    }

    /// What the run came to. Events not read yet are passed over.
    pub async fn wait(mut self) -> Result<RunResult, AgentError> {
        while self.outcome.is_none() && self.next().await.is_some() {}
        let outcome = match (self.outcome.take(), self.result.take()) {
            (Some(outcome), _) => outcome,
            (None, Some(result)) => result.await.unwrap_or(Err(AgentError::Cancelled)),
            (None, None) => Err(AgentError::Cancelled),
        };
        self.stop_on_drop = false;
        outcome
    }

    /// Asks the run to stop, as `/stop` does. It ends within half a second, with what was done so far kept. One that
    /// still waits for another run of its session leaves that one alone, and ends when its turn comes.
    pub async fn cancel(&self) -> Result<(), AgentError> {
        let view = self.factotum.ports.stores.mailbox.inbound(self.inbound).await?;
        match view.map(|view| view.state) {
            Some(InboundState::Running(_) | InboundState::Suspended(_)) => {
                self.factotum.stop(&self.session).await
            }
            Some(InboundState::Pending { .. }) => {
                self.stop_later();
                Ok(())
            }
            Some(InboundState::Settled(_) | InboundState::Dead { .. }) | None => Ok(()),
        }
    }

    fn stop_later(&self) {
        let (factotum, session, id) = (self.factotum.clone(), self.session.clone(), self.inbound);
        let task = async move {
            if let Err(error) = factotum.stop_when_running(&session, id).await {
                tracing::warn!(%error, "a run could not be stopped");
            }
        };
        self.factotum.ports.spawn.spawn("stop", Box::pin(task));
    }

    /// Stops the run and waits until it is over.
    pub async fn close(self) -> Result<RunResult, AgentError> {
        self.cancel().await?;
        self.wait().await
    }
}

impl Drop for RunStream {
    fn drop(&mut self) {
        let over = self.outcome.is_some() || self.result.is_none();
        if self.stop_on_drop && !over {
            self.stop_later();
        }
    }
}

impl Factotum {
    /// Stops the turn that answers `id`, and none that runs before it.
    async fn stop_when_running(&self, session: &SessionKey, id: InboundId) -> Result<(), AgentError> {
        let mailbox = &self.ports.stores.mailbox;
        let mut version = 0;
        loop {
            version = mailbox.changed(version).await?;
            match mailbox.inbound(id).await?.map(|view| view.state) {
                Some(InboundState::Pending { .. }) => {}
                Some(InboundState::Running(_) | InboundState::Suspended(_)) => {
                    return self.stop(session).await;
                }
                Some(InboundState::Settled(_) | InboundState::Dead { .. }) | None => return Ok(()),
            }
        }
    }

    /// Stops what runs in `session` and in the sessions it started. With nothing running it does nothing.
    pub async fn stop(&self, session: &SessionKey) -> Result<(), AgentError> {
        let mailbox = &self.ports.stores.mailbox;
        let stop = self.own_row(session.clone(), InboundKind::Stop, "/stop");
        let accepted = mailbox.accept(None, vec![stop].into(), Some(RunNow(self.ports.worker))).await?;
        if let Some(turn) = accepted.turn {
            // Nothing ran. Nobody waits to be told so: the row must not become the next run's first answer.
            mailbox.commit(&turn.lease, Outcome::Quiet, Writes::default()).await?;
        }
        Ok(())
    }

    /// A row of the owner's own, for what the façade does.
    pub(super) fn own_row(&self, session: SessionKey, kind: InboundKind, text: &str) -> Inbound {
        let id = InboundId::new(self.ports.ids.as_ref());
        Inbound {
            id,
            external_id: id.to_string(),
            parent: None,
            reply: Route::to_session(&session),
            session,
            principal: Principal::owner(),
            kind,
            busy: WhenBusy::default(),
            coalesce: None,
            runner: Runner::Any,
            overrides: RunOverrides::default(),
            parts: vec![Part::text(text)],
            shared: false,
            received_at: self.ports.clock.now(),
            correlation: id.to_string(),
        }
    }
}
