//! The conversation with a client that may speak.

use std::{convert::Infallible, sync::Arc};

use agent_core::{AgentError, RunEventKind};
use axum::extract::ws::Message;
use futures_util::{Stream, StreamExt as _};
use secrecy::ExposeSecret as _;
use session_api::{ApprovalId, Decision, SessionKey};

use super::{
    ACCOUNT, VERSION,
    accept::{FILES, accept},
    close::End,
    follow::{Follower, News, Tracked},
    frame::{ErrorCode, Frame, Position, Refusal},
    queue::Queue,
    rate::Rate,
    request::{Parsed, Request, Said, message_id, parse, session},
};
use crate::{
    WebSocketLimits, WebSocketPolicy,
    state::{Shared, in_time},
};

/// A client.
pub(super) struct Client {
    shared: Arc<Shared>,
    limits: WebSocketLimits,
    queue: Queue,
    follower: Follower,
    frames: Rate,
    messages: Rate,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>, policy: &WebSocketPolicy, queue: Queue) -> Self {
        let now = shared.inlet.clock().monotonic();
        Self {
            follower: Follower::new(shared.clone(), policy.limits),
            limits: policy.limits,
            queue,
            frames: Rate::new(policy.limits.frames_per_minute, now),
            messages: Rate::new(policy.messages_per_minute, now),
            shared,
        }
    }

    /// Carries out what the client asks for and tells it what happens, until something ends it.
    pub(super) async fn talk(
        mut self,
        stream: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    ) -> Result<Infallible, End> {
        self.greet().await?;
        let mut pings = tokio::time::interval(self.limits.ping);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        pings.tick().await;
        let mut unanswered = 0;
        loop {
            tokio::select! {
                message = stream.next() => {
                    unanswered = 0;
                    self.message(message).await?;
                }
                news = self.follower.next() => self.pass_on(news).await?,
                _ = pings.tick() => {
                    if unanswered == 2 {
                        return Err(End::Silent);
                    }
                    unanswered += 1;
                    self.queue.ping().await?;
                }
            }
        }
    }

    async fn pass_on(&mut self, news: News) -> Result<(), End> {
        if let News::Event(event) = news {
            self.queue.offer(&Frame::Event { session: &event.session.chat, event: &event })?;
            if !matches!(event.kind, RunEventKind::RunCompleted { .. } | RunEventKind::RunFailed { .. }) {
                return Ok(());
            }
        }
        self.follower.look(&mut self.queue).await
    }

    async fn greet(&mut self) -> Result<(), End> {
        let version = self.shared.operations.health().version;
        self.queue.push(&Frame::Ready { v: VERSION, account: ACCOUNT, version: &version }).await
    }

    async fn message(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(bytes))) if bytes.len() > self.limits.frame => return Err(End::TooLarge),
            Some(Ok(Message::Binary(_))) => {
                self.counted()?;
                let refusal =
                    Refusal::new(ErrorCode::BadFrame, "binary frames are not used; send JSON as text");
                return self.refuse(refusal, None).await;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return self.counted(),
            Some(Ok(Message::Close(_))) => return Err(End::Closed),
            Some(Err(_)) => return Err(End::Protocol),
            None => return Err(End::Gone),
        };
        self.counted()?;
        if text.len() > self.limits.frame {
            return Err(End::TooLarge);
        }
        let Parsed { id, request } = parse(&text);
        drop(text);
        let done = match request {
            Ok(request) => self.carry_out(request, id.as_deref()).await?,
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(()) => Ok(()),
            Err(refusal) => self.refuse(refusal, id.as_deref()).await,
        }
    }

    fn counted(&mut self) -> Result<(), End> {
        self.frames.take(self.shared.inlet.clock().monotonic()).map_err(|_| End::Flood)
    }

    async fn refuse(&mut self, refusal: Refusal, id: Option<&str>) -> Result<(), End> {
        let Refusal { code, message, retry_after_ms } = &refusal;
        let (code, retry_after_ms) = (*code, *retry_after_ms);
        self.queue.push(&Frame::Error { code, message, id, retry_after_ms }).await
    }

    /// The outer error ends the connection, the inner one is told to the client.
    async fn carry_out(&mut self, request: Request, id: Option<&str>) -> Result<Result<(), Refusal>, End> {
        match request {
            Request::Hello { token } => {
                let known = self.shared.token.as_ref();
                if token.is_some_and(|token| {
                    !known.is_some_and(|known| known.is(token.expose_secret().as_bytes()))
                }) {
                    return Err(End::WrongToken);
                }
                self.greet().await?;
            }
            Request::Ping {} => self.queue.push(&Frame::Pong { id }).await?,
            Request::Attach { session, after } => return self.attach(&session, after.as_deref()).await,
            Request::Message(said) => return self.say(*said).await,
            Request::Stop { session } => return self.stop(&session).await,
            Request::Approve { approval } => return self.answer(approval, Decision::Allow).await,
            Request::Deny { approval } => return self.answer(approval, Decision::Deny).await,
        }
        Ok(Ok(()))
    }

    async fn attach(&mut self, name: &str, after: Option<&str>) -> Result<Result<(), Refusal>, End> {
        let key = match session(name) {
            Ok(key) => key,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let unknown = || Refusal::new(ErrorCode::UnknownEvent, "`after` is no event of this session");
        let after = match after.map(Position::parse) {
            Some(None) => return Ok(Err(unknown())),
            Some(Some(position)) => Some(position),
            None => None,
        };
        if let Err(refusal) = self.follower.attach(&key, after, &mut self.queue).await? {
            return Ok(Err(refusal));
        }
        self.follower.look(&mut self.queue).await?;
        Ok(Ok(()))
    }

    async fn say(&mut self, said: Said) -> Result<Result<(), Refusal>, End> {
        let key = match self.allowed(&said) {
            Ok(key) => key,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !self.follower.follows(&key)
            && let Err(refusal) = self.follower.attach(&key, None, &mut self.queue).await?
        {
            return Ok(Err(refusal));
        }
        let Said { id, text, files, .. } = said;
        let accepting = accept(&self.shared, &key, &id, text, files);
        match in_time(accepting).await {
            Ok((inbound, duplicate, ack)) => {
                let accepted = Frame::Accepted { id: &id, session: &key.chat, inbound, duplicate };
                self.queue.acknowledge(&accepted, ack).await?;
                self.follower.track(Tracked { inbound, id, session: key, repeated: duplicate });
                if duplicate {
                    self.follower.look(&mut self.queue).await?;
                }
                Ok(Ok(()))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Whether the client may say this now, before anything of it is stored.
    fn allowed(&mut self, said: &Said) -> Result<SessionKey, Refusal> {
        message_id(&said.id)?;
        let key = session(&said.session)?;
        if said.text.trim().is_empty() && said.files.is_empty() {
            return Err(Refusal::new(ErrorCode::Empty, "a message needs a text or a file"));
        }
        if said.files.len() > FILES {
            return Err(Refusal::new(ErrorCode::BadFile, format!("a message brings at most {FILES} files")));
        }
        if self.follower.in_flight() >= self.limits.in_flight {
            let why = format!("{} messages wait already; wait for their answers", self.limits.in_flight);
            return Err(Refusal::new(ErrorCode::TooManyMessages, why));
        }
        self.messages.take(self.shared.inlet.clock().monotonic()).map_err(|wait| Refusal {
            retry_after_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)),
            ..Refusal::new(ErrorCode::RateLimited, "too many messages; send this one again later")
        })?;
        Ok(key)
    }

    async fn stop(&mut self, name: &str) -> Result<Result<(), Refusal>, End> {
        let key = match session(name) {
            Ok(key) => key,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match in_time(self.shared.factotum.stop(&key)).await {
            Ok(()) => {
                self.queue.push(&Frame::Stopping { session: &key.chat }).await?;
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn answer(&mut self, approval: ApprovalId, decision: Decision) -> Result<Result<(), Refusal>, End> {
        let approvals = self.shared.factotum.approvals();
        match in_time(approvals.answer(approval, decision)).await {
            Ok(answered) => {
                self.queue.push(&Frame::Answered { approval, state: answered.state }).await?;
                Ok(Ok(()))
            }
            Err(AgentError::Context(why)) => Ok(Err(Refusal::new(ErrorCode::NotOpen, why))),
            Err(error) => Ok(Err(error.into())),
        }
    }
}
