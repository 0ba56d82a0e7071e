//! Reading a turn out of the stores.

use std::collections::HashSet;

use session_api::{
    InboundId, InboundState, InboundView, Message, OutboxMessage, Page, Scope, SessionKey, TurnId, TurnView,
};

use super::{RecordedTurn, Replay, TurnReport, attempts, recorded::absorbed};
use crate::{AgentError, Factotum, turn::Machine};

/// Messages read at once in search of those of a turn.
const PAGE: usize = 500;
/// Outgoing messages of a conversation that are looked through.
const OUTBOX: usize = 1000;

impl Factotum {
    /// What happened in a turn; `None` when there is no such turn.
    pub async fn turn_report(&self, id: TurnId) -> Result<Option<TurnReport>, AgentError> {
        let Some(view) = self.ports.stores.mailbox.turn(id).await? else { return Ok(None) };
        // A record of another version is not guessed at; the rest of the report stands without it.
        let machine = view.record.as_ref().and_then(|record| Machine::restore(record).ok());
        let recorded = self.read(view).await?;
        let outbox = self.outbox_of(&recorded).await?;
        let rows = self.ports.stores.audit.audit_about(&id.to_string(), attempts::MOST).await?;
        Ok(Some(recorded.report(machine.as_ref(), attempts::story(&rows), outbox)))
    }

    /// Drives the machine with what was recorded of a turn, offline, and says where the two part; `None` when there is no
    /// such turn.
    pub async fn replay(&self, id: TurnId) -> Result<Option<Replay>, AgentError> {
        Ok(self.recorded_turn(id).await?.map(|recorded| recorded.replay()))
    }

    /// Everything that the stores keep of a turn; `None` when there is no such turn.
    pub async fn recorded_turn(&self, id: TurnId) -> Result<Option<RecordedTurn>, AgentError> {
        match self.ports.stores.mailbox.turn(id).await? {
            Some(view) => Ok(Some(self.read(view).await?)),
            None => Ok(None),
        }
    }

    async fn read(&self, view: TurnView) -> Result<RecordedTurn, AgentError> {
        let founders = self.rows(view.founders.iter().copied()).await?;
        let joined = self.rows(absorbed(&view.journal)).await?;
        let outcome = founders.iter().find_map(|row| match &row.state {
            InboundState::Settled(settled) if settled.turn == Some(view.id) => Some(settled.outcome),
            _ => None,
        });
        let mut approvals = self.ports.stores.mailbox.approvals(&Scope::All, false).await?;
        approvals.retain(|approval| approval.turn == view.id);
        let core = self.core();
        let beside: HashSet<String> = core
            .tools
            .specs()
            .filter(|spec| spec.effect.runs_beside_others())
            .map(|spec| spec.name.clone())
            .collect();
        Ok(RecordedTurn {
            id: view.id,
            state: view.state,
            started_at: view.started_at,
            founders,
            joined,
            outcome,
            messages: self.messages_of(view.id, &view.session).await?,
            session: view.session,
            journal: view.journal,
            approvals,
            beside,
            finalized: core.hooks.iter().any(|hook| hook.finalizes()),
        })
    }

    async fn rows(&self, ids: impl Iterator<Item = InboundId>) -> Result<Vec<InboundView>, AgentError> {
        let mut rows = Vec::new();
        for id in ids {
            rows.extend(self.ports.stores.mailbox.inbound(id).await?);
        }
        Ok(rows)
    }

    /// The messages that a turn added. They stand together, since one commit added them.
    async fn messages_of(&self, id: TurnId, session: &SessionKey) -> Result<Vec<Message>, AgentError> {
        let mut found: Vec<Message> = Vec::new();
        let mut after = 0;
        loop {
            let page = Page { after, limit: PAGE };
            let messages = self.ports.stores.sessions.messages(&Scope::All, session, page).await?;
            let Some(last) = messages.last() else { return Ok(found) };
            after = last.seq;
            let before = found.len();
            found.extend(messages.into_iter().map(|stored| stored.message).filter(|m| m.turn == id));
            if before > 0 && found.len() == before {
                return Ok(found);
            }
        }
    }

    /// What the turn said: to those whom it answered, whatever its age, and to others, as far as it is found.
    async fn outbox_of(&self, turn: &RecordedTurn) -> Result<Vec<OutboxMessage>, AgentError> {
        let mut said: Vec<OutboxMessage> = Vec::new();
        for row in &turn.founders {
            if let InboundState::Settled(settled) = &row.state {
                said.extend(settled.replies.iter().filter(|reply| reply.turn == Some(turn.id)).cloned());
            }
        }
        let mut newest = self.ports.stores.mailbox.outbox(&turn.session, OUTBOX).await?;
        newest.reverse();
        said.extend(newest.into_iter().filter(|message| message.turn == Some(turn.id)));
        let mut seen = HashSet::new();
        said.retain(|message| seen.insert(message.id));
        Ok(said)
    }
}
