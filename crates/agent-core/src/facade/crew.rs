//! Runs the subagents of conversations that this process runs itself, as a gateway runs everybody's.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use parking_lot::Mutex;
use session_api::{
    Approval, ApprovalId, LeaseFrom, OutboxId, OutboxKind, OutboxMessage, Scope, SessionKey, StoreError,
};
use subagents::AgentView;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Factotum;
use crate::{AgentError, driver};

/// Most subagents' turns of one conversation at the same time.
const AT_ONCE: usize = 16;
/// How long a change may go unnoticed: many crews must not read at each change.
const PACE: Duration = Duration::from_millis(20);
/// How often to look when nothing changes: time alone makes turns leasable again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Most subagents that are looked at.
const MOST: usize = 1_000;
/// Most answers that are looked through for new ones.
const ANSWERS: usize = 50;

/// The conversations whose subagents are run here.
pub(super) type Crews = Arc<Mutex<HashMap<SessionKey, Weak<Crew>>>>;

/// What runs the subagents of one conversation. It ends when nobody holds this and none of them works any more.
#[derive(Debug, Default)]
pub(super) struct Crew {
    /// Its own turns too: nobody else runs them.
    own: std::sync::atomic::AtomicBool,
    /// Leaves everything as it is, for whoever comes next.
    leave: CancellationToken,
    /// Nobody waits for anything any more but the subagents themselves.
    released: CancellationToken,
}

/// Somebody who wants subagents to be run.
#[derive(Debug)]
pub(super) struct Attending(Arc<Crew>);

impl Drop for Attending {
    fn drop(&mut self) {
        // The other one is the crew's own.
        if Arc::strong_count(&self.0) <= 2 {
            self.0.released.cancel();
        }
    }
}

/// What a conversation says after its turn, while its subagents go on.
#[derive(Debug, Clone, PartialEq)]
pub enum FollowUp {
    /// Another answer.
    Said(Box<OutboxMessage>),
    /// Its subagents wait for these answers, and nothing else goes on.
    Asks(Vec<Approval>),
    /// Nothing is under way any more.
    Over,
}

impl Factotum {
    /// Runs the subagents of `session` as long as the value is held and until they have ended.
    pub(super) fn attend(&self, session: &SessionKey, own: bool) -> Attending {
        let mut crews = self.crews.lock();
        crews.retain(|_, crew| crew.strong_count() > 0);
        let there = crews.get(session).and_then(Weak::upgrade).filter(|crew| !crew.released.is_cancelled());
        let crew = there.unwrap_or_else(|| {
            let crew = Arc::new(Crew::default());
            crews.insert(session.clone(), Arc::downgrade(&crew));
            let (factotum, session, crew_) = (self.clone(), session.clone(), crew.clone());
            let task = async move { factotum.crew(&session, &crew_).await };
            self.ports.spawn.spawn("agents", Box::pin(task));
            crew
        });
        crew.own.fetch_or(own, std::sync::atomic::Ordering::Relaxed);
        Attending(crew)
    }

    /// Ends what this process does for the subagents of `session`; another one takes them up, or the next run here.
    pub fn leave_agents(&self, session: &SessionKey) {
        if let Some(crew) = self.crews.lock().get(session).and_then(Weak::upgrade) {
            crew.leave.cancel();
        }
    }

    async fn crew(&self, session: &SessionKey, crew: &Crew) {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut running: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut known = BTreeSet::new();
        loop {
            let looked = self.man(session, crew, &mut known, &slots, &mut running).await;
            let version = looked.unwrap_or_else(|error| {
                tracing::warn!(%error, "agents could not be looked at");
                None
            });
            if known.is_empty() && running.is_empty() && crew.released.is_cancelled() {
                return;
            }
            let mailbox = &self.ports.stores.mailbox;
            let changed = async {
                match version {
                    Some(version) => drop(mailbox.changed(version).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = crew.leave.cancelled() => return,
                () = crew.released.cancelled(), if !crew.released.is_cancelled() => {}
                Some(()) = running.next() => {}
                () = changed => {}
                () = self.ports.clock.sleep(LOOK_AGAIN) => {}
            }
            // What runs must go on meanwhile.
            let mut pace = self.ports.clock.sleep(PACE);
            loop {
                tokio::select! {
                    () = &mut pace => break,
                    Some(()) = running.next() => {}
                }
            }
        }
    }

    /// Leases what can be leased. The version of the store before that.
    async fn man<'a>(
        &'a self,
        session: &SessionKey,
        crew: &Crew,
        known: &mut BTreeSet<SessionKey>,
        slots: &Arc<Semaphore>,
        running: &mut FuturesUnordered<BoxFuture<'a, ()>>,
    ) -> Result<Option<u64>, StoreError> {
        let stores = &self.ports.stores;
        let version = stores.mailbox.changed(0).await?;
        let active = stores.sessions.children(Some(session), true, MOST).await?;
        known.extend(active.into_iter().map(|info| info.key).filter(subagents::is_agent));
        for key in known.clone() {
            if !subagents::is_busy(stores, &key).await? {
                known.remove(&key);
            }
        }
        let mut from: Vec<SessionKey> = known.iter().cloned().collect();
        if crew.own.load(std::sync::atomic::Ordering::Relaxed) {
            from = vec![session.clone()];
        }
        while !from.is_empty() {
            let Ok(permit) = slots.clone().try_acquire_owned() else { break };
            let turn = stores.mailbox.lease(self.ports.worker, LeaseFrom::Sessions(from.clone())).await?;
            let Some(turn) = turn else { break };
            running.push(self.agent_turn(turn, slots.clone(), permit));
        }
        Ok(Some(version))
    }

    fn agent_turn(
        &self,
        turn: session_api::Turn,
        slots: Arc<Semaphore>,
        permit: OwnedSemaphorePermit,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let session = turn.lease.session.clone();
            let slot = driver::Slot::new(slots, permit);
            if let Err(error) = driver::run_in(&self.ports, self.core(), turn, Some(slot)).await {
                // Its lease runs out, and it is tried again.
                tracing::error!(%session, %error, "an agent's turn could not go on");
            }
        })
    }

    /// Whether there is something to wait for in `session`: its subagents work, or what they came to is not answered yet.
    pub async fn is_under_way(&self, session: &SessionKey) -> Result<bool, AgentError> {
        Ok(subagents::is_awaited(&self.ports.stores, session).await?)
    }

    /// The subagents of a conversation, with theirs.
    pub async fn agents(&self, session: &SessionKey) -> Result<Vec<AgentView>, AgentError> {
        Ok(subagents::tree(&self.ports.stores, session).await?)
    }

    /// Conversations with subagents under way, last changed first; with `all` also those whose subagents have ended.
    pub async fn with_agents(&self, all: bool) -> Result<Vec<SessionKey>, AgentError> {
        let stores = &self.ports.stores;
        let mut roots = Vec::new();
        let mut seen = HashSet::new();
        for info in stores.sessions.children(None, !all, MOST).await? {
            // From here up to where people are.
            let (mut key, mut parent) = (info.key, info.parent);
            while subagents::is_agent(&key)
                && let Some(above) = parent
            {
                parent = stores.sessions.session(&Scope::All, &above).await?.and_then(|info| info.parent);
                key = above;
                if !subagents::is_agent(&key) {
                    if seen.insert(key.clone()) {
                        roots.push(key.clone());
                    }
                    break;
                }
            }
        }
        Ok(roots)
    }

    /// Everything that `session` has said lately: what [`follow_up`](Self::follow_up) leaves out.
    pub async fn said_so_far(&self, session: &SessionKey) -> Result<HashSet<OutboxId>, AgentError> {
        let said = self.ports.stores.mailbox.outbox(session, ANSWERS).await?;
        Ok(said.into_iter().map(|message| message.id).collect())
    }

    /// Waits for what `session` says next by itself: its subagents come to something, and its model makes an answer of it.
    /// This process runs whatever nobody else does. `said` is left out, and gets what is returned.
    pub async fn follow_up(
        &self,
        session: &SessionKey,
        said: &mut HashSet<OutboxId>,
    ) -> Result<FollowUp, AgentError> {
        let stores = &self.ports.stores;
        let mut attending: Option<Attending> = None;
        loop {
            let version = stores.mailbox.changed(0).await?;
            let busy = subagents::is_awaited(stores, session).await?;
            let mut new = stores.mailbox.outbox(session, ANSWERS).await?;
            new.retain(|message| !said.contains(&message.id));
            if let Some(message) = new.pop() {
                said.insert(message.id);
                if matches!(message.kind, OutboxKind::Reply | OutboxKind::Notice) {
                    return Ok(FollowUp::Said(Box::new(message)));
                }
                continue;
            }
            if !busy {
                return Ok(FollowUp::Over);
            }
            let asked = self.asked_below(session).await?;
            if !asked.is_empty() {
                return Ok(FollowUp::Asks(asked));
            }
            if attending.is_none() {
                attending = Some(self.attend(session, true));
            }
            tokio::select! {
                changed = stores.mailbox.changed(version) => { changed?; }
                () = self.ports.clock.sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Waits until subagents of `session` ask something that is not among `told`, whether or not its own turn runs. `told`
    /// gets what is returned.
    pub async fn asked_by_agents(
        &self,
        session: &SessionKey,
        told: &mut HashSet<ApprovalId>,
    ) -> Result<Vec<Approval>, AgentError> {
        let mailbox = &self.ports.stores.mailbox;
        loop {
            let version = mailbox.changed(0).await?;
            let mut new = self.asked_below(session).await?;
            new.retain(|question| told.insert(question.id));
            if !new.is_empty() {
                return Ok(new);
            }
            // Nobody hurries so much that each word of an answer should be a look at the store.
            self.ports.clock.sleep(LOOK_AGAIN / 2).await;
            mailbox.changed(version).await?;
        }
    }

    /// Open questions of the subagents of `session`.
    async fn asked_below(&self, session: &SessionKey) -> Result<Vec<Approval>, AgentError> {
        let stores = &self.ports.stores;
        let now = self.ports.clock.now();
        let mut below = Vec::new();
        for question in stores.mailbox.approvals(&Scope::All, true).await? {
            let mut at = Some(question.session.clone()).filter(subagents::is_agent);
            while let Some(key) = at.take_if(|key| subagents::is_agent(key)) {
                at = stores.sessions.session(&Scope::All, &key).await?.and_then(|info| info.parent);
            }
            if at.as_ref() == Some(session) && question.expires_at > now {
                below.push(question);
            }
        }
        Ok(below)
    }
}
