//! What did not reach its reader.

use super::{
    outbox::{Outgoing, chat},
    state::State,
};
use crate::{OutPart, OutboxId, PartState, Scope, Undelivered};

impl State {
    pub(super) fn parts(&self, id: OutboxId) -> Vec<OutPart> {
        let outgoing = self.outbox.ids.get(&id).and_then(|no| self.outbox.messages.get(no));
        let parts = outgoing.and_then(|outgoing| outgoing.parts.as_ref());
        parts.map(|all| all.iter().map(|sent| sent.part.clone()).collect()).unwrap_or_default()
    }

    pub(super) fn undelivered(&self, scope: &Scope, limit: usize) -> Vec<Undelivered> {
        let seen =
            self.outbox.messages.values().filter(|outgoing| self.sees(scope, &outgoing.message.session));
        let first = |outgoing: &Outgoing| {
            let mut parts = outgoing.parts.iter().flatten();
            parts.find_map(|sent| {
                let (error, at) = sent.failed.clone()?;
                Some(Undelivered { message: outgoing.message.clone(), part: sent.part.clone(), error, at })
            })
        };
        seen.filter_map(first).take(limit).collect()
    }

    /// The message and its number, if it is listed.
    fn listed(&mut self, id: OutboxId) -> Option<(u64, &mut Outgoing)> {
        let no = *self.outbox.ids.get(&id)?;
        let outgoing = self.outbox.messages.get_mut(&no)?;
        outgoing.is_undelivered().then_some((no, outgoing))
    }

    pub(super) fn resend(&mut self, id: OutboxId) -> bool {
        let Some((no, outgoing)) = self.listed(id) else { return false };
        for sent in outgoing.parts.iter_mut().flatten() {
            if matches!(sent.part.state, PartState::Failed | PartState::Unknown) {
                sent.part.state = PartState::Pending;
                (sent.part.attempts, sent.part.doubted, sent.doubts) = (0, false, 0);
                sent.failed = None;
            }
        }
        let chat = chat(&outgoing.message);
        let queue = &mut self.outbox.chats.entry(chat).or_default().messages;
        // In its old place: before what was said later and waits still.
        if let Err(place) = queue.binary_search(&no) {
            queue.insert(place, no);
        }
        self.touched = true;
        true
    }

    pub(super) fn drop_undelivered(&mut self, id: OutboxId) -> bool {
        let Some((_, outgoing)) = self.listed(id) else { return false };
        outgoing.parts.iter_mut().flatten().for_each(|sent| sent.failed = None);
        self.touched = true;
        true
    }
}
