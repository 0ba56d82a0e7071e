//! What a client follows: conversations, and the messages it sent.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use agent_core::{AgentError, RunEvent};
use futures_util::{FutureExt as _, future::BoxFuture};
use session_api::{InboundId, SessionKey};
use tokio::sync::mpsc;

use super::{
    close::End,
    frame::{ErrorCode, Frame, Position, Refusal},
    log::{self, Ended},
    queue::Queue,
    render,
};
use crate::{
    WebSocketLimits,
    state::{Shared, in_time},
};

/// The wait after a store that did not answer.
const STORE_DOWN: Duration = Duration::from_secs(1);

/// A conversation.
struct Followed {
    key: SessionKey,
    events: mpsc::Receiver<RunEvent>,
    position: Position,
}

/// A message whose end the client is to be told.
pub(super) struct Tracked {
    pub(super) inbound: InboundId,
    /// The client's own id of it.
    pub(super) id: String,
    pub(super) session: SessionKey,
    /// It was accepted before: its answer may have been passed on to a connection that is no more.
    pub(super) repeated: bool,
}

/// All that one client follows.
pub(super) struct Follower {
    shared: Arc<Shared>,
    limits: WebSocketLimits,
    sessions: Vec<Followed>,
    tracked: Vec<Tracked>,
    /// Ends when it is time to look into the store, with the version that was seen then.
    change: BoxFuture<'static, u64>,
    version: u64,
}

/// What happened.
pub(super) enum News {
    /// An event of a followed conversation.
    Event(Box<RunEvent>),
    /// It is time to [`look`](Follower::look) into the store.
    Change(u64),
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>, limits: WebSocketLimits) -> Self {
        let change = std::future::pending().boxed();
        Self { shared, limits, sessions: Vec::new(), tracked: Vec::new(), change, version: 0 }
    }

    pub(super) fn follows(&self, key: &SessionKey) -> bool {
        self.sessions.iter().any(|followed| followed.key == *key)
    }

    /// How many messages of the client have not ended.
    pub(super) fn in_flight(&self) -> usize {
        self.tracked.len()
    }

    /// Follows a message until it ends.
    pub(super) fn track(&mut self, message: Tracked) {
        if !self.tracked.iter().any(|known| known.inbound == message.inbound) {
            self.tracked.push(message);
        }
    }

    /// Follows a conversation from `after` on, or from now. One that is followed already goes on from there.
    pub(super) async fn attach(
        &mut self,
        key: &SessionKey,
        after: Option<Position>,
        queue: &mut Queue,
    ) -> Result<Result<(), Refusal>, End> {
        if !self.follows(key) && self.sessions.len() >= self.limits.sessions {
            let why =
                format!("one connection follows at most {} sessions; open another", self.limits.sessions);
            return Ok(Err(Refusal::new(ErrorCode::TooManySessions, why)));
        }
        // Before the position is read, so that nothing falls in between.
        let events = self.shared.factotum.events(key);
        let position = match in_time(log::position(&self.shared, &self.limits, key, after)).await {
            Ok(position) => position,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.sessions.retain(|followed| followed.key != *key);
        queue.push(&Frame::Attached { session: &key.chat, last: &position }).await?;
        self.sessions.push(Followed { key: key.clone(), events, position });
        self.wait_for_change(Duration::ZERO);
        Ok(Ok(()))
    }

    /// What to see to next. Cancel safe.
    pub(super) async fn next(&mut self) -> News {
        let Self { sessions, change, .. } = self;
        let news = poll_fn(|context| {
            for followed in sessions.iter_mut() {
                if let Poll::Ready(Some(event)) = followed.events.poll_recv(context) {
                    return Poll::Ready(News::Event(Box::new(event)));
                }
            }
            change.poll_unpin(context).map(News::Change)
        })
        .await;
        if let News::Change(version) = news {
            self.version = version;
            self.change = std::future::pending().boxed();
        }
        news
    }

    /// A change is seen to when something was committed, but not before `pause` is over.
    fn wait_for_change(&mut self, pause: Duration) {
        let (factotum, version) = (self.shared.factotum.clone(), self.version);
        self.change = async move {
            tokio::time::sleep(pause).await;
            loop {
                match factotum.changed(version).await {
                    Ok(version) => return version,
                    Err(_) => tokio::time::sleep(STORE_DOWN).await,
                }
            }
        }
        .boxed();
    }

    /// Looks into the store and passes on what is new: first what was said, then which messages ended.
    pub(super) async fn look(&mut self, queue: &mut Queue) -> Result<(), End> {
        let pause = match self.pass_on(queue).await? {
            Ok(true) => {
                self.change = std::future::ready(self.version).boxed();
                return Ok(());
            }
            Ok(false) => self.limits.look_again,
            Err(error) => {
                tracing::warn!(%error, "a WebSocket client waits for the store");
                // What was not passed on is passed on then, whether or not anything else has changed.
                self.version = 0;
                STORE_DOWN
            }
        };
        self.wait_for_change(pause);
        Ok(())
    }

    /// Whether there is more to pass on. The outer error is the client's, the inner one the store's.
    async fn pass_on(&mut self, queue: &mut Queue) -> Result<Result<bool, AgentError>, End> {
        // Read before the answers: what has ended now has its answer among them.
        let ended = match in_time(log::ended(&self.shared, &self.tracked)).await {
            Ok(ended) => ended,
            Err(error) => return Ok(Err(error)),
        };
        let mut more = false;
        for index in 0..self.sessions.len() {
            let (key, position) = (self.sessions[index].key.clone(), self.sessions[index].position);
            let behind = match in_time(log::behind(&self.shared, &self.limits, &key, position)).await {
                Ok(behind) => behind,
                Err(error) => return Ok(Err(error)),
            };
            if !behind.found {
                tracing::warn!(session = %key, "what a WebSocket client has was taken away; going on with what is left");
            }
            // The events of a turn come before its answer.
            while let Ok(event) = self.sessions[index].events.try_recv() {
                queue.offer(&Frame::Event { session: &event.session.chat, event: &event })?;
            }
            for message in &behind.messages {
                if let Err(error) = render::pass_on(&self.shared, &self.limits, &key, message, queue).await? {
                    return Ok(Err(error));
                }
                self.sessions[index].position = Position::After(message.id);
            }
            more |= behind.more;
        }
        if !more {
            self.tell_ends(ended, queue).await?;
        }
        Ok(Ok(more))
    }

    async fn tell_ends(&mut self, ended: Vec<(InboundId, Ended)>, queue: &mut Queue) -> Result<(), End> {
        for (inbound, Ended { outcome, event_id, text }) in ended {
            let Some(at) = self.tracked.iter().position(|tracked| tracked.inbound == inbound) else {
                continue;
            };
            let Tracked { id, session, .. } = self.tracked.swap_remove(at);
            queue
                .push(&Frame::Settled { id: &id, session: &session.chat, inbound, outcome, event_id, text })
                .await?;
        }
        Ok(())
    }
}
