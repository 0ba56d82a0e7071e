//! What goes out: messages, their parts, and drafts.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{state::State, verdict::stale};
use crate::{
    Delivery, Draft, IdSource, OnDoubt, OutPart, OutboxId, OutboxMessage, Part, PartClaim, PartId, PartState,
    Settlement, Splitter, StoreError, Timestamp, TurnId, WorkerId,
};

/// A chat, as far as the order of sending goes: channel, account, chat.
type Chat = (String, String, String);

#[derive(Default)]
pub(super) struct Outbox {
    messages: BTreeMap<u64, Outgoing>,
    ids: HashMap<OutboxId, u64>,
    /// Chats with something left to send.
    chats: BTreeMap<Chat, Queue>,
    /// Drafts that no message took over, first visible first.
    drafts: Vec<(TurnId, Draft)>,
}

#[derive(Default)]
struct Queue {
    /// When a part of it was last claimed, as a token.
    served: u64,
    /// Messages with something left to send.
    messages: VecDeque<u64>,
}

struct Outgoing {
    message: OutboxMessage,
    drafts: Vec<Draft>,
    /// None until the first claim.
    parts: Option<Vec<SentPart>>,
}

struct SentPart {
    part: OutPart,
    not_before: Option<Timestamp>,
    /// Who sends it, with the token.
    claim: Option<(WorkerId, u64)>,
}

fn chat(message: &OutboxMessage) -> Chat {
    let route = &message.route;
    (route.channel.clone(), route.account.clone(), route.chat.clone())
}

impl SentPart {
    /// A claim ended and nobody knows how.
    fn doubt(&mut self, policy: OnDoubt) {
        self.claim = None;
        self.part.state = match policy {
            OnDoubt::ResendOnce if !self.part.doubted => PartState::Pending,
            OnDoubt::ResendOnce | OnDoubt::NeverAndTell => PartState::Unknown,
        };
        self.part.doubted = true;
    }
}

impl Outgoing {
    /// Splits the message at its first claim: drafts are edited into the first parts, and deleted where they are left
    /// over. A draft without a platform's id cannot be edited: its part is sent anew.
    fn parts(&mut self, splitter: &dyn Splitter, ids: &dyn IdSource) -> &mut Vec<SentPart> {
        let Self { message, drafts, parts } = self;
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
                let part = OutPart {
                    id: draft.as_ref().map_or_else(|| PartId::new(ids), |draft| draft.id),
                    message: message.id,
                    index,
                    body,
                    platform_id: draft.and_then(|draft| draft.platform_id),
                    state: PartState::Pending,
                    attempts: 0,
                    doubted: false,
                };
                SentPart { part, not_before: None, claim: None }
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
        self.messages.insert(no, Outgoing { message, drafts, parts: None });
        true
    }

    pub(super) fn message(&self, no: u64) -> Option<&OutboxMessage> {
        self.messages.get(&no).map(|outgoing| &outgoing.message)
    }

    /// All messages, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u64, &OutboxMessage)> {
        self.messages.iter().rev().map(|(no, outgoing)| (*no, &outgoing.message))
    }

    /// Whether something of this message is left to send.
    pub(super) fn is_waiting(&self, no: u64) -> bool {
        let queue = self.messages.get(&no).and_then(|outgoing| self.chats.get(&chat(&outgoing.message)));
        queue.is_some_and(|queue| queue.messages.contains(&no))
    }

    pub(super) fn remove(&mut self, no: u64) {
        let Some(outgoing) = self.messages.remove(&no) else { return };
        self.ids.remove(&outgoing.message.id);
        if let Some(queue) = self.chats.get_mut(&chat(&outgoing.message)) {
            queue.messages.retain(|waiting| *waiting != no);
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

impl State {
    pub(super) fn claim_parts(
        &mut self,
        worker: WorkerId,
        channels: &[String],
        limit: usize,
        splitter: &dyn Splitter,
    ) -> Result<Vec<PartClaim>, StoreError> {
        if self.dead.contains(&worker) {
            return Err(stale("the worker was declared dead"));
        }
        self.outbox.chats.retain(|_, queue| !queue.messages.is_empty());
        let place = |queue: &Queue| queue.served.max(queue.messages.front().copied().unwrap_or_default());
        let mut chats: Vec<(u64, Chat)> = self
            .outbox
            .chats
            .iter()
            .filter(|((channel, ..), _)| channels.contains(channel))
            .map(|(chat, queue)| (place(queue), chat.clone()))
            .collect();
        chats.sort();
        let mut claims = Vec::new();
        for (_, chat) in chats {
            if claims.len() == limit {
                break;
            }
            claims.extend(self.claim_in(&chat, worker, splitter));
        }
        Ok(claims)
    }

    /// Claims the next part of a chat, if nothing holds it.
    fn claim_in(&mut self, chat: &Chat, worker: WorkerId, splitter: &dyn Splitter) -> Option<PartClaim> {
        let token = self.next();
        let queue = self.outbox.chats.get_mut(chat)?;
        while let Some(no) = queue.messages.front() {
            let Some(outgoing) = self.outbox.messages.get_mut(no) else {
                queue.messages.pop_front();
                continue;
            };
            let (route, kind) = (outgoing.message.route.clone(), outgoing.message.kind);
            let on_doubt = outgoing.message.on_doubt;
            for sent in outgoing.parts(splitter, self.ids.as_ref()) {
                if let Some((holder, _)) = sent.claim {
                    if !self.dead.contains(&holder) {
                        return None;
                    }
                    sent.doubt(on_doubt);
                    self.touched = true;
                }
                if sent.part.state != PartState::Pending {
                    continue;
                }
                if sent.not_before.is_some_and(|at| self.now < at) {
                    return None;
                }
                sent.part.state = PartState::Sending;
                sent.part.attempts += 1;
                sent.claim = Some((worker, token));
                queue.served = token;
                return Some(PartClaim { part: sent.part.clone(), route, kind, token });
            }
            queue.messages.pop_front();
        }
        None
    }

    pub(super) fn settle_part(
        &mut self,
        claim: &PartClaim,
        settlement: Settlement,
    ) -> Result<(), StoreError> {
        let gone = || stale("the part was settled or claimed by another worker");
        let no = self.outbox.ids.get(&claim.part.message).ok_or_else(gone)?;
        let outgoing = self.outbox.messages.get_mut(no).ok_or_else(gone)?;
        let parts = outgoing.parts.as_mut().ok_or_else(gone)?;
        let fits = |sent: &SentPart| {
            sent.part.id == claim.part.id && sent.claim.is_some_and(|(_, token)| token == claim.token)
        };
        let at = parts.iter().position(fits).ok_or_else(gone)?;
        let (_, rest) = parts.split_at_mut(at);
        let (sent, behind) = rest.split_first_mut().ok_or_else(gone)?;
        match settlement {
            Settlement::Sent { platform_id } => {
                sent.part.state = PartState::Sent;
                sent.part.platform_id = platform_id.or(sent.part.platform_id.take());
            }
            Settlement::RetryAt { at, .. } => {
                sent.part.state = PartState::Pending;
                sent.not_before = Some(at);
            }
            Settlement::Failed { .. } => {
                sent.part.state = PartState::Failed;
                // Drafts left over are still deleted: what they show is not the answer.
                for unsent in behind.iter_mut().filter(|unsent| unsent.part.body.is_some()) {
                    unsent.part.state = PartState::Failed;
                }
            }
            Settlement::Unknown { .. } => sent.doubt(outgoing.message.on_doubt),
        }
        sent.claim = None;
        self.touched = true;
        Ok(())
    }
}
