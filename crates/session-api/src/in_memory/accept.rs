//! What comes in: sources, cursors, rows.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{
    state::{Row, Source, Standing, State},
    verdict::{invalid, stale},
    writes::Origin,
};
use crate::{
    Acceptance, Accepted, Ack, Batch, CursorMove, Inbound, InboundKind, InboundRow, Locked, Outcome, Rank,
    RunNow, SourceLease, StoreError, WhenBusy, WorkerId,
};

/// The digest under which an event is remembered. Length first, so that no two triples run together.
fn event_digest(inbound: &Inbound) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for field in [&inbound.session.channel, &inbound.session.account, &inbound.external_id] {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}

impl State {
    pub(super) fn claim_source(
        &mut self,
        worker: WorkerId,
        channel: &str,
        account: &str,
        ttl: Duration,
    ) -> Option<SourceLease> {
        let key = (channel.to_owned(), account.to_owned());
        let until = self.uptime.saturating_add(ttl);
        let token = self.next();
        let dead = &self.dead;
        let source = self.sources.entry(key).or_insert_with(|| Source {
            worker,
            token,
            until,
            cursors: Default::default(),
        });
        if source.worker != worker {
            if !dead.contains(&source.worker) && self.uptime < source.until {
                return None;
            }
            (source.worker, source.token) = (worker, token);
        }
        source.until = until;
        Some(SourceLease {
            channel: channel.to_owned(),
            account: account.to_owned(),
            worker,
            token: source.token,
            cursors: source.cursors.iter().map(|(name, at)| (name.clone(), *at)).collect(),
        })
    }

    pub(super) fn accept(
        &mut self,
        lease: Option<&SourceLease>,
        batch: Batch,
        run_now: Option<RunNow>,
    ) -> Result<Accepted, StoreError> {
        let Batch { rows: batch, cursor, writes } = batch;
        if run_now.is_some() && batch.len() != 1 {
            return Err(invalid("only a batch of one row can be run at once"));
        }
        if !writes.stands_alone() {
            return Err(invalid("a batch writes messages to send, values and audit rows only"));
        }
        self.move_cursor(lease, cursor)?;
        self.expire_questions();
        let mut rows = Vec::with_capacity(batch.len());
        let mut newest = None;
        for inbound in batch {
            let id = inbound.id;
            let acceptance = self.accept_row(inbound);
            if acceptance == Acceptance::New {
                newest = self.row_ids.get(&id).copied();
            }
            rows.push(acceptance);
        }
        let turn = match (run_now, newest) {
            (Some(RunNow(worker)), Some(seq)) => self.run_now(worker, seq),
            _ => None,
        };
        self.apply(&Origin::outside(), writes);
        self.touched = true;
        Ok(Accepted { rows, ack: Ack::committed(), turn })
    }

    /// The only part of `accept` that can refuse after its arguments were checked; it runs first.
    fn move_cursor(
        &mut self,
        lease: Option<&SourceLease>,
        cursor: Option<CursorMove>,
    ) -> Result<(), StoreError> {
        let Some(lease) = lease else {
            let refused = cursor.map(|_| stale("a cursor moves with the lease of its source only"));
            return refused.map_or(Ok(()), Err);
        };
        let source = self
            .sources
            .get_mut(&(lease.channel.clone(), lease.account.clone()))
            .filter(|source| source.worker == lease.worker && source.token == lease.token)
            .ok_or_else(|| stale("another worker has the source"))?;
        if self.dead.contains(&source.worker) || self.uptime >= source.until {
            return Err(stale("the lease of the source has run out"));
        }
        if let Some(moved) = cursor {
            let at = source.cursors.entry(moved.name).or_default();
            *at = moved.to.max(*at);
        }
        Ok(())
    }

    /// Stores one row unless it was there before. It cannot fail.
    pub(super) fn accept_row(&mut self, inbound: Inbound) -> Acceptance {
        let digest = event_digest(&inbound);
        if let Some(first) = self.seen.get(&digest) {
            return Acceptance::Duplicate(*first);
        }
        if self.row_ids.contains_key(&inbound.id) {
            return Acceptance::Duplicate(inbound.id);
        }
        self.seen.insert(digest, inbound.id);
        let session = self.visit(&inbound.session, &inbound.principal.id, inbound.parent.as_ref());
        session.shared |= inbound.shared;
        self.share_with_parent(&inbound.session);
        let settled = match inbound.kind {
            InboundKind::Answer { approval, decision } => {
                self.answer(approval, decision, inbound.principal.rank)
            }
            InboundKind::Stop => self.stop(&inbound.session, inbound.id),
            InboundKind::Message => {
                self.supersede(&inbound.session, inbound.principal.rank);
                if inbound.busy == WhenBusy::Interrupt {
                    self.stop(&inbound.session, inbound.id);
                }
                false
            }
            InboundKind::Lock => {
                if inbound.principal.rank == Rank::Owner {
                    self.stop_all(inbound.id);
                    self.write_value(Locked { by: inbound.principal.id.clone(), at: self.now }.set());
                }
                false
            }
            InboundKind::Command | InboundKind::Result { .. } => false,
        };
        let seq = self.next();
        let standing = if settled {
            let stop = inbound.kind == InboundKind::Stop;
            Standing::Settled { turn: None, outcome: if stop { Outcome::Stopped } else { Outcome::Quiet } }
        } else {
            Standing::Pending
        };
        if settled {
            self.finish_row(seq);
        } else if let Some(session) = self.sessions.get_mut(&inbound.session) {
            session.pending.insert(seq);
        }
        self.row_ids.insert(inbound.id, seq);
        let row = InboundRow { seq, inbound, accepted_at: self.now };
        let arrived = self.uptime;
        self.rows.insert(seq, Row { row, arrived, standing, attempts: 0, retry_at: None, failed_turn: None });
        Acceptance::New
    }
}
