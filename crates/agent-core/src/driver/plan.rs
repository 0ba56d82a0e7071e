//! Turns of subagents that ask no model: they carry a plan one step on.

use std::sync::Arc;

use session_api::{KvWrite, Outside, PrincipalId, RunOverrides, Writes};
use subagents::{Plan, PlanEnd, PlanState, Progress, Start};

use super::run::Run;
use crate::{AgentError, turn::Intake};

impl Run<'_> {
    /// Moves the plan of this session on, where it has one. What it starts and where it stands then is written with the end
    /// of this turn.
    pub(super) async fn plan(&mut self, pending: &mut Writes) -> Result<Option<Intake>, AgentError> {
        let (Some(child), Some(first)) = (&self.child, self.turn.founders.first()) else { return Ok(None) };
        let Some(text) = &child.run.plan else { return Ok(None) };
        let (id, name) = (child.id, child.run.name.clone());
        let plan: Plan = match serde_json::from_str(text) {
            Ok(plan) => plan,
            Err(error) => {
                return Ok(Some(self.plan_broken(format!("its plan cannot be read: {error}"))));
            }
        };
        let (owner, key) = (PrincipalId::installation(), format!("plan:{id}"));
        let stored = self.ports.stores.kv.kv_get(&owner, &key).await?;
        let begun = first.inbound.id == id;
        let heard = subagents::result_of(&first.inbound);
        let happened = match &heard {
            _ if begun => Progress::Begun,
            Some((child, answer)) => Progress::Ended { child: *child, answer: *answer },
            // Nobody else has anything to say to it.
            _ => return Ok(Some(self.reply(""))),
        };
        let mut state = match stored.map(|entry| serde_json::from_str::<PlanState>(&entry.value)) {
            Some(Ok(state)) => state,
            None if begun => PlanState::default(),
            // It has ended, and this comes late.
            None => return Ok(Some(self.reply(""))),
            Some(Err(error)) => {
                return Ok(Some(self.plan_broken(format!("where it stands cannot be read: {error}"))));
            }
        };
        state.outside.add_all(&Outside::in_parts(&first.inbound.parts));
        let moved = plan.step(&mut state, &happened, self.ports.ids.as_ref());
        let (now, principal) = (self.ports.clock.now(), self.behalf.load().principal.clone());
        let route = self.route();
        for (number, (id, task)) in moved.start.into_iter().enumerate() {
            let place = state.asked.saturating_sub(1).saturating_sub(u32::try_from(number).unwrap_or(0));
            let overrides = under(&self.overrides, format!("{name} {}.{}", state.at + 1, place + 1));
            let start = Start {
                id,
                parent: &self.info.session,
                reply: &route,
                principal: &principal,
                task,
                outside: &state.outside,
                overrides,
                now,
            };
            pending.inbound.push(subagents::row(start));
        }
        let stops: Vec<_> = moved.stop.into_iter().map(|id| self.stop_row(id)).collect();
        pending.inbound.extend(stops);
        self.outside.store(Arc::new(state.outside.clone()));
        match moved.end {
            Some(end) => {
                pending.kv.push(KvWrite::Delete { owner, key });
                Ok(Some(self.plan_ended(end)))
            }
            None => {
                let value = serde_json::to_string(&state)
                    .map_err(|error| AgentError::Context(format!("a plan cannot be stored: {error}")))?;
                pending.kv.push(KvWrite::Set { owner, key, value, expires_at: None });
                Ok(Some(self.reply("")))
            }
        }
    }

    fn plan_ended(&mut self, end: PlanEnd) -> Intake {
        let answer = self.reply(&end.text);
        if let Some(child) = &mut self.child {
            child.end = Some(end);
        }
        answer
    }

    fn plan_broken(&mut self, why: String) -> Intake {
        self.plan_ended(PlanEnd { done: false, text: why })
    }
}

/// How a subagent of a plan runs: as the plan may, without the plan.
fn under(plan: &RunOverrides, name: String) -> RunOverrides {
    let mut overrides = plan.clone();
    if let Some(child) = &mut overrides.child {
        (child.name, child.plan) = (name, None);
    }
    overrides
}
