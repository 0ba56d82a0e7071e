//! What goes out: messages, their parts, and drafts.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use crate::{
    Delivery, Draft, IdSource, OutPart, OutboxId, OutboxMessage, Part, PartId, PartState, Splitter,
    Timestamp, TurnId, WorkerId,
};

/// A chat, as far as the order of sending goes: channel, account, chat.
pub(super) type Chat = (String, String, String);

#[derive(Default)]
pub(super) struct Outbox {
    pub(super) messages: BTreeMap<u64, Outgoing>,
    pub(super) ids: HashMap<OutboxId, u64>,
    /// Chats with something left to send.
    pub(super) chats: BTreeMap<Chat, Queue>,
    /// Drafts that no message took over, first visible first.
    drafts: Vec<(TurnId, Draft)>,
}

#[derive(Default)]
pub(super) struct Queue {
    /// When a part of it was last claimed, as a token.
    pub(super) served: u64,
    /// The message of which a part was claimed last and not settled, and by whom.
    pub(super) sending: Option<(u64, WorkerId)>,
    /// Messages with something left to send, in order.
    pub(super) messages: VecDeque<u64>,
}

pub(super) struct Outgoing {
    pub(super) message: OutboxMessage,
    drafts: Vec<Draft>,
    /// None until the first claim.
    pub(super) parts: Option<Vec<SentPart>>,
    /// It is in back-off until then.
    pub(super) not_before: Option<Duration>,
}

pub(super) struct SentPart {
    pub(super) part: OutPart,
    /// How often a claim on it ended in doubt.
    pub(super) doubts: u32,
    /// Who sends it, with the token.
    pub(super) claim: Option<(WorkerId, u64)>,
    /// Why it did not reach its reader and since when, as long as it is listed as undelivered.
    pub(super) failed: Option<(String, Timestamp)>,
}

pub(super) fn chat(message: &OutboxMessage) -> Chat {
    let route = &message.route;
    (route.channel.clone(), route.account.clone(), route.chat.clone())
}

impl Outgoing {
    /// Whether something of it is left to send.
    pub(super) fn is_waiting(&self) -> bool {
        let waits = |sent: &SentPart| matches!(sent.part.state, PartState::Pending | PartState::Sending);
        self.message.delivery == Delivery::Push && self.parts.as_ref().is_none_or(|all| all.iter().any(waits))
    }

    /// Whether it is listed as undelivered.
    pub(super) fn is_undelivered(&self) -> bool {
        self.parts.as_ref().is_some_and(|all| all.iter().any(|sent| sent.failed.is_some()))
    }

    /// Splits the message at its first claim: drafts are edited into the first parts, and deleted where they are left
    /// over. A draft without a platform's id cannot be edited: its part is sent anew, in doubt.
    pub(super) fn split(&mut self, splitter: &dyn Splitter, ids: &dyn IdSource) -> &mut Vec<SentPart> {
        let Self { message, drafts, parts, .. } = self;
        parts.get_or_insert_with(|| {
            let mut bodies: Vec<Option<Part>> = splitter.split(message).into_iter().map(Some).collect();
            let leftover = drafts.get(bodies.len()..).unwrap_or_default();
            let deletions = leftover.iter().filter(|draft| draft.platform_id.is_some()).count();
            let shown: Vec<Draft> = {
                let (edited, left) = drafts.split_at(bodies.len().min(drafts.len()));
                let left = left.iter().filter(|draft| draft.platform_id.is_some());
                edited.iter().chain(left).cloned().collect()
            };
            bodies.extend(std::iter::repeat_n(None, deletions));
            let mut shown = shown.into_iter();
            let part = |(index, body)| {
                let draft = shown.next();
                let hidden = draft.as_ref().is_some_and(|draft| draft.platform_id.is_none());
                let part = OutPart {
                    id: draft.as_ref().map_or_else(|| PartId::new(ids), |draft| draft.id),
                    message: message.id,
                    index,
                    body,
                    platform_id: draft.and_then(|draft| draft.platform_id),
                    state: PartState::Pending,
                    attempts: 0,
                    doubted: hidden,
                };
                SentPart { part, doubts: u32::from(hidden), claim: None, failed: None }
            };
            (0..).zip(bodies).map(part).collect()
        })
    }
}

impl Outbox {
    /// Stores a message unless its id stands already; says whether it did.
    pub(super) fn add(&mut self, no: u64, message: OutboxMessage) -> bool {
        if self.ids.contains_key(&message.id) {
            return false;
        }
        let mut drafts = Vec::new();
        for id in &message.drafts {
            if let Some(at) = self.drafts.iter().position(|(_, draft)| draft.id == *id) {
                drafts.push(self.drafts.remove(at).1);
            }
        }
        self.ids.insert(message.id, no);
        if message.delivery == Delivery::Push {
            self.chats.entry(chat(&message)).or_default().messages.push_back(no);
        }
        self.messages.insert(no, Outgoing { message, drafts, parts: None, not_before: None });
        true
    }

    pub(super) fn message(&self, no: u64) -> Option<&OutboxMessage> {
        self.messages.get(&no).map(|outgoing| &outgoing.message)
    }

    /// All messages, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u64, &OutboxMessage)> {
        self.messages.iter().rev().map(|(no, outgoing)| (*no, &outgoing.message))
    }

    /// Whether this message has to stay: something of it is left to send, or nobody has looked at what failed.
    pub(super) fn is_needed(&self, no: u64) -> bool {
        self.messages.get(&no).is_some_and(|outgoing| outgoing.is_waiting() || outgoing.is_undelivered())
    }

    pub(super) fn remove(&mut self, no: u64) {
        let Some(outgoing) = self.messages.remove(&no) else { return };
        self.ids.remove(&outgoing.message.id);
        if let Some(queue) = self.chats.get_mut(&chat(&outgoing.message)) {
            queue.messages.retain(|waiting| *waiting != no);
            queue.sending = queue.sending.filter(|(sending, _)| *sending != no);
        }
    }

    pub(super) fn put_draft(&mut self, turn: TurnId, draft: Draft) {
        match self.drafts.iter_mut().find(|(_, stored)| stored.id == draft.id) {
            Some(stored) => *stored = (turn, draft),
            None => self.drafts.push((turn, draft)),
        }
    }

    pub(super) fn drafts_of(&self, turn: TurnId) -> Vec<Draft> {
        self.drafts.iter().filter(|(of, _)| *of == turn).map(|(_, draft)| draft.clone()).collect()
    }

    pub(super) fn inherit_drafts(&mut self, from: TurnId, to: TurnId) {
        for (turn, _) in self.drafts.iter_mut().filter(|(turn, _)| *turn == from) {
            *turn = to;
        }
    }

    pub(super) fn drop_drafts(&mut self, turn: TurnId) {
        self.drafts.retain(|(of, _)| *of != turn);
    }
}
