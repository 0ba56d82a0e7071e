//! What a request to one model may hold, and what its prompt is made of.

use session_api::{Principal, PrincipalId, SessionKey, StoreError};
use tool_api::ToolSpec;

use super::{
    BudgetConfig, Calibrations, Company, Gauge, Prompt, PromptRequest, PromptSection, assemble, facts, pins,
    pins_section,
};
use crate::{ChosenModel, Core, Ports};

/// What a request to one model may hold.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// `PROVIDER/MODEL`.
    pub(crate) model: String,
    /// Its window in tokens, as far as it is known.
    pub(crate) window: u64,
    /// Whether it is known.
    pub(crate) known: bool,
    /// How its tokens are counted.
    pub(crate) gauge: Gauge,
    /// The tokens of the tools on offer.
    pub(crate) tools: u64,
    budget: BudgetConfig,
}

impl Frame {
    pub(crate) async fn of(
        ports: &Ports,
        core: &Core,
        chosen: &ChosenModel,
        specs: &[ToolSpec],
    ) -> Result<Self, StoreError> {
        let model = chosen.name();
        let calibrations = core.models.calibrations();
        let gauge = match calibrations.gauge(&model) {
            Some(gauge) => gauge,
            None => {
                let (owner, key) = (PrincipalId::installation(), Calibrations::key(&model));
                let kept = ports.stores.kv.kv_get(&owner, &key).await?;
                calibrations.learn(&model, kept.as_ref().map(|entry| entry.value.as_str()))
            }
        };
        let told = core.models.directory().window(chosen);
        let window = told.unwrap_or_else(|| u64::from(core.budget.unknown_window));
        Ok(Self {
            window: calibrations.window(&model, window),
            known: told.is_some(),
            gauge,
            tools: specs.iter().map(|spec| gauge.tool(spec)).sum(),
            budget: core.budget,
            model,
        })
    }

    /// A frame for nobody: of a turn that has not chosen its model yet.
    pub(crate) fn empty(core: &Core) -> Self {
        let window = u64::from(core.budget.unknown_window);
        let (model, gauge, budget) = (String::new(), Gauge::default(), core.budget);
        Self { model, window, known: false, gauge, tools: 0, budget }
    }

    /// The prompt made of `sections`. Each decision is logged.
    pub(crate) fn prompt(&self, sections: &[PromptSection]) -> Prompt {
        let prompt = assemble(sections, &self.budget, self.window, self.tools, self.gauge);
        for decision in &prompt.decisions {
            let (share, placement) = (decision.share.key(), decision.placement.words());
            let (name, tokens, why) = (decision.name.as_str(), decision.tokens, decision.why.as_deref());
            tracing::debug!(share, name, tokens, placement, why, "context");
        }
        prompt
    }
}

/// What the prompt of a turn is made of: what its source brings, what the conversation knows of itself, and what is pinned.
pub(crate) async fn sections(
    ports: &Ports,
    core: &Core,
    principal: &Principal,
    company: Company,
    session: &SessionKey,
) -> Result<Vec<PromptSection>, StoreError> {
    let request = PromptRequest { principal, company, session, file_bytes: core.budget.file_bytes };
    let mut sections = core.prompts.sections(request).await;
    sections.extend(facts::section(&ports.stores, session).await?);
    let pinned = pins(ports.stores.kv.as_ref(), session).await?;
    sections.extend(pinned.iter().map(pins_section));
    Ok(sections)
}
