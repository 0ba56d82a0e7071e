//! What the model and the turn are told of a tool.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Effect;

/// A tool's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name: ASCII letters, digits, `_`, `-`, at most 64.
    pub name: String,
    /// What it does, for the model: a sentence or two.
    pub description: String,
    /// JSON schema of its arguments, an object.
    pub parameters: serde_json::Value,
    /// What a repetition would do.
    pub effect: Effect,
    /// How long a call may take.
    pub timeout: Duration,
}

impl ToolSpec {
    /// A digest of all that the model sees of it; changes when the tool does.
    #[must_use]
    pub fn digest(&self) -> String {
        let text = format!("{}\0{}\0{}", self.name, self.description, self.parameters);
        hex::encode(&Sha256::digest(text.as_bytes())[..8])
    }
}
