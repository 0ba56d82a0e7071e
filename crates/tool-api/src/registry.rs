//! One tool for each name.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Tool, ToolSource, ToolSpec};

/// Two tools want one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two tools are named `{0}`; rename one or leave its source out")]
pub struct DuplicateTool(pub String);

/// The tools of a core, by name. The order is the names', so that requests are the same from turn to turn.
#[derive(Clone, Default)]
pub struct Registry {
    tools: BTreeMap<String, Arc<dyn Tool>>,
    specs: Arc<[ToolSpec]>,
}

impl Registry {
    /// All tools of `sources`, or all names that are taken twice.
    pub fn new(sources: &[Arc<dyn ToolSource>]) -> Result<Self, Vec<DuplicateTool>> {
        let mut registry = Self::default();
        let mut duplicates = Vec::new();
        for tool in sources.iter().flat_map(|source| source.tools()) {
            let name = tool.spec().name.clone();
            if registry.tools.insert(name.clone(), tool).is_some() {
                duplicates.push(DuplicateTool(name));
            }
        }
        registry.specs = registry.tools.values().map(|tool| tool.spec().clone()).collect();
        if duplicates.is_empty() { Ok(registry) } else { Err(duplicates) }
    }

    /// The tool of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    /// All descriptions, by name.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.values().map(|tool| tool.spec())
    }

    /// All descriptions, by name, to share: every turn offers them, and their schemas are long.
    #[must_use]
    pub fn shared_specs(&self) -> Arc<[ToolSpec]> {
        self.specs.clone()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.tools.keys()).finish()
    }
}
