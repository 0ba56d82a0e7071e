//! A tool that does as it is told, for demonstrations and tests.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;

use crate::{Effect, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};

/// Answers its calls with prepared results in order, the last one for ever, and remembers the arguments.
pub struct ScriptedTool {
    spec: ToolSpec,
    outside: bool,
    results: Mutex<Vec<Result<ToolOutput, ToolError>>>,
    calls: Mutex<Vec<String>>,
}

impl ScriptedTool {
    /// A tool named `name` that takes any object.
    pub fn new(name: &str, effect: Effect, results: Vec<Result<ToolOutput, ToolError>>) -> Self {
        let spec = ToolSpec {
            name: name.to_owned(),
            description: format!("{name}, scripted"),
            parameters: serde_json::json!({"type": "object"}),
            effect,
            timeout: Duration::from_secs(5),
        };
        Self { spec, outside: false, results: Mutex::new(results), calls: Mutex::new(Vec::new()) }
    }

    /// This as a tool that reads text from outside.
    #[must_use]
    pub fn reading_outside(mut self) -> Self {
        self.outside = true;
        self
    }

    /// The arguments of all calls so far.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Tool for ScriptedTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check(&self, arguments: &str) -> Result<(), ToolError> {
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments) {
            Ok(_) => Ok(()),
            Err(error) => Err(ToolError::InvalidArguments(error.to_string())),
        }
    }

    fn reads_outside(&self, _arguments: &str) -> bool {
        self.outside
    }

    async fn call(&self, _context: &ToolContext, arguments: &str) -> Result<ToolOutput, ToolError> {
        self.check(arguments)?;
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(arguments.to_owned());
        let mut results = self.results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match results.len() {
            0 => Err(ToolError::Failed("the script has no result".into())),
            1 => results[0].clone(),
            _ => results.remove(0),
        }
    }
}
