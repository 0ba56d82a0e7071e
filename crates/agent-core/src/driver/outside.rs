//! The mark that text from outside leaves on a turn.
//!
//! It stands in the messages themselves and in the results of tools, so that it lives exactly as long as the text does:
//! through a kill, in the history, and in the summaries that stand for it.

use std::sync::Arc;

use session_api::{Part, ToolCall};
use tool_api::{ToolError, ToolOutput};

use super::run::Run;
use crate::turn::Machine;

impl Run<'_> {
    /// Notes through what the turn has read text from outside: in what was said before, and in what it added.
    pub(super) fn look_outside(&self, machine: &Machine) {
        let mut found = self.outside.load().as_ref().clone();
        if let Some(checkpoint) = &self.window.checkpoint {
            found.add_all(&checkpoint.outside);
        }
        self.window.messages.iter().for_each(|stored| found.add_message(&stored.message));
        machine.added().iter().for_each(|message| found.add_message(message));
        if found != **self.outside.load() {
            tracing::info!(through = %found, "the turn has read text from outside");
            self.outside.store(Arc::new(found));
        }
    }

    /// The marks of a call's result, as parts of it.
    pub(super) fn marks(&self, call: &ToolCall, outcome: &Result<ToolOutput, ToolError>) -> Vec<Part> {
        let mut outside = outcome.as_ref().map(|output| output.outside.clone()).unwrap_or_default();
        if self.core.tools.get(&call.name).is_some_and(|tool| tool.reads_outside(&call.arguments)) {
            outside.add(&call.name);
        }
        outside.parts().collect()
    }
}
