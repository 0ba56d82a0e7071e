//! Asking the routers, at the beginning of a turn.

use std::time::Duration;

use serde_json::json;
use session_api::{CallId, InboundKind, Purpose, ReservationId, ToolCall, Writes};
use tool_api::ToolSpec;

use super::{messages, run::Run, watch::watch};
use crate::{
    Asked, ChosenModel, Destination, LONGEST_ROUTING, ModelError, Routed, Router, TokenUsage, Used,
    turn::Intake,
};

/// What came of asking one router.
enum Said {
    Decided(Routed),
    Nothing,
    /// It cannot say; why, for a person.
    Failed(String),
    /// It was not waited for.
    Late(String),
}

impl Run<'_> {
    /// What the turn begins with after the routers were asked, and `chosen` as they say. They are asked only where nobody
    /// chose a model, and nothing that goes wrong keeps the main model from answering.
    pub(super) async fn choose_who(&mut self, intake: Intake, pending: &mut Writes) -> Intake {
        let routers = self.core.models.routers().clone();
        if routers.is_empty() || !matches!(intake, Intake::Chat) || !self.is_open() {
            return intake;
        }
        let texts: Vec<String> = self.turn.founders.iter().map(messages::text).collect();
        // Whatever does more than look is for the main model to call, which knows the conversation.
        let tools: Vec<ToolSpec> =
            self.specs.iter().filter(|spec| spec.effect.runs_beside_others()).cloned().collect();
        let (text, correlation) = (texts.join("\n"), self.info.correlation.clone());
        let asked = Asked { text: &text, tools: &tools, correlation: &correlation };
        let until = self.ports.clock.monotonic() + LONGEST_ROUTING;
        for router in routers.iter() {
            let started = self.ports.clock.monotonic();
            let (to, why) = match self.ask(router.as_ref(), &asked, until, pending).await {
                Said::Nothing => continue,
                Said::Decided(Routed { to, why, .. }) => (to, why),
                Said::Failed(why) | Said::Late(why) => (Destination::Main, why),
            };
            return self.follow(to, &router.name(), &why, started, pending);
        }
        intake
    }

    /// Whether a person wrote and nobody chose a model.
    fn is_open(&self) -> bool {
        let first = self.turn.founders.first();
        let message = first.is_some_and(|row| row.inbound.kind == InboundKind::Message);
        message && self.turn.stopped_by.is_none() && self.nobody_chose()
    }

    /// Whether neither the run nor its conversation names a model.
    pub(super) fn nobody_chose(&self) -> bool {
        self.overrides.model.is_none() && self.overrides.preset.is_none() && self.window.model.is_none()
    }

    async fn ask(
        &self,
        router: &dyn Router,
        asked: &Asked<'_>,
        until: Duration,
        pending: &mut Writes,
    ) -> Said {
        let asks = router.asks(asked);
        let reservation = match &asks {
            Some((model, most)) => match self.reserve(Purpose::Routing, model, *most).await {
                Ok(reservation) => reservation,
                Err(error) => return Said::Failed(format!("it was not asked: {error}")),
            },
            None => None,
        };
        let left = until.saturating_sub(self.ports.clock.monotonic());
        let said = tokio::select! {
            biased;
            routed = router.route(asked) => match routed {
                Ok(Some(routed)) => Said::Decided(routed),
                Ok(None) => Said::Nothing,
                Err(ModelError { message, .. }) => Said::Failed(format!("it failed: {message}")),
            },
            // The turn's own watch, which begins when this is over, notices the same and ends the turn.
            _ = watch(self.ports, &self.turn.lease, &self.lease_until) => {
                Said::Late("it was not waited for: the turn is to end".into())
            }
            () = self.ports.clock.sleep(left) => {
                Said::Late(format!("it took longer than {} s", LONGEST_ROUTING.as_secs()))
            }
        };
        if let Some((model, most)) = asks {
            self.bill_routing(&said, &model, most, reservation, pending);
        }
        said
    }

    fn bill_routing(
        &self,
        said: &Said,
        asked: &ChosenModel,
        most: TokenUsage,
        reservation: Option<ReservationId>,
        pending: &mut Writes,
    ) {
        let guess = |tokens| Used {
            provider: asked.provider.info().name.clone(),
            model: asked.model.clone(),
            tokens,
            estimated: true,
        };
        let used = match said {
            Said::Decided(Routed { used: Some(used), .. }) => used.clone(),
            // It had read the request.
            Said::Late(_) => guess(TokenUsage { output_tokens: 0, ..most }),
            // An open reservation would count as spent.
            _ if reservation.is_some() => guess(TokenUsage::default()),
            _ => return,
        };
        let Used { provider, model, tokens, estimated } = used;
        pending.usage.push(self.usage(Purpose::Routing, provider, model, tokens, estimated, reservation));
    }

    fn follow(
        &mut self,
        to: Destination,
        by: &str,
        why: &str,
        started: Duration,
        pending: &mut Writes,
    ) -> Intake {
        let (kind, tool, intake) = match to {
            Destination::Main => ("main", None, Intake::Chat),
            Destination::Model(model) => {
                self.chosen = Ok(model);
                ("model", None, Intake::Chat)
            }
            Destination::Tool { name, arguments } => {
                let call = ToolCall { id: CallId("call_routed".into()), name: name.clone(), arguments };
                ("tool", Some(name), Intake::Tool(call))
            }
        };
        let model = match (&tool, &self.chosen) {
            (None, Ok(chosen)) => Some(chosen.name()),
            _ => None,
        };
        tracing::info!(by, to = kind, model, tool, why, "routed");
        let what = json!({ "by": by, "to": kind, "model": model, "tool": tool, "why": why });
        self.note("model.routed", "", self.millis_since(started), &what, pending);
        intake
    }
}
