//! The port.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Effect, Risk, ToolContext, ToolError, ToolOutput, ToolSpec};

/// Something that a model can have done.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What it is. The same at every call.
    fn spec(&self) -> &ToolSpec;

    /// Whether its calls do nothing but wait for other turns: theirs then takes nobody's place meanwhile.
    fn waits(&self) -> bool {
        false
    }

    /// Whether `arguments` (JSON text as the model wrote it) fit. It looks at nothing else, and says exactly what is
    /// wrong and where.
    fn check(&self, arguments: &str) -> Result<(), ToolError>;

    /// Whether what such a call comes to, errors included, is text that was written outside: pages, mails, what servers of
    /// others say. The turn is then marked.
    fn reads_outside(&self, _arguments: &str) -> bool {
        false
    }

    /// What such a call could do that text from outside must not talk a model into. Unless a tool says otherwise,
    /// everything that is not `pure` is such a call. `arguments` have been checked.
    fn risk(&self, _context: &ToolContext, _arguments: &str) -> Option<Risk> {
        (self.spec().effect != Effect::Pure).then_some(Risk::Acts)
    }

    /// For keyed tools: the digest of the state that the call depends on, as it is now. Journalled before the start;
    /// after a crash the call is repeated only if it is still the same.
    async fn key(&self, _context: &ToolContext, _arguments: &str) -> Result<Option<String>, ToolError> {
        Ok(None)
    }

    /// Does it. Dropping the future ends what it started as soon as that is possible, whole process trees included.
    async fn call(&self, context: &ToolContext, arguments: &str) -> Result<ToolOutput, ToolError>;
}

/// Brings tools.
pub trait ToolSource: Send + Sync {
    /// All of them. Names must be unique over all sources.
    fn tools(&self) -> Vec<Arc<dyn Tool>>;
}

impl ToolSource for Vec<Arc<dyn Tool>> {
    fn tools(&self) -> Vec<Arc<dyn Tool>> {
        self.clone()
    }
}
