//! `UsageLedger`.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;

use super::{InMemoryStore, state::State};
use crate::{
    Cap, CapOf, JOB_RESERVATION, Purpose, Reservation, ReservationId, Reserve, Scope, SessionKey, StoreError,
    Timestamp, TurnId, UsageBy, UsageEntry, UsageLedger, UsageTotal,
};

#[derive(Default)]
pub(super) struct Ledger {
    entries: Vec<UsageEntry>,
    open: HashMap<ReservationId, Reserve>,
    settled: HashSet<ReservationId>,
}

impl Ledger {
    /// `below`: for each limit, the sessions that count where they alone do.
    fn reserve(&mut self, request: Reserve, below: &[HashSet<SessionKey>]) -> Reservation {
        if self.open.contains_key(&request.id) || self.settled.contains(&request.id) {
            return Reservation::Granted(request.id);
        }
        for (cap, below) in request.caps.iter().zip(below) {
            let used_micros = self.used(cap, below);
            if used_micros.saturating_add(request.ceiling_micros) > cap.limit_micros {
                let (cap, limit_micros) = (cap.name.clone(), cap.limit_micros);
                return Reservation::Refused { cap, used_micros, limit_micros };
            }
        }
        let id = request.id;
        self.open.insert(id, request);
        Reservation::Granted(id)
    }

    /// What counts against a limit.
    fn used(&self, cap: &Cap, below: &HashSet<SessionKey>) -> u64 {
        let counts = |turn: TurnId, session: &SessionKey, at: Timestamp| {
            let meant = match &cap.of {
                CapOf::All => true,
                CapOf::Turn(only) => *only == turn,
                CapOf::Below(_) => below.contains(session),
            };
            meant && at >= cap.since
        };
        let spent = self.entries.iter().filter(|entry| counts(entry.turn, &entry.session, entry.at));
        let held = self.open.values().filter(|held| counts(held.turn, &held.session, held.at));
        let spent = spent.filter_map(|entry| entry.cost_micros);
        spent.chain(held.map(|held| held.ceiling_micros)).fold(0, u64::saturating_add)
    }

    /// Records what was used. A reservation is settled once.
    pub(super) fn settle(&mut self, entry: UsageEntry) {
        if let Some(id) = entry.reservation {
            if !self.settled.insert(id) {
                return;
            }
            self.open.remove(&id);
        }
        self.entries.push(entry);
    }

    /// What a turn reserved and never settled is spent: nobody knows how much of it was.
    pub(super) fn abandon(&mut self, turn: TurnId) {
        self.give_up(|held| held.turn == turn);
    }

    fn give_up(&mut self, which: impl Fn(&Reserve) -> bool) {
        let mut left: Vec<Reserve> =
            self.open.extract_if(|_, held| which(held)).map(|(_, held)| held).collect();
        left.sort_by_key(|held| held.id);
        for held in left {
            self.settle(UsageEntry {
                reservation: Some(held.id),
                at: held.at,
                session: held.session,
                turn: held.turn,
                principal: held.principal,
                purpose: held.purpose,
                provider: String::new(),
                model: held.model,
                input_tokens: 0,
                cached_tokens: 0,
                output_tokens: 0,
                estimated: true,
                cost_micros: Some(held.ceiling_micros),
            });
        }
    }

    pub(super) fn forget(&mut self, key: &SessionKey) {
        self.entries.retain(|entry| entry.session != *key);
        self.open.retain(|_, held| held.session != *key);
    }
}

impl State {
    /// The session of a limit with those that it started.
    fn below(&self, cap: &Cap) -> HashSet<SessionKey> {
        let CapOf::Below(top) = &cap.of else { return HashSet::new() };
        let mut found = HashSet::from([top.clone()]);
        let mut open = vec![top.clone()];
        while let Some(parent) = open.pop() {
            let children =
                self.sessions.iter().filter(|(_, session)| session.parent.as_ref() == Some(&parent));
            for (key, _) in children {
                if found.insert(key.clone()) {
                    open.push(key.clone());
                }
            }
        }
        found
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Chat => "chat",
        Purpose::Compaction => "compaction",
        Purpose::Routing => "routing",
        Purpose::Subagent => "subagent",
        Purpose::Heartbeat => "heartbeat",
        Purpose::Consolidation => "consolidation",
    }
}

/// The UTC day of a moment. Months are counted from March here, so that a leap day ends its year.
fn day(at: Timestamp) -> String {
    let days = at.0.div_euclid(86_400_000) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[async_trait]
impl UsageLedger for InMemoryStore {
    async fn reserve(&self, request: Reserve) -> Result<Reservation, StoreError> {
        Ok(self.with(|state| {
            let below: Vec<HashSet<SessionKey>> = request.caps.iter().map(|cap| state.below(cap)).collect();
            let State { ledger, turns, .. } = state;
            let old = |held: &Reserve| request.at.since(held.at) > JOB_RESERVATION;
            ledger.give_up(|held| old(held) && !turns.contains_key(&held.turn));
            ledger.reserve(request, &below)
        }))
    }

    async fn usage_totals(
        &self,
        scope: &Scope,
        since: Timestamp,
        by: UsageBy,
    ) -> Result<Vec<UsageTotal>, StoreError> {
        Ok(self.with(|state| {
            let mut totals: BTreeMap<String, UsageTotal> = BTreeMap::new();
            let entries = state.ledger.entries.iter();
            for entry in entries.filter(|entry| entry.at >= since && state.sees(scope, &entry.session)) {
                let group = match by {
                    UsageBy::Day => day(entry.at),
                    UsageBy::Model => entry.model.clone(),
                    UsageBy::Session => entry.session.to_string(),
                    UsageBy::Purpose => purpose(entry.purpose).to_owned(),
                };
                let total = totals.entry(group.clone()).or_insert_with(|| UsageTotal {
                    group,
                    calls: 0,
                    input_tokens: 0,
                    cached_tokens: 0,
                    output_tokens: 0,
                    cost_micros: 0,
                    unpriced_calls: 0,
                });
                total.calls += 1;
                total.input_tokens = total.input_tokens.saturating_add(entry.input_tokens);
                total.cached_tokens = total.cached_tokens.saturating_add(entry.cached_tokens);
                total.output_tokens = total.output_tokens.saturating_add(entry.output_tokens);
                total.cost_micros = total.cost_micros.saturating_add(entry.cost_micros.unwrap_or_default());
                total.unpriced_calls += u64::from(entry.cost_micros.is_none());
            }
            totals.into_values().collect()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_gregorian_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400_000, "2000-02-29"),
            (951_868_800_000, "2000-03-01"),
            (1_763_769_599_999, "2025-11-21"),
            (4_107_542_400_000, "2100-03-01"),
        ];
        for (at, expected) in cases {
            assert_eq!(day(Timestamp(at)), expected);
        }
    }
}
