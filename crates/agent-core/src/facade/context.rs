//! What a model gets to read, and summaries.

use std::{future::Future, sync::Arc, time::Duration};

use session_api::{
    Outcome, Principal, Purpose, RunOverrides, Scope, SessionKey, SessionWrite, WindowBudget, Writes,
};

use super::Factotum;
use crate::{
    AgentError, Compacted, CompactionError, CompactionTrouble, Company, ContextReport, Core, HistoryReport,
    Ports, ToolPlace, ToolsReport,
    compaction::{self, Why},
    context::{self, Frame, fit_history},
};

/// What the next request of a session would hold if `principal` spoke.
pub(crate) async fn report(
    ports: &Ports,
    core: &Core,
    principal: &Principal,
    session: &SessionKey,
) -> Result<ContextReport, AgentError> {
    let scope = Scope::Session(session.clone());
    let budget = WindowBudget { messages: core.budget.history_messages, bytes: core.budget.history_bytes };
    let window = ports.stores.sessions.window(&scope, session, budget).await?;
    let chosen = core.models.choose(&RunOverrides::default(), window.model.as_deref());
    let chosen = chosen.map_err(AgentError::Provider)?;
    let place =
        ToolPlace { channel: &session.channel, rank: principal.rank, phase: Purpose::Chat, profile: None };
    let specs = core.specs(&RunOverrides::default(), place);
    let frame = Frame::of(ports, core, &chosen, &specs).await?;
    let shared = ports.stores.sessions.session(&scope, session).await?.is_some_and(|info| info.shared);
    let company = Company { reads: shared, ..Company::NOBODY };
    let sections = context::sections(ports, core, principal, company, session).await?;
    let prompt = frame.prompt(&sections);
    let room = prompt.allocation.history;
    let fit = fit_history(&window, room, core.budget.history_messages, frame.gauge);
    let kept = window.messages.get(fit.start..).unwrap_or_default();
    let checkpoint = window.checkpoint.as_ref();
    let upto = checkpoint.map_or(0, |checkpoint| checkpoint.upto);
    let (from, to) = (kept.first().map(|stored| stored.seq), kept.last().map(|stored| stored.seq));
    let newest = window.messages.last().map_or(upto, |stored| stored.seq);
    let summary = checkpoint.filter(|checkpoint| !checkpoint.summary.is_empty());
    let history = HistoryReport {
        room,
        tokens: fit.tokens,
        messages: kept.len(),
        from,
        to,
        summary_upto: summary.map(|checkpoint| checkpoint.upto),
        summary_tokens: summary.map_or(0, |checkpoint| frame.gauge.text(&checkpoint.summary)),
        shortened: fit.shortened,
        left_out: from.map_or(newest, |from| from - 1).saturating_sub(upto),
    };
    Ok(ContextReport {
        session: session.clone(),
        window: frame.window,
        window_known: frame.known,
        gauge: frame.gauge.percent,
        tokens: prompt.tokens + frame.tools + fit.tokens,
        reply: prompt.allocation.reply,
        prompt: prompt.tokens,
        sections: prompt.decisions,
        tools: ToolsReport { count: specs.len(), tokens: frame.tools },
        history,
        model: frame.model,
    })
}

impl Factotum {
    /// What the next request of a session would hold if the owner spoke: what is in, what was left out, and why.
    pub async fn context(&self, session: &SessionKey) -> Result<ContextReport, AgentError> {
        report(&self.ports, &self.core(), &Principal::owner(), session).await
    }

    /// Summarises the older part of a session now. Its newest part stays word for word, and nothing is deleted.
    pub async fn compact_session(&self, session: &SessionKey) -> Result<Compacted, CompactionError> {
        self.compact(session, Why::Asked).await
    }

    /// As [`compact_session`](Self::compact_session), for a session in which nothing was said for a while: where a summary
    /// failed or was taken back not long ago, there is none, and the person is told on platforms that are connected.
    pub async fn compact_idle_session(&self, session: &SessionKey) -> Result<Compacted, CompactionError> {
        self.compact(session, Why::Idle).await
    }

    async fn compact(&self, session: &SessionKey, why: Why) -> Result<Compacted, CompactionError> {
        let under_way = self.compactor.begin(session).ok_or(CompactionError::Busy)?;
        self.compactor.run(under_way, &self.ports, &self.core(), why).await
    }

    /// Takes the newest summary of a session back, after what runs in it has stopped. `false`: there was none.
    pub async fn undo_compaction(&self, session: &SessionKey) -> Result<bool, AgentError> {
        let turn = self.own_turn(session).await?;
        let scope = Scope::Session(session.clone());
        let budget = WindowBudget { messages: 1, bytes: 0 };
        let window = self.ports.stores.sessions.window(&scope, session, budget).await?;
        let undo = window.checkpoint.filter(|made| !made.summary.is_empty()).map(|made| made.id);
        let mut writes = Writes::default();
        if undo.is_some() {
            writes.session = Some(SessionWrite { undo, ..SessionWrite::default() });
            writes.kv.push(compaction::held(session, self.ports.clock.now()));
        }
        self.ports.stores.mailbox.commit(&turn.lease, Outcome::Quiet, writes).await?;
        Ok(undo.is_some())
    }

    /// What goes wrong with summaries; `None` while nothing does.
    pub async fn compaction_trouble(&self) -> Result<Option<CompactionTrouble>, AgentError> {
        Ok(compaction::trouble(self.ports.stores.kv.as_ref()).await?)
    }

    /// Whether a summary of `session` is under way in this process.
    #[must_use]
    pub fn compacts(&self, session: &SessionKey) -> bool {
        self.compactor.works_on(session)
    }

    /// Waits until no summary of `session` is under way in this process, but no longer than `patience`, and tells of those
    /// that were made since the last time. Each is told of once.
    pub async fn settle_compactions(&self, session: &SessionKey, patience: Duration) -> Vec<Compacted> {
        tokio::select! {
            () = self.compactor.settled(session) => {}
            () = self.ports.clock.sleep(patience) => {}
        }
        self.compactor.take_done(session)
    }

    /// Ends the summaries that are under way in this process, for a program that ends: no more are begun afterwards. A model
    /// that does not answer within `patience` counts as failed, so that it is asked again later and not by the next process
    /// at once; that this is on record is waited for just as long.
    pub async fn end_compactions(&self, patience: Duration) {
        for cut in [false, true] {
            if cut {
                self.compactor.cut();
            }
            tokio::select! {
                biased;
                () = self.compactor.ended() => {}
                () = self.ports.clock.sleep(patience) => {}
            }
        }
    }

    /// Makes a summary beside what goes on, where the history is full. `cut` ends it; it changed nothing then, or all.
    pub(crate) fn compact_later(
        &self,
        session: &SessionKey,
        why: Why,
        cut: impl Future<Output = ()> + Send + 'static,
    ) {
        let Some(under_way) = self.compactor.begin(session) else { return };
        let (compactor, ports, core) = (self.compactor.clone(), Arc::clone(&self.ports), self.core());
        let task = async move {
            tokio::select! {
                // What goes wrong is logged where it happens.
                made = compactor.run(under_way, &ports, &core, why) => if let Err(error) = made {
                    tracing::debug!(%error, "no summary was made");
                },
                () = cut => {}
            }
        };
        self.ports.spawn.spawn("compaction", Box::pin(task));
    }
}
