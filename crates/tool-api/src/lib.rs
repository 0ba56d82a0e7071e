//! What a tool is.
//!
//! A [`Tool`] tells what it does ([`ToolSpec`]), what a repetition would do ([`Effect`]), checks its arguments and runs.
//! A [`ToolSource`] brings several; the [`Registry`] gives each name to one tool. An [`Approver`] decides whether a call
//! runs, is refused, or waits for a person.
//!
//! # Writing a tool
//!
//! Implement [`TypedTool`]: an arguments struct (`Deserialize`, `JsonSchema`, `#[serde(deny_unknown_fields)]`, doc
//! comments on its fields: the model reads them), a spec, and `run`. Wrap it in [`Typed`]. Choose the effect honestly:
//! it decides what happens after a crash. A tool whose only effect is on our own store returns it in
//! [`ToolOutput::writes`] and is `ours`; it then happens exactly once. Run `contract::check` in a test.

mod approver;
mod context;
mod effect;
mod error;
mod fakes;
mod output;
mod registry;
mod risk;
mod spec;
mod tool;
mod typed;

pub use approver::{AlwaysAllow, AlwaysAsk, Approver, AskAfterOutside, CallToJudge, Verdict};
pub use context::ToolContext;
pub use effect::Effect;
pub use error::ToolError;
pub use fakes::ScriptedTool;
pub use output::ToolOutput;
pub use registry::{DuplicateTool, Registry};
pub use risk::Risk;
pub use spec::ToolSpec;
pub use tool::{Tool, ToolSource};
pub use typed::{Typed, TypedTool};

#[cfg(any(test, feature = "contract"))]
pub mod contract;
