//! What a call gives back.

use session_api::{Importance, Outside, Part, Writes};

/// A successful call's result.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolOutput {
    /// What the model reads: text and images. The turn cuts it at its limit and stores the whole.
    pub content: Vec<Part>,
    /// Effects on our own store, applied in the same commit as the record that the call ended. Only tools whose effect
    /// is `ours` have any.
    pub writes: Writes,
    /// How much it matters.
    pub importance: Importance,
    /// Through what text from outside came into it, where the tool reads such text only now and then; see
    /// [`Tool::reads_outside`](crate::Tool::reads_outside).
    pub outside: Outside,
}

impl ToolOutput {
    /// A text, and nothing else.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![Part::text(text)], ..Self::default() }
    }

    /// This with effects on our own store.
    #[must_use]
    pub fn with_writes(mut self, writes: Writes) -> Self {
        self.writes = writes;
        self
    }

    /// This with a mark of text from outside.
    #[must_use]
    pub fn with_outside(mut self, outside: Outside) -> Self {
        self.outside = outside;
        self
    }
}
