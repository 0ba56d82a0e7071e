//! Performs what a turn commands. The only place that awaits.

mod behalf;
mod bill;
mod child;
mod compact;
mod direct;
mod finish;
mod hear;
mod hooks;
mod learn;
mod live;
mod messages;
mod model;
mod outside;
mod persist;
mod plan;
mod request;
mod resume;
mod route;
mod run;
mod self_report;
mod slot;
mod tools;
mod verify;
mod watch;
mod worker;

use std::sync::Arc;

use session_api::{InboundId, SessionKey, Turn, TurnId};
use tracing::Instrument as _;

use crate::{AgentError, Core, Ports, TokenUsage};

pub(crate) use slot::Slot;

/// Channels whose readers fetch their answers themselves.
const PULL: [&str; 4] = ["cli", "api", "library", "websocket"];

/// Whether whoever reads a channel fetches the answers.
pub(crate) fn is_pulled(channel: &str) -> bool {
    PULL.contains(&channel)
}

/// What became of a leased turn.
#[derive(Debug)]
pub(crate) enum RunEnd {
    /// Committed, or failed with its rows kept.
    Ended(Box<Report>),
    /// It waits for a person.
    Suspended,
    /// Somebody else has it now; nothing was changed.
    Lost,
}

/// What a turn came to.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) turn: TurnId,
    pub(crate) session: SessionKey,
    pub(crate) founders: Vec<InboundId>,
    pub(crate) resumed: bool,
    pub(crate) content: String,
    pub(crate) tools_used: Vec<String>,
    pub(crate) messages: Vec<session_api::Message>,
    pub(crate) usage: TokenUsage,
    pub(crate) ending: crate::turn::Ending,
    pub(crate) model: String,
    /// The history is full enough for a summary.
    pub(crate) full: bool,
}

/// Runs a leased turn to its end, its suspension, or the loss of its lease.
pub(crate) async fn run(ports: &Ports, core: Arc<Core>, turn: Turn) -> Result<RunEnd, AgentError> {
    run_in(ports, core, turn, None).await
}

/// As [`run`], in a slot that the turn leaves while it waits for other turns.
pub(crate) async fn run_in(
    ports: &Ports,
    core: Arc<Core>,
    turn: Turn,
    slot: Option<Slot>,
) -> Result<RunEnd, AgentError> {
    let correlation = turn.founders.first().map_or("", |row| row.inbound.correlation.as_str());
    let span = tracing::info_span!(
        "turn",
        session = %turn.lease.session,
        turn = %turn.lease.turn,
        correlation,
    );
    let mut run = Box::new(run::Run::new(ports, core, turn, slot));
    run.run().instrument(span).await
}
