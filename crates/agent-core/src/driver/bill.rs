//! What model calls cost: reserved before where there is a limit, and on the bill afterwards.

use serde_json::json;
use session_api::{
    AuditEntry, OutboxKind, OutboxMessage, Purpose, ReservationId, Scope, UsageBy, UsageEntry, Writes,
};

use super::{model::Called, run::Run};
use crate::{
    Attempt, ChosenModel, ModelError, TokenUsage,
    gateway::stable_id,
    spending::{self, PaidCall, Period, Spender, dollars},
    turn::Event,
};

/// At this part of a limit, in hundredths, the chat is warned.
const WARN_AT: u128 = 80;

/// What is to be put on the bill of one model call, whether it came to a reply or not.
#[derive(Default)]
pub(super) struct Bill {
    /// What was reserved for it.
    pub(super) reservation: Option<ReservationId>,
    /// Attempts that failed.
    pub(super) failed: Vec<Attempt>,
    /// Calls of the worker that came to nothing which is used.
    pub(super) aside: Vec<UsageEntry>,
    /// Whether the reply is the worker's.
    pub(super) by_worker: bool,
}

impl Run<'_> {
    /// Reserves the most that a call may cost, which is that of `most` tokens. An error where that would pass a limit, or
    /// where nobody knows what it may cost.
    pub(super) async fn reserve(
        &self,
        purpose: Purpose,
        chosen: &ChosenModel,
        most: TokenUsage,
    ) -> Result<Option<ReservationId>, ModelError> {
        spending::reserve(self.ports, &self.core, self.spender(purpose), chosen, most).await
    }

    fn spender(&self, purpose: Purpose) -> Spender {
        Spender {
            session: self.info.session.clone(),
            turn: self.info.turn,
            principal: self.behalf.load().principal.id.clone(),
            purpose,
            limits: self.child.as_ref().map(|child| child.limits.clone()).unwrap_or_default(),
        }
    }

    /// Puts a call on the bill and says what the machine is to know of it.
    pub(super) fn billed(
        &self,
        called: Result<Box<Called>, ModelError>,
        mut bill: Bill,
        iteration: u32,
        pending: &mut Writes,
    ) -> Event {
        // Said where more than the chosen model had a word.
        let several = !bill.failed.is_empty() || !bill.aside.is_empty() || bill.by_worker;
        let mut aside = TokenUsage::default();
        for entry in bill.aside.drain(..) {
            aside += TokenUsage {
                input_tokens: entry.input_tokens,
                cached_tokens: entry.cached_tokens,
                output_tokens: entry.output_tokens,
                ..TokenUsage::default()
            };
            pending.usage.push(entry);
        }
        for attempt in std::mem::take(&mut bill.failed) {
            self.note("model.failed", &attempt.message, attempt.millis, &attempt, pending);
            if attempt.usage != TokenUsage::default() {
                // What a broken reply used comes on top of what is reserved for a whole one.
                let Attempt { provider, model, usage, .. } = attempt;
                pending.usage.push(self.usage(self.purpose(), provider, model, usage, true, None));
            }
        }
        match called {
            Ok(called) => {
                let Called { mut reply, model, provider, estimated, millis, measured } = *called;
                pending.kv.extend(measured);
                tracing::debug!(iteration, model, millis, "model replied");
                if several {
                    let said = json!({ "provider": provider, "model": model, "usage": reply.usage });
                    self.note("model.replied", "", millis, &said, pending);
                }
                let reserved = bill.reservation;
                pending.usage.push(self.usage(
                    self.purpose(),
                    provider,
                    model,
                    reply.usage,
                    estimated,
                    reserved,
                ));
                reply.usage += aside;
                Event::Replied(reply)
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind, %error, "model call failed");
                // An open reservation would count as spent.
                if let (Some(id), Ok(chosen)) = (bill.reservation, &self.chosen) {
                    let provider = chosen.provider.info().name.clone();
                    let (model, nothing) = (chosen.model.clone(), TokenUsage::default());
                    pending.usage.push(self.usage(self.purpose(), provider, model, nothing, true, Some(id)));
                }
                Event::ModelFailed { kind: error.kind, message: error.message }
            }
        }
    }

    /// What its model calls count as.
    pub(super) fn purpose(&self) -> Purpose {
        self.overrides.purpose.unwrap_or(Purpose::Chat)
    }

    pub(super) fn usage(
        &self,
        purpose: Purpose,
        provider: String,
        model: String,
        used: TokenUsage,
        estimated: bool,
        reservation: Option<ReservationId>,
    ) -> UsageEntry {
        let call = PaidCall { provider, model, used, estimated, reservation };
        spending::entry(self.ports, &self.core, self.spender(purpose), call)
    }

    /// What `factotum turn show` tells beside the course of the turn: a call that did not go well at once, a choice.
    pub(super) fn note(
        &self,
        kind: &str,
        error: &str,
        millis: u64,
        what: &impl serde::Serialize,
        pending: &mut Writes,
    ) {
        let payload = serde_json::to_string(what).unwrap_or_else(|_| json!({ "message": error }).to_string());
        pending.audit.push(AuditEntry {
            at: self.ports.clock.now(),
            session: self.info.session.clone(),
            turn: Some(self.info.turn),
            principal: self.behalf.load().principal.id.clone(),
            kind: kind.to_owned(),
            subject: self.info.turn.to_string(),
            payload: self.ports.redact.redact(&payload).into_owned(),
            millis,
        });
    }

    /// The warnings that belong behind an answer: each limit is told of once, when most of it is spent. What cannot be read
    /// is told of next time.
    pub(super) async fn warnings(&self, pending: &Writes) -> Vec<OutboxMessage> {
        let mut told = Vec::new();
        if self.core.caps.is_none() || pending.usage.is_empty() {
            return told;
        }
        let Ok(limits) = spending::limits(self.ports, &self.core.caps).await else { return told };
        let fresh: u64 = pending.usage.iter().filter_map(|entry| entry.cost_micros).sum();
        for limit in limits.iter().filter(|limit| limit.period != Period::Turn) {
            let ledger = &self.ports.stores.usage;
            let Ok(totals) = ledger.usage_totals(&Scope::All, limit.since, UsageBy::Purpose).await else {
                continue;
            };
            let spent = totals.iter().map(|total| total.cost_micros).sum::<u64>().saturating_add(fresh);
            if u128::from(spent) * 100 < u128::from(limit.micros) * WARN_AT {
                continue;
            }
            let name = limit.period.name();
            let text = format!(
                "{} of the {} that may be spent {} is gone. The owner can allow more: `/usage extend {name} DOLLARS`.",
                dollars(spent),
                dollars(limit.micros),
                match limit.period {
                    Period::Month => "this month",
                    _ => "today",
                },
            );
            let mut message = self.outgoing(OutboxKind::Notice, &text);
            // The same warning is stored once, whoever says it.
            message.id = stable_id(&["spending", name, &limit.when, &limit.micros.to_string()]);
            message.drafts.clear();
            told.push(message);
        }
        told
    }
}
