//! Applying a `Writes` whole or not at all: all that can be refused is refused before anything changes.

use super::{
    state::{Kept, Session, State},
    verdict::{invalid, stale},
};
use crate::{
    Approval, ApprovalWrite, Checkpoint, JobLease, Message, MessageId, Outside, SessionKey, SessionWrite,
    StoreError, StoredMessage, TurnId, TurnLease, Writes,
};

/// Where writes come from, and so what they may hold.
pub(super) struct Origin {
    turn: Option<(TurnId, SessionKey)>,
    commits: bool,
}

impl Origin {
    pub(super) fn turn(lease: &TurnLease) -> Self {
        Self { turn: Some((lease.turn, lease.session.clone())), commits: false }
    }

    pub(super) fn commit(lease: &TurnLease) -> Self {
        Self { commits: true, ..Self::turn(lease) }
    }

    /// A job that fires, an adapter's batch, a row that is given up.
    pub(super) fn outside() -> Self {
        Self { turn: None, commits: false }
    }
}

impl State {
    /// Uses a job's claim.
    pub(super) fn fire(&mut self, lease: &JobLease, writes: Writes) -> Result<(), StoreError> {
        let claim = self.jobs.get(&lease.job.id).and_then(|row| row.claim);
        if claim != Some((lease.worker, lease.token)) || self.dead.contains(&lease.worker) {
            return Err(stale("the job was fired, removed, or claimed by another worker"));
        }
        let origin = Origin::outside();
        self.validate(&origin, &writes)?;
        if let Some(row) = self.jobs.get_mut(&lease.job.id) {
            row.claim = None;
        }
        self.apply(&origin, writes);
        self.touched = true;
        Ok(())
    }

    /// Refuses what may not be written from there. [`apply`](Self::apply) cannot fail afterwards.
    pub(super) fn validate(&self, origin: &Origin, writes: &Writes) -> Result<(), StoreError> {
        if !writes.messages.is_empty() && !origin.commits {
            return Err(invalid("messages are added by a commit only"));
        }
        for ApprovalWrite::Ask(asked) in &writes.approvals {
            let fits = |(turn, key): &(TurnId, SessionKey)| *turn == asked.turn && *key == asked.session;
            if !origin.turn.as_ref().is_some_and(fits) {
                return Err(invalid("a question belongs to the turn that asks it"));
            }
        }
        if origin.turn.is_none() && (writes.session.is_some() || writes.record.is_some()) {
            return Err(invalid("a job has neither a session nor a record"));
        }
        Ok(())
    }

    pub(super) fn apply(&mut self, origin: &Origin, writes: Writes) {
        let Writes { messages, outbox, inbound, jobs, usage, audit, kv, people, approvals, session, record } =
            writes;
        if let Some((id, key)) = &origin.turn {
            if !messages.is_empty() || session.is_some() {
                self.mark_changed(key);
            }
            self.add_messages(key, messages);
            if let Some(write) = session {
                self.change_session(key, write);
            }
            if let Some(turn) = self.turns.get_mut(id) {
                turn.record = record.or(turn.record.take());
            }
        }
        for write in people {
            self.write_person(write);
        }
        for write in kv {
            self.write_value(write);
        }
        for write in jobs {
            self.write_job(write);
        }
        for entry in audit {
            self.append_audit(entry);
        }
        for entry in usage {
            self.ledger.settle(entry);
        }
        for message in outbox {
            let no = self.next();
            let turn = message.turn;
            if !self.outbox.add(no, message) {
                continue;
            }
            match turn.and_then(|turn| self.turns.get_mut(&turn)) {
                Some(turn) => turn.said.push(no),
                None => self.finish_said(no),
            }
        }
        for ApprovalWrite::Ask(asked) in approvals {
            self.ask(asked);
        }
        for row in inbound {
            self.accept_row(row);
        }
    }

    /// Appends messages that do not stand yet; says how many.
    pub(super) fn add_messages(&mut self, key: &SessionKey, messages: Vec<Message>) -> u64 {
        let mut added = 0;
        for message in messages {
            let no = self.next();
            let Some(session) = self.sessions.get_mut(key) else { return added };
            if !session.message_ids.insert(message.id) {
                continue;
            }
            // A message is made of strings and numbers: it has a JSON form. Were it not so, it would count as free.
            let bytes = serde_json::to_vec(&message).map_or(0, |json| json.len());
            session.last_seq += 1;
            session.messages.push(Kept {
                no,
                bytes,
                forgotten: false,
                stored: StoredMessage { seq: session.last_seq, message },
            });
            added += 1;
        }
        added
    }

    fn change_session(&mut self, key: &SessionKey, write: SessionWrite) {
        let SessionWrite { title, model, effort, fresh, trim, undo } = write;
        if let Some(upto) = trim {
            self.trim_session(key, upto);
        }
        let (at, id) = (self.now, fresh.then(|| MessageId::new(self.ids.as_ref())));
        let undone = |session: &Session| session.checkpoints.iter().position(|made| Some(made.id) == undo);
        let undone = self.sessions.get(key).and_then(undone);
        self.epochs += u64::from(undone.is_some());
        let epoch = self.epochs;
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.title = title.or(session.title.take());
        if let Some(model) = model {
            session.model = model;
        }
        if let Some(place) = undone {
            session.checkpoints.truncate(place);
            session.epoch = epoch;
        }
        if let Some(effort) = effort {
            session.effort = effort;
        }
        if let Some(id) = id {
            let (upto, summary, outside) = (session.last_seq, String::new(), Outside::default());
            session.checkpoints.push(Checkpoint { id, upto, summary, at, outside });
        }
    }

    fn ask(&mut self, asked: Approval) {
        let no = self.next();
        if self.approval_ids.contains_key(&asked.id) {
            return;
        }
        self.approval_ids.insert(asked.id, no);
        if let Some(turn) = self.turns.get_mut(&asked.turn) {
            turn.approvals.push(no);
        }
        self.approvals.insert(no, asked);
    }
}
