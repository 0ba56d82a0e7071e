//! What model calls cost: reserved before where there is a limit, and on the bill afterwards.

use serde_json::json;
use session_api::{
    AuditEntry, Cap, OutboxKind, OutboxMessage, Purpose, Reservation, ReservationId, Reserve, Scope,
    Timestamp, UsageBy, UsageEntry, Writes,
};

use super::{model::Called, run::Run};
use crate::{
    Attempt, ChosenModel, ModelError, ModelErrorKind, TokenUsage,
    gateway::stable_id,
    spending::{self, Period, dollars},
    turn::Event,
};

/// At this part of a limit, in hundredths, the chat is warned.
const WARN_AT: u128 = 80;

/// The name of a subagent's own limit.
const AGENT: &str = "agent";

/// What is to be put on the bill of one model call, whether it came to a reply or not.
#[derive(Default)]
pub(super) struct Bill {
    /// What was reserved for it.
    pub(super) reservation: Option<ReservationId>,
    /// Attempts that failed.
    pub(super) failed: Vec<Attempt>,
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
        let caps = &self.core.caps;
        let own = self.child.as_ref().and_then(|child| child.run.max_cost_micros);
        if caps.is_none() && own.is_none() {
            return Ok(None);
        }
        let refuse = |message| ModelError::new(ModelErrorKind::Quota, message);
        let failed = |error| {
            let message = format!("what was spent could not be read: {error}");
            ModelError::new(ModelErrorKind::Unavailable, message)
        };
        let Some(ceiling_micros) = self.core.models.directory().ceiling(chosen, &most) else {
            return Err(refuse(format!(
                "there is a limit on spending, and the price of {} or of a model behind it is not known; set `price` in its section of the configuration, or take the limit away",
                chosen.name()
            )));
        };
        let limits = spending::limits(self.ports, caps).await.map_err(failed)?;
        let mut all: Vec<Cap> = limits.iter().map(|limit| limit.cap(self.info.turn)).collect();
        all.extend(own.map(|limit_micros| Cap {
            name: AGENT.into(),
            turn: Some(self.info.turn),
            since: Timestamp(0),
            limit_micros,
        }));
        let request = Reserve {
            id: ReservationId::new(self.ports.ids.as_ref()),
            at: self.ports.clock.now(),
            session: self.info.session.clone(),
            turn: self.info.turn,
            principal: self.behalf.load().principal.id.clone(),
            purpose,
            model: chosen.name(),
            ceiling_micros,
            caps: all,
        };
        match self.ports.stores.usage.reserve(request).await.map_err(failed)? {
            Reservation::Granted(id) => Ok(Some(id)),
            Reservation::Refused { cap, used_micros, limit_micros } if cap == AGENT => {
                let (limit, used) = (dollars(limit_micros), dollars(used_micros));
                Err(refuse(format!(
                    "this agent may cost {limit} at most (limit reached), and {used} is spent or reserved"
                )))
            }
            Reservation::Refused { cap, used_micros, limit_micros } => {
                let period =
                    Period::ALL.into_iter().find(|period| period.name() == cap).unwrap_or(Period::Turn);
                let more = match period {
                    Period::Turn => "`spending.turn` in the configuration is that limit".to_owned(),
                    _ => format!("the owner can allow more: `/usage extend {cap} DOLLARS`"),
                };
                Err(refuse(format!(
                    "the limit on spending for {} is {}; {} is spent or reserved, and this call may cost up to {}; {more}",
                    period.words(),
                    dollars(limit_micros),
                    dollars(used_micros),
                    dollars(ceiling_micros),
                )))
            }
        }
    }

    /// Puts a call on the bill and says what the machine is to know of it.
    pub(super) fn billed(
        &self,
        called: Result<Called, ModelError>,
        mut bill: Bill,
        iteration: u32,
        pending: &mut Writes,
    ) -> Event {
        let several = !bill.failed.is_empty();
        for attempt in std::mem::take(&mut bill.failed) {
            self.note("model.failed", &attempt.message, attempt.millis, &attempt, pending);
            if attempt.usage != TokenUsage::default() {
                // What a broken reply used comes on top of what is reserved for a whole one.
                let Attempt { provider, model, usage, .. } = attempt;
                pending.usage.push(self.usage(self.purpose(), provider, model, usage, true, None));
            }
        }
        match called {
            Ok(Called { reply, model, provider, estimated, millis }) => {
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
        let cost_micros = self.core.models.directory().cost(&provider, &model, &used);
        UsageEntry {
            reservation,
            at: self.ports.clock.now(),
            session: self.info.session.clone(),
            turn: self.info.turn,
            principal: self.behalf.load().principal.id.clone(),
            purpose,
            provider,
            model,
            input_tokens: used.input_tokens,
            cached_tokens: used.cached_tokens,
            output_tokens: used.output_tokens,
            estimated,
            cost_micros,
        }
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
