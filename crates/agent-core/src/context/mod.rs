//! From a history to a request. Pure, except for the port that brings the instruction files.
//!
//! [`allocate`] gives out the model's window, [`assemble`] makes the prompt of what fits, [`fit_history`] finds where the
//! history begins. Each says what it did as values: [`Decision`], [`HistoryFit`].

mod allocate;
mod budget;
mod calibration;
mod cut;
mod decision;
mod facts;
mod frame;
mod gauge;
mod history;
mod pins;
mod prompt;
mod report;
mod room;
mod tokens;

pub use allocate::{Allocation, Want, allocate};
pub use budget::{BudgetConfig, BudgetError, LEAST_HISTORY};
pub(crate) use calibration::Calibrations;
pub(crate) use cut::cut_to_fit;
pub use decision::{Decision, Placement};
pub(crate) use facts::{note_goal, note_speaker};
pub(crate) use frame::{Frame, sections};
pub use gauge::Gauge;
pub(crate) use history::shorten_results;
pub use history::{HistoryFit, fit_history, fold_history};
pub(crate) use pins::{MOST_PINS, Pin, pins, section as pins_section};
pub use prompt::{Company, NoPrompts, Prompt, PromptRequest, PromptSection, PromptSource, Share, assemble};
pub use report::{ContextReport, HistoryReport, ToolsReport};
pub use room::Room;
pub(crate) use tokens::beginning;
pub use tokens::estimate_tokens;
