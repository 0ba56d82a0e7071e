//! `SessionStore`.

use async_trait::async_trait;

use super::{
    InMemoryStore,
    state::{Session, State},
    verdict::{conflict, invalid},
    writes::Origin,
};
use crate::{
    Checkpoint, Message, MessageId, Page, PrincipalId, Scope, SearchHit, SessionInfo, SessionKey,
    SessionStore, StoreError, StoredMessage, Window, WindowBudget, Writes,
};

fn info(key: &SessionKey, session: &Session) -> SessionInfo {
    SessionInfo {
        key: key.clone(),
        principal: session.principal.clone(),
        shared: session.shared,
        title: session.title.clone(),
        model: session.model.clone(),
        effort: session.effort,
        parent: session.parent.clone(),
        epoch: session.epoch,
        messages: session.messages.len() as u64,
        last_seq: session.last_seq,
        pending: session.pending.len() as u64,
        open_turn: session.open_turn,
        created_at: session.created_at,
        updated_at: session.updated_at,
    }
}

impl Session {
    fn window(&self, budget: WindowBudget) -> Window {
        let checkpoint = self.checkpoints.last().cloned();
        let upto = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.upto);
        let (mut messages, mut bytes, mut truncated) = (Vec::new(), 0, false);
        for kept in self.messages.iter().rev().take_while(|kept| kept.stored.seq > upto) {
            bytes += kept.bytes;
            let fits = messages.is_empty() || bytes <= budget.bytes;
            if messages.len() >= budget.messages || !fits {
                truncated = true;
                break;
            }
            messages.push(kept.stored.clone());
        }
        messages.reverse();
        let (model, effort) = (self.model.clone(), self.effort);
        Window { checkpoint, messages, truncated, epoch: self.epoch, model, effort, shared: self.shared }
    }
}

impl State {
    fn visible(&self, scope: &Scope, key: &SessionKey) -> Option<&Session> {
        self.sessions.get(key).filter(|_| self.sees(scope, key))
    }

    fn search(&self, scope: &Scope, text: &str, limit: usize) -> Vec<SearchHit> {
        let wanted = text.to_lowercase();
        let mut hits = Vec::new();
        for (key, session) in self.sessions.iter().filter(|(key, _)| self.sees(scope, key)) {
            let found =
                session.messages.iter().filter(|k| k.stored.message.text().to_lowercase().contains(&wanted));
            hits.extend(found.map(|kept| (kept.no, key, &kept.stored)));
        }
        hits.sort_by_key(|(no, ..)| std::cmp::Reverse(*no));
        let hits = hits.into_iter().take(limit);
        hits.map(|(_, key, message)| SearchHit { session: key.clone(), message: message.clone() }).collect()
    }

    fn append_checkpoint(
        &mut self,
        key: &SessionKey,
        epoch: u64,
        previous: Option<MessageId>,
        checkpoint: Checkpoint,
        writes: Writes,
    ) -> Result<(), StoreError> {
        if !writes.stands_alone() {
            return Err(invalid("a checkpoint brings nothing that belongs to a turn"));
        }
        let session = self.sessions.get_mut(key).ok_or_else(|| conflict("the session is gone"))?;
        if session.epoch != epoch {
            return Err(conflict("the history was taken away"));
        }
        let last = session.checkpoints.last();
        if last.map(|last| last.id) != previous {
            return Err(conflict("another checkpoint came first"));
        }
        let least = last.map_or(0, |last| last.upto);
        if checkpoint.upto < least || checkpoint.upto > session.last_seq {
            return Err(invalid("a checkpoint stands for messages that are there"));
        }
        session.checkpoints.push(checkpoint);
        self.apply(&Origin::outside(), writes);
        self.mark_changed(key);
        self.touched = true;
        Ok(())
    }

    fn import(
        &mut self,
        key: &SessionKey,
        owner: &PrincipalId,
        messages: Vec<Message>,
    ) -> Result<u64, StoreError> {
        self.refuse_while_held(key)?;
        self.visit(key, owner, None);
        for speaker in messages.iter().filter_map(|message| message.principal.as_ref()) {
            self.visit(key, speaker, None);
        }
        self.touched = true;
        Ok(self.add_messages(key, messages))
    }
}

#[async_trait]
impl SessionStore for InMemoryStore {
    async fn window(
        &self,
        scope: &Scope,
        key: &SessionKey,
        budget: WindowBudget,
    ) -> Result<Window, StoreError> {
        Ok(self.with(|state| match state.visible(scope, key) {
            Some(session) => session.window(budget),
            None => Window {
                checkpoint: None,
                messages: Vec::new(),
                truncated: false,
                epoch: state.epochs,
                model: None,
                effort: None,
                shared: false,
            },
        }))
    }

    async fn messages(
        &self,
        scope: &Scope,
        key: &SessionKey,
        page: Page,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        Ok(self.with(|state| {
            let Some(session) = state.visible(scope, key) else { return Vec::new() };
            let start = session.messages.partition_point(|kept| kept.stored.seq <= page.after);
            session.messages.iter().skip(start).take(page.limit).map(|kept| kept.stored.clone()).collect()
        }))
    }

    async fn session(&self, scope: &Scope, key: &SessionKey) -> Result<Option<SessionInfo>, StoreError> {
        Ok(self.with(|state| state.visible(scope, key).map(|session| info(key, session))))
    }

    async fn sessions(&self, scope: &Scope, limit: usize) -> Result<Vec<SessionInfo>, StoreError> {
        Ok(self.with(|state| {
            let mut seen: Vec<_> = state.sessions.iter().filter(|(key, _)| state.sees(scope, key)).collect();
            seen.sort_by_key(|(_, session)| std::cmp::Reverse(session.changed));
            seen.into_iter().take(limit).map(|(key, session)| info(key, session)).collect()
        }))
    }

    async fn children(
        &self,
        parent: Option<&SessionKey>,
        active: bool,
        limit: usize,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        Ok(self.with(|state| {
            let wanted = |session: &Session| {
                session.parent.as_ref().is_some_and(|by| parent.is_none_or(|parent| parent == by))
                    && (!active || session.open_turn.is_some() || !session.pending.is_empty())
            };
            let mut found: Vec<_> = state.sessions.iter().filter(|(_, session)| wanted(session)).collect();
            found.sort_by_key(|(_, session)| std::cmp::Reverse(session.changed));
            found.into_iter().take(limit).map(|(key, session)| info(key, session)).collect()
        }))
    }

    async fn search(&self, scope: &Scope, text: &str, limit: usize) -> Result<Vec<SearchHit>, StoreError> {
        Ok(self.with(|state| state.search(scope, text, limit)))
    }

    async fn append_checkpoint(
        &self,
        key: &SessionKey,
        epoch: u64,
        previous: Option<MessageId>,
        checkpoint: Checkpoint,
        writes: Writes,
    ) -> Result<(), StoreError> {
        self.with(|state| state.append_checkpoint(key, epoch, previous, checkpoint, writes))
    }

    async fn clear_session(&self, scope: &Scope, key: &SessionKey) -> Result<u64, StoreError> {
        self.with(|state| state.clear_session(scope, key))
    }

    async fn delete_session(&self, scope: &Scope, key: &SessionKey) -> Result<bool, StoreError> {
        self.with(|state| state.delete_session(scope, key))
    }

    async fn import_session(
        &self,
        key: &SessionKey,
        owner: &PrincipalId,
        messages: Vec<Message>,
    ) -> Result<u64, StoreError> {
        self.with(|state| state.import(key, owner, messages))
    }
}
