//! For servers that load a model when it is asked for: one request at a time, and none before the model is there.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use agent_core::{
    LlmProvider, ModelError, ModelErrorKind as Kind, ModelEvent, ModelRequest, ModelStream, ProviderInfo,
};
use async_trait::async_trait;
use futures_util::{Stream, StreamExt as _};
use parking_lot::Mutex;
use session_api::{Clock, Message, MessageId, Part, Role, TurnId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest that a request waits for those before it.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The longest that a model may take to load.
const LONGEST_LOAD: Duration = Duration::from_secs(300);
/// The first pause between two questions whether it is loaded; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// After so long without a request the server may have unloaded a model: the usual five minutes, and a margin.
const KEPT: Duration = Duration::from_secs(240);
/// Most models of which is remembered that they are loaded.
const MOST_LOADED: usize = 8;

/// What is known of one server, by all that ask it.
#[derive(Debug)]
pub struct Gate {
    permit: Arc<Semaphore>,
    /// The models that answered, and when.
    loaded: Mutex<Vec<(String, Duration)>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { permit: Arc::new(Semaphore::new(1)), loaded: Mutex::default() }
    }
}

impl Gate {
    /// Notes that `model` answered at `now`, by the monotonic clock.
    pub fn loaded(&self, model: &str, now: Duration) {
        let mut loaded = self.loaded.lock();
        loaded.retain(|(known, _)| known != model);
        if loaded.len() == MOST_LOADED {
            loaded.remove(0);
        }
        loaded.push((model.to_owned(), now));
    }

    fn is_loaded(&self, model: &str, now: Duration) -> bool {
        self.loaded.lock().iter().any(|(known, at)| known == model && now.saturating_sub(*at) < KEPT)
    }

    fn forget(&self, model: &str) {
        self.loaded.lock().retain(|(known, _)| known != model);
    }
}

/// A provider that is asked one thing after the other. Before the first request to a model, and before one after a long
/// silence, it is asked for a single token until it has loaded the model: what then takes long is the answer, not the
/// server, and the limits of time mean what they say. These tokens stand on no bill.
pub struct JustInTimeProvider {
    inner: Arc<dyn LlmProvider>,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
}

impl JustInTimeProvider {
    /// Wraps `inner`. All that ask the same server share one `gate`.
    pub fn new(inner: Arc<dyn LlmProvider>, gate: Arc<Gate>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, gate, clock }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, ModelError> {
        let busy = || {
            let (name, minutes) = (&self.info().name, LONGEST_WAIT.as_secs() / 60);
            let text =
                format!("provider `{name}` answers one request at a time and was busy for {minutes} minutes");
            ModelError::new(Kind::Timeout, text)
        };
        tokio::select! {
            permit = self.gate.permit.clone().acquire_owned() => permit.map_err(|_| busy()),
            () = self.clock.sleep(LONGEST_WAIT) => Err(busy()),
        }
    }

    /// Asks for a token until the model is there.
    async fn load(&self, request: &ModelRequest) -> Result<(), ModelError> {
        if self.gate.is_loaded(&request.model, self.clock.monotonic()) {
            return Ok(());
        }
        let until = self.clock.monotonic() + LONGEST_LOAD;
        let mut pause = FIRST_PAUSE;
        loop {
            // Whatever else is wrong is said of the request itself.
            let Err(error) = self.ask_for_a_token(request).await else { return Ok(()) };
            if !matches!(error.kind, Kind::Timeout | Kind::Unavailable | Kind::RateLimited) {
                return Ok(());
            }
            if self.clock.monotonic() + pause >= until {
                return Err(error);
            }
            tracing::debug!(model = request.model, %error, "the model is not loaded yet");
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn ask_for_a_token(&self, request: &ModelRequest) -> Result<(), ModelError> {
        let message = Message {
            id: MessageId(Default::default()),
            role: Role::User,
            principal: None,
            turn: TurnId(Default::default()),
            at: self.clock.now(),
            parts: vec![Part::text("hi")],
        };
        let mut stream = self
            .inner
            .stream(ModelRequest {
                model: request.model.clone(),
                system: Arc::from(""),
                messages: Arc::new(vec![message]),
                tools: Arc::from([]),
                blobs: HashMap::new(),
                effort: None,
                max_output_tokens: Some(1),
                correlation: request.correlation.clone(),
            })
            .await?;
        while let Some(event) = stream.next().await {
            event?;
        }
        Ok(())
    }
}

#[async_trait]
impl LlmProvider for JustInTimeProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let permit = self.turn().await?;
        self.load(&request).await?;
        let model = request.model.clone();
        match self.inner.stream(request).await {
            Ok(inner) => {
                let (gate, clock) = (self.gate.clone(), self.clock.clone());
                Ok(Alone { inner, model, gate, clock, permit: Some(permit) }.boxed())
            }
            Err(error) => {
                self.gate.forget(&model);
                Err(error)
            }
        }
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.inner.models().await
    }
}

/// A reply that nobody else is answered beside.
struct Alone {
    inner: ModelStream,
    model: String,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    /// Gone when the reply has ended, however long its reader then holds it.
    permit: Option<OwnedSemaphorePermit>,
}

impl Stream for Alone {
    type Item = Result<ModelEvent, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(context));
        match &item {
            Some(Ok(ModelEvent::Finished(_))) => {
                self.gate.loaded(&self.model, self.clock.monotonic());
                self.permit = None;
            }
            Some(Err(_)) => {
                self.gate.forget(&self.model);
                self.permit = None;
            }
            None => self.permit = None,
            Some(Ok(_)) => {}
        }
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use agent_core::{
        ScriptedProvider, ScriptedReply,
        contract::provider::{collect, request},
    };
    use futures_util::FutureExt as _;
    use session_api::ManualClock;

    use super::*;

    fn worn(replies: Vec<ScriptedReply>) -> (Arc<ScriptedProvider>, JustInTimeProvider, ManualClock) {
        let inner = Arc::new(ScriptedProvider::new(replies));
        let clock = ManualClock::default();
        let gate = Arc::new(Gate::default());
        let provider = JustInTimeProvider::new(inner.clone(), gate, Arc::new(clock.clone()));
        (inner, provider, clock)
    }

    fn down() -> ScriptedReply {
        ScriptedReply::error(ModelError::new(Kind::Unavailable, "loading"))
    }

    #[tokio::test]
    async fn a_model_is_asked_for_a_token_first_and_again_after_a_long_silence() {
        let replies = ["x", "one", "two", "x", "three"].map(ScriptedReply::text);
        let (inner, provider, clock) = worn(replies.into());
        assert_eq!(collect(&provider, request("a")).await.text, "one");
        assert_eq!(collect(&provider, request("b")).await.text, "two");
        clock.advance(KEPT);
        assert_eq!(collect(&provider, request("c")).await.text, "three");
        let asked: Vec<Option<u32>> = inner.requests().iter().map(|sent| sent.max_output_tokens).collect();
        assert_eq!(asked, [Some(1), None, None, Some(1), None]);
        assert!(inner.requests()[0].tools.is_empty());
    }

    #[tokio::test]
    async fn a_model_that_loads_is_waited_for() {
        let replies = vec![down(), down(), ScriptedReply::text("x"), ScriptedReply::text("here")];
        let (inner, provider, clock) = worn(replies);
        let mut asking = Box::pin(collect(&provider, request("a")));
        for (pause, requests) in [(2, 1), (4, 2)] {
            // The script gives way now and then.
            assert!((0..4).all(|_| (&mut asking).now_or_never().is_none()));
            assert_eq!(inner.requests().len(), requests);
            clock.advance(Duration::from_secs(pause - 1));
            assert!((0..4).all(|_| (&mut asking).now_or_never().is_none()));
            assert_eq!(inner.requests().len(), requests, "it is not asked all the time");
            clock.advance(Duration::from_secs(1));
        }
        assert_eq!(asking.await.text, "here");
    }

    #[tokio::test]
    async fn a_model_that_never_loads_is_given_up() {
        let (inner, provider, clock) = worn((0..100).map(|_| down()).collect());
        let mut asking = Box::pin(collect(&provider, request("a")));
        let error = loop {
            if let Some(reply) = (&mut asking).now_or_never() {
                break reply.error.unwrap();
            }
            clock.advance(LONGEST_PAUSE);
        };
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(clock.monotonic() <= LONGEST_LOAD + LONGEST_PAUSE && inner.requests().len() < 60);
    }

    #[tokio::test]
    async fn what_else_is_wrong_is_said_of_the_request_itself() {
        let wrong = |text: &str| ScriptedReply::error(ModelError::new(Kind::NotFound, text));
        let (_, provider, _) = worn(vec![wrong("of the token"), wrong("of the request")]);
        assert_eq!(collect(&provider, request("a")).await.error.unwrap().message, "of the request");
    }

    #[tokio::test]
    async fn requests_come_one_after_the_other() {
        let replies = ["x", "one", "two", "three"].map(ScriptedReply::text);
        let (inner, provider, _) = worn(replies.into());
        let first = provider.stream(request("a")).await.unwrap();
        let mut second = Box::pin(collect(&provider, request("b")));
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(inner.requests().len(), 2, "the token and the first");
        // Nobody reads the first any more. That its model is loaded nobody knows then.
        drop(first);
        assert_eq!(second.await.text, "three");
        assert_eq!(inner.requests().len(), 4);
    }

    #[tokio::test]
    async fn a_reply_that_has_ended_holds_nobody_up() {
        let (_, provider, _) = worn(["x", "one", "two"].map(ScriptedReply::text).into());
        let mut first = provider.stream(request("a")).await.unwrap();
        while !matches!(first.next().await, Some(Ok(ModelEvent::Finished(_)))) {}
        assert_eq!(collect(&provider, request("b")).await.text, "two");
        drop(first);
    }

    #[tokio::test]
    async fn a_request_does_not_wait_for_ever() {
        let (_, provider, clock) = worn(["x", "one"].map(ScriptedReply::text).into());
        let _first = provider.stream(request("a")).await.unwrap();
        let mut second = Box::pin(collect(&provider, request("b")));
        assert!((&mut second).now_or_never().is_none());
        clock.advance(LONGEST_WAIT);
        assert_eq!(second.await.error.unwrap().kind, Kind::Timeout);
    }
}
