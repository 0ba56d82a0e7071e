//! Sessions, questions, dead letters, usage: what an owner looks at and changes.

use std::time::Duration;

use session_api::{
    Approval, ApprovalId, ApprovalState, AuditEntry, BlobId, DeadLetter, Decision, Inbound, InboundId,
    InboundKind, LeaseFrom, Message, Outcome, Page, Principal, Purpose, RunNow, Runner, Scope, SearchHit,
    SessionInfo, SessionKey, StoreError, StoredMessage, Timestamp, Turn, UsageBy, UsageEntry, UsageTotal,
    Writes,
};

use super::{Factotum, run::LOOK_AGAIN};
use crate::{AgentError, Pairing};

/// How long to wait for a running turn to make way.
const PATIENCE: Duration = Duration::from_secs(30);

/// What stands in a session's way before a new message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Open questions.
    pub questions: Vec<Approval>,
    /// A turn that was begun, or rows that wait.
    pub unfinished: bool,
}

/// Histories.
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a>(&'a Factotum);

/// Questions.
#[derive(Debug, Clone, Copy)]
pub struct Approvals<'a>(&'a Factotum);

impl Factotum {
    /// Histories.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// Questions.
    #[must_use]
    pub fn approvals(&self) -> Approvals<'_> {
        Approvals(self)
    }

    /// Who asks to be let in, and who was.
    #[must_use]
    pub fn pairing(&self) -> Pairing {
        Pairing::new(self.ports.stores.clone(), self.ports.clock.clone(), self.ports.ids.clone())
    }

    /// What stands in `session`'s way before a new message.
    pub async fn waiting(&self, session: &SessionKey) -> Result<Waiting, AgentError> {
        let scope = Scope::Session(session.clone());
        let Some(info) = self.ports.stores.sessions.session(&scope, session).await? else {
            return Ok(Waiting::default());
        };
        let questions = if info.open_turn.is_some() {
            let now = self.ports.clock.now();
            let mut open = self.ports.stores.mailbox.approvals(&scope, true).await?;
            open.retain(|approval| approval.session == *session && approval.expires_at > now);
            open
        } else {
            Vec::new()
        };
        Ok(Waiting { questions, unfinished: info.open_turn.is_some() || info.pending > 0 })
    }

    /// Messages that failed too often, or for want of a model.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, AgentError> {
        Ok(self.ports.stores.mailbox.dead_letters(&Scope::All, limit).await?)
    }

    /// Makes a dead letter pending again; `None` when there is none with this id, else its session.
    pub async fn redrive(&self, id: InboundId) -> Result<Option<SessionKey>, AgentError> {
        let Some(view) = self.ports.stores.mailbox.inbound(id).await? else { return Ok(None) };
        let done = self.ports.stores.mailbox.redrive(id).await?;
        Ok(done.then_some(view.row.inbound.session))
    }

    /// Settles a dead letter as refused; `false` when there is none with this id.
    pub async fn drop_dead_letter(&self, id: InboundId) -> Result<bool, AgentError> {
        Ok(self.ports.stores.mailbox.drop_dead_letter(id).await?)
    }

    /// Tokens and cost since `since`.
    pub async fn usage(&self, since: Timestamp, by: UsageBy) -> Result<Vec<UsageTotal>, AgentError> {
        Ok(self.ports.stores.usage.usage_totals(&Scope::All, since, by).await?)
    }

    /// Stores bytes for a message that will name them.
    pub async fn keep(&self, bytes: bytes::Bytes) -> Result<BlobId, AgentError> {
        Ok(self.ports.stores.blobs.put_blob(bytes).await?)
    }

    /// Records what a run that was kept elsewhere used and did, under `session`: one row of usage for each model and one
    /// of audit. Nothing of what was said is part of it.
    pub async fn record_run(
        &self,
        session: SessionKey,
        usage: &[UsageTotal],
        tools_used: &[String],
    ) -> Result<(), AgentError> {
        let (mailbox, at) = (&self.ports.stores.mailbox, self.ports.clock.now());
        let turn = self.own_turn(&session).await?;
        let owner = Principal::owner().id;
        let entry = |total: &UsageTotal| UsageEntry {
            reservation: None,
            at,
            session: session.clone(),
            turn: turn.lease.turn,
            principal: owner.clone(),
            purpose: Purpose::Chat,
            provider: String::new(),
            model: total.group.clone(),
            input_tokens: total.input_tokens,
            cached_tokens: total.cached_tokens,
            output_tokens: total.output_tokens,
            estimated: false,
            cost_micros: (total.unpriced_calls == 0).then_some(total.cost_micros),
        };
        let audit = AuditEntry {
            at,
            session: session.clone(),
            turn: Some(turn.lease.turn),
            principal: owner.clone(),
            kind: "run.ephemeral".into(),
            subject: usage.iter().map(|total| total.group.as_str()).collect::<Vec<_>>().join(", "),
            payload: serde_json::json!({ "tools": tools_used }).to_string(),
            millis: 0,
        };
        let usage = usage.iter().map(entry).collect();
        let writes = Writes { usage, audit: vec![audit], ..Writes::default() };
        Ok(mailbox.commit(&turn.lease, Outcome::Quiet, writes).await?)
    }

    /// A turn in `session` for a row of our own. What others left there is ended on the way: nobody waits for it.
    pub(super) async fn own_turn(&self, session: &SessionKey) -> Result<Turn, AgentError> {
        let (ports, mailbox) = (&self.ports, &self.ports.stores.mailbox);
        // A command: should this process die, whoever ends the row in its place asks no model.
        let row = self.own_row(session.clone(), InboundKind::Command, "/help");
        let row = Inbound { runner: Runner::Only(ports.worker), ..row };
        let id = row.id;
        let mut turn = mailbox.accept(None, vec![row].into(), Some(RunNow(ports.worker))).await?.turn;
        let mut patience = ports.clock.sleep(PATIENCE);
        loop {
            match turn {
                Some(turn) if turn.founders.iter().any(|row| row.inbound.id == id) => return Ok(turn),
                Some(left) => match mailbox.commit(&left.lease, Outcome::Quiet, Writes::default()).await {
                    Ok(()) | Err(StoreError::Stale { .. }) => {}
                    Err(error) => return Err(error.into()),
                },
                None => {}
            }
            let version = mailbox.changed(0).await?;
            turn = mailbox.lease(ports.worker, LeaseFrom::Sessions(vec![session.clone()])).await?;
            if turn.is_none() {
                tokio::select! {
                    changed = mailbox.changed(version) => { changed?; }
                    () = &mut patience => {
                        return Err(StoreError::Busy { what: format!("{session} is in use") }.into());
                    }
                    // A lease that runs out is no change.
                    () = ports.clock.sleep(LOOK_AGAIN) => {}
                }
            }
        }
    }
}

impl Sessions<'_> {
    /// Sessions, last changed first.
    pub async fn list(&self, limit: usize) -> Result<Vec<SessionInfo>, AgentError> {
        Ok(self.0.ports.stores.sessions.sessions(&Scope::All, limit).await?)
    }

    /// What is known of one.
    pub async fn get(&self, key: &SessionKey) -> Result<Option<SessionInfo>, AgentError> {
        Ok(self.0.ports.stores.sessions.session(&Scope::All, key).await?)
    }

    /// Messages of one, in order.
    pub async fn messages(&self, key: &SessionKey, page: Page) -> Result<Vec<StoredMessage>, AgentError> {
        Ok(self.0.ports.stores.sessions.messages(&Scope::All, key, page).await?)
    }

    /// Messages that hold `text`, newest first.
    pub async fn search(&self, text: &str, limit: usize) -> Result<Vec<SearchHit>, AgentError> {
        Ok(self.0.ports.stores.sessions.search(&Scope::All, text, limit).await?)
    }

    /// Adds messages to one that nobody works on, creating it where it is new. Returns how many were added.
    pub async fn import(&self, key: &SessionKey, messages: Vec<Message>) -> Result<u64, AgentError> {
        let owner = Principal::owner().id;
        Ok(self.0.ports.stores.sessions.import_session(key, &owner, messages).await?)
    }

    /// Takes all messages of one away, after what runs in it has stopped. Returns how many there were.
    pub async fn clear(&self, key: &SessionKey) -> Result<u64, AgentError> {
        self.when_free(|| self.0.ports.stores.sessions.clear_session(&Scope::All, key)).await
    }

    /// Takes one away with everything that belongs to it, after what runs in it has stopped. Returns whether it was
    /// there.
    pub async fn delete(&self, key: &SessionKey) -> Result<bool, AgentError> {
        self.when_free(|| self.0.ports.stores.sessions.delete_session(&Scope::All, key)).await
    }

    async fn when_free<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, AgentError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let ports = &self.0.ports;
        let mut patience = ports.clock.sleep(PATIENCE);
        loop {
            let version = ports.stores.mailbox.changed(0).await?;
            match attempt().await {
                Err(busy @ StoreError::Busy { .. }) => tokio::select! {
                    changed = ports.stores.mailbox.changed(version) => { changed?; }
                    () = &mut patience => return Err(busy.into()),
                },
                done => return Ok(done?),
            }
        }
    }
}

impl Approvals<'_> {
    /// The open questions, oldest first.
    pub async fn open(&self) -> Result<Vec<Approval>, AgentError> {
        let now = self.0.ports.clock.now();
        let mut open = self.0.ports.stores.mailbox.approvals(&Scope::All, true).await?;
        open.retain(|approval| approval.expires_at > now);
        Ok(open)
    }

    /// Answers a question as the owner. Returns it as it is afterwards; an error says why it cannot be answered any
    /// more. The turn goes on when somebody leases it: a gateway, [`Factotum::attach`], or [`Factotum::resume`].
    pub async fn answer(&self, id: ApprovalId, decision: Decision) -> Result<Approval, AgentError> {
        let find = || async {
            let all = self.0.ports.stores.mailbox.approvals(&Scope::All, false).await?;
            Ok::<_, StoreError>(all.into_iter().find(|approval| approval.id == id))
        };
        let Some(question) = find().await? else {
            return Err(AgentError::Context(format!(
                "there is no question {id}; `factotum approvals list` shows them"
            )));
        };
        let gone = |state: &str| AgentError::Context(format!("the question {id} is no longer open: {state}"));
        match question.state {
            ApprovalState::Open if question.expires_at <= self.0.ports.clock.now() => {
                return Err(gone("it expired"));
            }
            ApprovalState::Open => {}
            ApprovalState::Allowed => return Err(gone("it was allowed")),
            ApprovalState::Denied => return Err(gone("it was denied")),
            ApprovalState::Superseded => return Err(gone("a newer message took its place")),
            ApprovalState::Expired => return Err(gone("it expired")),
        }
        let kind = InboundKind::Answer { approval: id, decision };
        let answer = self.0.own_row(question.session.clone(), kind, &format!("{decision:?} {id}"));
        let accepted = self.0.ports.stores.mailbox.accept(None, vec![answer].into(), None).await?;
        drop(accepted);
        find().await?.ok_or_else(|| gone("its session was deleted"))
    }
}
