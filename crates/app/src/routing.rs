//! From `agent.local` and `[routing]` to models.

use std::sync::Arc;

use agent_core::{Destination, Router, Rule, Rules, SmallModel, ToolWorker};
use providers::{Registry, RegistryError};

use crate::{SetupProblem, config::Config, provider_choice::Choice};

/// The choice with all that the configuration says of other models. `problems` gets what is wrong with it.
pub(crate) fn apply(mut choice: Choice, config: &Config, problems: &mut Vec<SetupProblem>) -> Choice {
    let Some(registry) = choice.registry.clone() else { return choice };
    let (local, section) = (&config.agent.local, &config.routing);
    if let Some(name) = local
        && let Err(error) = agent_core::ModelDirectory::model(registry.as_ref(), name)
    {
        problems.push(SetupProblem::Model(format!("agent.local = \"{name}\": {error}")));
    }
    if let Some(name) = &config.compaction.model
        && let Err(error) = agent_core::ModelDirectory::model(registry.as_ref(), name)
    {
        problems.push(SetupProblem::Model(format!("compaction.model = \"{name}\": {error}")));
    }
    let main = choice.models.default_model().name();
    let other = |key: String, name: &str| {
        let ready = registry.in_front_of(name, &main);
        ready.map(|ready| ready.chosen()).map_err(|error| wrong(&key, name, &error))
    };
    let mut rules = Vec::new();
    for (name, rule) in &section.rules {
        let to = match (&rule.model, &rule.tool) {
            (Some(model), _) => other(format!("routing.rules.{name}.model"), model).map(Destination::Model),
            (None, Some(tool)) => Ok(Destination::Tool { name: tool.clone(), arguments: "{}".into() }),
            (None, None) => Ok(Destination::Main),
        };
        let rule = to.and_then(|to| {
            let at = |error| SetupProblem::Model(format!("routing.rules.{name}.match: {error}"));
            Rule::new(name, &rule.pattern, to).map_err(at)
        });
        match rule {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(problem),
        }
    }
    let mut routers: Vec<Arc<dyn Router>> = Vec::new();
    if !rules.is_empty() {
        routers.push(Arc::new(Rules(rules)));
    }
    match small(&registry, config, other) {
        Ok(router) => routers.extend(router.map(|router| Arc::new(router) as Arc<dyn Router>)),
        Err(problem) => problems.push(problem),
    }
    let worker = section.worker.as_deref().and_then(|name| match registry.alone(name) {
        Ok(ready) => Some(ToolWorker { model: ready.chosen(), calls: section.worker_calls }),
        Err(error) => {
            problems.push(wrong("routing.worker", name, &error));
            None
        }
    });
    choice.models = choice.models.with_local(local.clone()).with_routers(routers).with_worker(worker);
    choice
}

fn small(
    registry: &Registry,
    config: &Config,
    other: impl Fn(String, &str) -> Result<agent_core::ChosenModel, SetupProblem>,
) -> Result<Option<SmallModel>, SetupProblem> {
    let Some(name) = &config.routing.model else { return Ok(None) };
    let model = registry.alone(name).map_err(|error| wrong("routing.model", name, &error))?;
    let specialist = config.routing.specialist.as_deref();
    let specialist = specialist.map(|name| other("routing.specialist".into(), name)).transpose()?;
    Ok(Some(SmallModel::new(model.chosen(), specialist)))
}

fn wrong(key: &str, name: &str, error: &RegistryError) -> SetupProblem {
    SetupProblem::Model(format!("{key} = \"{name}\": {error}"))
}
