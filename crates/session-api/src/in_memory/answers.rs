//! What a row does to open turns as it comes in: answers, stops, messages that supersede.

use super::state::{Standing, State};
use crate::{
    Approval, ApprovalId, ApprovalState, Decision, InboundId, Outcome, Rank, Scope, SessionKey, TurnId,
    TurnState,
};

impl State {
    /// Marks questions that nobody answered in time.
    pub(super) fn expire_questions(&mut self) {
        let now = self.now;
        self.each_open_question(None, |asked| {
            if asked.expires_at <= now {
                asked.state = ApprovalState::Expired;
            }
        });
    }

    /// Settles an open question if this rank may; says whether it did.
    pub(super) fn answer(&mut self, id: ApprovalId, decision: Decision, rank: Rank) -> bool {
        let mut settled = false;
        self.each_open_question(None, |asked| {
            if asked.id == id && rank >= asked.needs {
                settled = true;
                asked.state = match decision {
                    Decision::Allow => ApprovalState::Allowed,
                    Decision::Deny => ApprovalState::Denied,
                };
            }
        });
        settled
    }

    /// Takes away the open questions of a session that this rank might have answered.
    pub(super) fn supersede(&mut self, key: &SessionKey, rank: Rank) {
        self.each_open_question(Some(key), |asked| {
            if rank >= asked.needs {
                asked.state = ApprovalState::Superseded;
            }
        });
    }

    /// Marks the open turns of a session and its descendants, and settles what waits in those that another one started;
    /// says whether there was anything.
    pub(super) fn stop(&mut self, key: &SessionKey, by: InboundId) -> bool {
        let roots = std::slice::from_ref(key);
        let reached: Vec<TurnId> = self
            .open
            .values()
            .filter(|id| self.turns.get(id).is_some_and(|turn| self.descends(&turn.session, roots)))
            .copied()
            .collect();
        for id in &reached {
            if let Some(turn) = self.turns.get_mut(id) {
                turn.stopped_by.get_or_insert(by);
            }
        }
        let waiting: Vec<SessionKey> = self
            .sessions
            .iter()
            .filter(|(at, session)| {
                session.parent.is_some() && !session.pending.is_empty() && self.descends(at, roots)
            })
            .map(|(at, _)| at.clone())
            .collect();
        for at in &waiting {
            let pending = self.sessions.get_mut(at).map(|session| std::mem::take(&mut session.pending));
            for seq in pending.into_iter().flatten() {
                if let Some(row) = self.rows.get_mut(&seq) {
                    row.standing = Standing::Settled { turn: None, outcome: Outcome::Stopped };
                }
                self.finish_row(seq);
            }
            self.mark_changed(at);
        }
        !(reached.is_empty() && waiting.is_empty())
    }

    /// Marks all open turns.
    pub(super) fn stop_all(&mut self, by: InboundId) {
        for id in self.open.values() {
            if let Some(turn) = self.turns.get_mut(id) {
                turn.stopped_by.get_or_insert(by);
            }
        }
    }

    /// Visits the open questions of suspended turns, of one session or of all.
    fn each_open_question(&mut self, of: Option<&SessionKey>, mut visit: impl FnMut(&mut Approval)) {
        for id in self.open.values() {
            let Some(turn) = self.turns.get(id) else { continue };
            let elsewhere = of.is_some_and(|key| *key != turn.session);
            if turn.state != TurnState::Suspended || elsewhere {
                continue;
            }
            for no in &turn.approvals {
                let asked = self.approvals.get_mut(no);
                if let Some(asked) = asked.filter(|asked| asked.state == ApprovalState::Open) {
                    visit(asked);
                }
            }
        }
    }

    /// Whether a turn still waits for an answer.
    pub(super) fn is_waiting(&self, approvals: &[u64]) -> bool {
        let open = |no| self.approvals.get(no).is_some_and(|asked| asked.state == ApprovalState::Open);
        approvals.iter().any(open)
    }

    /// Questions that are left when their turn ends count as denied.
    pub(super) fn close_questions(&mut self, turn: TurnId) {
        let numbers = self.turns.get(&turn).map(|turn| turn.approvals.clone()).unwrap_or_default();
        for no in numbers {
            if let Some(asked) = self.approvals.get_mut(&no)
                && asked.state == ApprovalState::Open
            {
                asked.state = ApprovalState::Denied;
            }
        }
    }

    pub(super) fn list_questions(&mut self, scope: &Scope, open_only: bool) -> Vec<Approval> {
        self.expire_questions();
        let listed = self.approvals.values().filter(|asked| {
            (!open_only || asked.state == ApprovalState::Open) && self.sees(scope, &asked.session)
        });
        listed.cloned().collect()
    }
}
