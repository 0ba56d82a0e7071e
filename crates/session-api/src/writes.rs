//! A transaction as a value.

use serde::{Deserialize, Serialize};

use crate::{
    ApprovalWrite, AuditEntry, Inbound, JobWrite, KvWrite, Message, OutboxMessage, PersonWrite, SessionWrite,
    TurnRecord, UsageEntry,
};

/// What belongs together. A store applies it whole or not at all, through one of the verbs of
/// [`Mailbox`](crate::Mailbox). Everything in it is idempotent by id: an id that stands already is left as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Writes {
    /// New messages of the turn's session, in order. Only in a commit; elsewhere it is an error.
    pub messages: Vec<Message>,
    /// What goes out.
    pub outbox: Vec<OutboxMessage>,
    /// What comes in from inside: a subagent's result, a job that fired.
    pub inbound: Vec<Inbound>,
    /// Jobs added, changed, removed.
    pub jobs: Vec<JobWrite>,
    /// Model calls made.
    pub usage: Vec<UsageEntry>,
    /// Things to be held against somebody.
    pub audit: Vec<AuditEntry>,
    /// Named values.
    pub kv: Vec<KvWrite>,
    /// Who is who.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonWrite>,
    /// Questions.
    pub approvals: Vec<ApprovalWrite>,
    /// Changes to the session.
    pub session: Option<SessionWrite>,
    /// The turn's state, to resume from. A commit drops it.
    pub record: Option<TurnRecord>,
}

impl Writes {
    /// Adds what `other` holds behind what this holds. A later session change or record replaces an earlier one field
    /// by field.
    pub fn append(&mut self, other: Self) {
        let Self { messages, outbox, inbound, jobs, usage, audit, kv, people, approvals, session, record } =
            other;
        self.messages.extend(messages);
        self.outbox.extend(outbox);
        self.inbound.extend(inbound);
        self.jobs.extend(jobs);
        self.usage.extend(usage);
        self.audit.extend(audit);
        self.kv.extend(kv);
        self.people.extend(people);
        self.approvals.extend(approvals);
        if let Some(new) = session {
            let old = self.session.get_or_insert_default();
            old.title = new.title.or(old.title.take());
            old.model = new.model.or(old.model.take());
            old.effort = new.effort.or(old.effort.take());
            old.fresh |= new.fresh;
            old.undo = new.undo.or(old.undo.take());
            old.trim = new.trim.max(old.trim);
        }
        self.record = record.or(self.record.take());
    }

    /// Whether it holds nothing but outgoing messages, named values, people, jobs, model calls and audit rows: what can be
    /// written outside a turn.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        let Self {
            messages,
            outbox: _,
            inbound,
            jobs: _,
            usage: _,
            audit: _,
            kv: _,
            people: _,
            approvals,
            session,
            record,
        } = self;
        messages.is_empty()
            && inbound.is_empty()
            && approvals.is_empty()
            && session.is_none()
            && record.is_none()
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
