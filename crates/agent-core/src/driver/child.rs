//! Turns of subagents: what they run with, and how their end reaches their parent.

use session_api::{
    ChildRun, Delivery, InboundId, Message, OutboxKind, OutboxMessage, Principal, Role, Route, RunOverrides,
    SessionKey, Writes,
};
use subagents::Ended;

use super::run::Run;
use crate::{AgentError, PromptSection, Share, turn::Ending};

/// What every subagent is told.
const ROLE: &str = "You are an agent that another conversation started for one task. Nobody reads along, and nobody answers \
    questions: decide yourself. Your last message is your result and is all that the other side gets: make it complete, and \
    say what you could not do.";

/// Limits of so many above an agent count: the configuration may have let them nest deeper once.
const DEEPEST: usize = 16;
/// Most subagents of a subagent that are looked at when it ends.
const MOST: usize = 1_000;

/// A session that another one started.
pub(super) struct Child {
    /// Its id: that of its first row.
    pub(super) id: InboundId,
    parent: SessionKey,
    reply: Route,
    principal: Principal,
    pub(super) run: ChildRun,
    /// What it may cost in its whole life, with those that it started, and what each of those may that it stands below.
    pub(super) limits: Vec<(SessionKey, u64)>,
    /// How its plan ended; `None`: it has none, or goes on.
    pub(super) end: Option<subagents::PlanEnd>,
}

impl Child {
    /// What it is told besides what everybody is.
    pub(super) fn section(&self) -> PromptSection {
        let text = match &self.run.instructions {
            Some(instructions) => format!("{ROLE}\n\n{instructions}"),
            None => ROLE.to_owned(),
        };
        PromptSection { share: Share::Profile, name: "Your task here".into(), text, absent: None }
    }
}

/// The profile of the agent that a run with `overrides` is.
pub(super) fn profile(overrides: &RunOverrides) -> Option<&str> {
    overrides.child.as_ref()?.profile.as_deref()
}

impl Run<'_> {
    /// In a subagent's session, whoever speaks: all its turns run as its first row says. The inner error: why it cannot.
    pub(super) async fn know_child(&mut self) -> Result<Result<(), &'static str>, AgentError> {
        let session = &self.turn.lease.session;
        if !subagents::is_agent(session) {
            return Ok(Ok(()));
        }
        const GONE: &str = "what this agent was started with is not there any more";
        let Some(id) = subagents::id_of(session) else { return Ok(Err(GONE)) };
        let first = match self.turn.founders.iter().find(|row| row.inbound.id == id) {
            Some(row) => Some(row.inbound.clone()),
            None => self.ports.stores.mailbox.inbound(id).await?.map(|view| view.row.inbound),
        };
        let Some(first) = first else { return Ok(Err(GONE)) };
        let (Some(parent), Some(run)) = (first.parent, first.overrides.child.clone()) else {
            return Ok(Err(GONE));
        };
        let limits = self.limits_above(&run, &parent).await?;
        self.overrides = first.overrides;
        self.specs = self.core.specs(&self.overrides, self.place());
        self.chosen = self.core.models.choose(&self.overrides, None);
        self.child = Some(Child {
            id,
            parent,
            reply: first.reply,
            principal: first.principal,
            run: *run,
            limits,
            end: None,
        });
        Ok(Ok(()))
    }

    async fn limits_above(
        &self,
        run: &ChildRun,
        parent: &SessionKey,
    ) -> Result<Vec<(SessionKey, u64)>, AgentError> {
        // What one message may cost, the work that it sets going may not pass either.
        let most = [run.max_cost_micros, self.core.caps.turn].into_iter().flatten().min();
        let own = most.map(|most| (self.info.session.clone(), most));
        let mut limits: Vec<(SessionKey, u64)> = own.into_iter().collect();
        let mut above = Some(parent.clone());
        for _ in 0..DEEPEST {
            let Some(session) = above.take() else { break };
            let Some(id) = subagents::id_of(&session) else { break };
            let Some(view) = self.ports.stores.mailbox.inbound(id).await? else { break };
            let first = view.row.inbound;
            let most = first.overrides.child.and_then(|child| child.max_cost_micros);
            limits.extend(most.map(|most| (session, most)));
            above = first.parent;
        }
        Ok(limits)
    }

    /// An answer. That of a subagent is read by whoever looks for it and sent to nobody.
    pub(super) fn answer(&self, kind: OutboxKind, text: &str) -> OutboxMessage {
        let mut message = self.outgoing(kind, text);
        match &self.child {
            Some(_) => {
                message.parts.splice(0..0, self.outside.load().parts());
                OutboxMessage { delivery: Delivery::Pull, ..message }
            }
            None => message,
        }
    }

    /// What kind of message the last one of this turn is: in a subagent's session it tells whether it did what it was to do.
    pub(super) fn answer_kind(&self, ending: &Ending) -> OutboxKind {
        let failed =
            |child: &Child| *ending != Ending::Answered || child.end.as_ref().is_some_and(|end| !end.done);
        if self.child.as_ref().is_some_and(failed) { OutboxKind::Notice } else { OutboxKind::Reply }
    }

    /// Whether this is a plan that has not ended.
    pub(super) fn plan_goes_on(&self) -> bool {
        self.child.as_ref().is_some_and(|child| child.run.plan.is_some() && child.end.is_none())
    }

    /// Where this ends a subagent: tells its parent how, in the same commit. One whose own subagents are still under way
    /// has not ended: what they come to is another turn of it.
    pub(super) async fn tell_parent(
        &self,
        ending: &Ending,
        messages: &[Message],
        content: &str,
        writes: &mut Writes,
    ) -> Result<(), AgentError> {
        let Some(child) = &self.child else { return Ok(()) };
        let stores = &self.ports.stores;
        let answered = *ending == Ending::Answered;
        let goes_on = if child.run.plan.is_some() {
            self.plan_goes_on() && answered
        } else {
            let own = stores.sessions.children(Some(&self.info.session), true, MOST).await?;
            let own: Vec<InboundId> = own.iter().filter_map(|info| subagents::id_of(&info.key)).collect();
            if !answered {
                // Nobody would hear of what they come to.
                writes.inbound.extend(own.iter().map(|id| self.stop_row(*id)));
            }
            // In this order: one that ends in between has put its row here.
            answered && (!own.is_empty() || !stores.mailbox.pending(&self.info.session, 1).await?.is_empty())
        };
        if goes_on || (*ending == Ending::Stopped && self.stopped_from_above().await?) {
            return Ok(());
        }
        let how = match (ending, &child.end) {
            (Ending::Answered, Some(end)) if !end.done => "failed".to_owned(),
            (Ending::Answered, _) => subagents::DONE.to_owned(),
            (Ending::Stopped, _) => "stopped".to_owned(),
            (Ending::ModelCalls(limit), _) => format!("limit reached: {limit} model calls"),
            (Ending::ToolCalls(limit), _) => format!("limit reached: {limit} tool calls"),
            (Ending::Deadline(limit), _) => format!("limit reached: {limit} seconds"),
            (Ending::ModelFailed { message, .. }, _) => format!("failed: {message}"),
            (other, _) => format!("failed: {}", other.notice().unwrap_or_default()),
        };
        // The notice is for people; what it had said before may still be of use.
        let text = if answered { Some(content.to_owned()) } else { so_far(messages) };
        let ended = Ended {
            id: InboundId::new(self.ports.ids.as_ref()),
            child: child.id,
            name: &child.run.name,
            turn: self.info.turn,
            parent: &child.parent,
            reply: &child.reply,
            principal: &child.principal,
            how: &self.ports.redact.redact(&how),
            text: &self.ports.redact.redact(text.as_deref().unwrap_or_default()),
            outside: &self.outside.load(),
            now: self.ports.clock.now(),
        };
        writes.inbound.push(subagents::result(&ended));
        Ok(())
    }

    /// A row that stops a subagent of this one.
    pub(super) fn stop_row(&self, id: InboundId) -> session_api::Inbound {
        let principal = self.behalf.load().principal.clone();
        subagents::stop(InboundId::new(self.ports.ids.as_ref()), id, &principal, self.ports.clock.now())
    }

    /// Whether whoever stopped this turn stopped its parent too, or everything: nobody waits for it then.
    async fn stopped_from_above(&self) -> Result<bool, AgentError> {
        let mailbox = &self.ports.stores.mailbox;
        let Some(by) = mailbox.control(&self.turn.lease).await?.stopped_by else { return Ok(false) };
        let stop = mailbox.inbound(by).await?;
        Ok(stop.is_some_and(|view| view.row.inbound.session != self.info.session))
    }
}

/// The last thing that was said before the notice about the end.
fn so_far(messages: &[Message]) -> Option<String> {
    let said = messages.iter().rev().skip(1).filter(|message| message.role == Role::Assistant);
    let text = said.map(Message::text).find(|text| !text.trim().is_empty())?;
    Some(format!("What it had said so far:\n{text}"))
}
