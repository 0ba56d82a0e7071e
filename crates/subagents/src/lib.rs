//! Subagents: sessions that another session started.
//!
//! A subagent is no machinery of its own. It is an inbound row in a new session ([`row`]), with [`RunOverrides`] that never
//! allow more than its parent has ([`narrowed`]); what it says last comes back as an inbound row of its parent
//! ([`result`]). A [`Plan`] (a pipeline or a loop) is a subagent that asks no model: each end of one of its own subagents
//! moves it one step on, and where it stands is a value in the store.
//!
//! [`RunOverrides`]: session_api::RunOverrides

mod child;
mod limits;
mod look;
mod plan;
mod profile;
mod result;

pub use child::{CHANNEL, Start, id_of, is_agent, row, session_of, stop};
pub use limits::{AgentLimits, SpawnError, narrowed};
pub use look::{AgentState, AgentView, is_awaited, is_busy, look, tree};
pub use plan::{
    LoopPlan, MOST_AHEAD, MOST_ROUNDS, MOST_STEPS, Move, PipelinePlan, Plan, PlanEnd, PlanError, PlanState,
    Progress,
};
pub use profile::{LONGEST, Profile, ProfileError, ProfileLimits};
pub use result::{DONE, Ended, result, result_of};
