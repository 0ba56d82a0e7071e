//! Claims on parts of outgoing messages, and how they end.

use super::{
    outbox::{Chat, Queue, SentPart, chat},
    state::State,
    verdict::stale,
};
use crate::{OnDoubt, PartClaim, PartState, Settlement, Splitter, StoreError, WorkerId};

impl SentPart {
    /// A claim ended and nobody knows how.
    fn doubt(&mut self) {
        self.claim = None;
        self.part.state = PartState::Pending;
        self.part.doubted = true;
        self.doubts = self.doubts.saturating_add(1);
    }

    fn may_resend(&self, policy: OnDoubt) -> bool {
        self.doubts == 0 || (self.doubts == 1 && policy == OnDoubt::ResendOnce)
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
        if let Some((no, holder)) = queue.sending {
            if !self.dead.contains(&holder) {
                return None;
            }
            let parts = self.outbox.messages.get_mut(&no).and_then(|outgoing| outgoing.parts.as_mut());
            parts.into_iter().flatten().filter(|sent| sent.claim.is_some()).for_each(SentPart::doubt);
            queue.sending = None;
            self.touched = true;
        }
        while let Some(no) = queue.messages.front().copied() {
            let Some(outgoing) = self.outbox.messages.get_mut(&no) else {
                queue.messages.pop_front();
                continue;
            };
            if outgoing.not_before.is_some_and(|at| self.uptime < at) {
                return None;
            }
            let (route, kind) = (outgoing.message.route.clone(), outgoing.message.kind);
            let on_doubt = outgoing.message.on_doubt;
            let parts = outgoing.split(splitter, self.ids.as_ref());
            if let Some(sent) = parts.iter_mut().find(|sent| sent.part.state == PartState::Pending) {
                sent.part.state = PartState::Sending;
                sent.part.attempts = sent.part.attempts.saturating_add(1);
                sent.claim = Some((worker, token));
                (queue.served, queue.sending) = (token, Some((no, worker)));
                let may_resend = sent.may_resend(on_doubt);
                return Some(PartClaim { part: sent.part.clone(), route, kind, may_resend, token });
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
        let no = *self.outbox.ids.get(&claim.part.message).ok_or_else(gone)?;
        let outgoing = self.outbox.messages.get_mut(&no).ok_or_else(gone)?;
        let parts = outgoing.parts.as_mut().ok_or_else(gone)?;
        let fits = |sent: &SentPart| {
            sent.part.id == claim.part.id && sent.claim.is_some_and(|(_, token)| token == claim.token)
        };
        let at = parts.iter().position(fits).ok_or_else(gone)?;
        let (_, rest) = parts.split_at_mut(at);
        let (sent, behind) = rest.split_first_mut().ok_or_else(gone)?;
        sent.claim = None;
        outgoing.not_before = None;
        let (now, uptime) = (self.now, self.uptime);
        match settlement {
            Settlement::Sent { platform_id } => {
                sent.part.state = PartState::Sent;
                sent.part.platform_id = platform_id.or(sent.part.platform_id.take());
            }
            Settlement::RetryAt { at, .. } => {
                sent.part.state = PartState::Pending;
                outgoing.not_before = Some(uptime.saturating_add(at.since(now)));
            }
            Settlement::Failed { error } => {
                // Drafts left over are still deleted: what they show is not the answer.
                let unsent = behind
                    .iter_mut()
                    .filter(|unsent| unsent.part.state == PartState::Pending && unsent.part.body.is_some());
                for failed in std::iter::once(sent).chain(unsent) {
                    failed.part.state = PartState::Failed;
                    failed.failed = Some((error.clone(), now));
                }
            }
            Settlement::Unknown { .. } if sent.doubts == 0 => sent.doubt(),
            Settlement::Unknown { error } => {
                sent.part.state = PartState::Unknown;
                sent.failed = Some((error, now));
            }
        }
        if let Some(queue) = self.outbox.chats.get_mut(&chat(&outgoing.message)) {
            queue.sending = queue.sending.filter(|(sending, _)| *sending != no);
        }
        self.touched = true;
        Ok(())
    }
}
