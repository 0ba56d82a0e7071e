//! A chain of providers: where one fails, the next one answers.

use std::{sync::Arc, time::Duration};

use agent_core::{
    Attempt, LlmProvider, ModelError, ModelErrorKind as Kind, ModelEvent, ModelRequest, ModelStream,
    ProviderInfo, Retry, TokenUsage, estimate_tokens,
};
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use session_api::Clock;

/// Most failures beside the one that is told in full; the rest would only be noise.
const MOST_TOLD: usize = 5;

/// One of a chain.
#[derive(Clone)]
pub struct Link {
    /// Who is asked.
    pub provider: Arc<dyn LlmProvider>,
    /// For which model; `None`: the one that the request names.
    pub model: Option<String>,
}

/// Asks the first of a chain, and the next where one fails for a reason that is its own: its key, its limits, its server, its
/// connection, also in the middle of a reply. What it had said by then is void: see [`ModelEvent::Attempt`]. What is wrong
/// with the request itself (400, 404, 422, too long) would be wrong with the next one too, or would hide a mistake, and ends
/// the call.
pub struct FailoverProvider {
    links: Arc<[Link]>,
    info: ProviderInfo,
    clock: Arc<dyn Clock>,
}

impl FailoverProvider {
    /// A chain. It passes for its first link, by whose name it goes.
    pub fn new(first: Link, others: Vec<Link>, clock: Arc<dyn Clock>) -> Self {
        let info = first.provider.info().clone();
        let links = std::iter::once(first).chain(others).collect();
        Self { links, info, clock }
    }
}

/// Whether the next one may do better.
fn moves_on(kind: Kind) -> bool {
    match kind {
        Kind::Auth
        | Kind::RateLimited
        | Kind::Quota
        | Kind::Unavailable
        | Kind::Timeout
        | Kind::BadReply
        | Kind::NotConfigured => true,
        Kind::NotFound | Kind::ContextTooLong | Kind::BadRequest => false,
    }
}

fn in_short(kind: Kind) -> &'static str {
    match kind {
        Kind::Auth => "refused the key",
        Kind::RateLimited => "wants fewer requests",
        Kind::Quota => "has no credit left",
        Kind::Unavailable => "cannot serve",
        Kind::Timeout => "took too long",
        Kind::BadReply => "broke off",
        Kind::NotConfigured => "is not set up",
        Kind::NotFound => "does not know the model",
        Kind::ContextTooLong => "cannot hold the conversation",
        Kind::BadRequest => "refused the request",
    }
}

/// One call on its way along the chain.
struct Going {
    links: Arc<[Link]>,
    clock: Arc<dyn Clock>,
    request: ModelRequest,
    at: usize,
    stream: Option<ModelStream>,
    /// When the link at work was asked.
    began: Duration,
    /// What it said, as long as there is another one that could take over.
    said: String,
    /// Whether it said anything, so that it must have read the request.
    begun: bool,
    failures: Vec<(String, ModelError)>,
    over: bool,
}

impl Going {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        if self.over {
            return None;
        }
        let item = match &mut self.stream {
            Some(stream) => stream.next().await,
            None => {
                self.began = self.clock.monotonic();
                let mut request = self.request.clone();
                let link = &self.links[self.at];
                request.model = self.model(self.at);
                match link.provider.stream(request).await {
                    Ok(stream) => self.stream.insert(stream).next().await,
                    Err(error) => Some(Err(error)),
                }
            }
        };
        Some(match item {
            Some(Ok(event)) => {
                self.note(&event);
                Ok(event)
            }
            Some(Err(error)) => self.failed(error),
            None => {
                let text = format!("provider `{}` ended its reply in the middle", self.name(self.at));
                self.failed(ModelError::new(Kind::BadReply, text))
            }
        })
    }

    fn name(&self, at: usize) -> String {
        self.links[at].provider.info().name.clone()
    }

    fn model(&self, at: usize) -> String {
        self.links[at].model.clone().unwrap_or_else(|| self.request.model.clone())
    }

    fn note(&mut self, event: &ModelEvent) {
        let last = self.at + 1 == self.links.len();
        match event {
            ModelEvent::Finished(_) => self.over = true,
            ModelEvent::Attempt(_) => {
                self.said.clear();
                self.begun = false;
            }
            _ if last => {}
            ModelEvent::Text(text) | ModelEvent::Reasoning(text) => {
                self.begun = true;
                self.said.push_str(text);
            }
            ModelEvent::ToolCall(call) => {
                self.begun = true;
                self.said.push_str(&call.arguments);
            }
            ModelEvent::Opaque { .. } => self.begun = true,
        }
    }

    fn failed(&mut self, error: ModelError) -> Result<ModelEvent, ModelError> {
        self.stream = None;
        let next = self.at + 1;
        if !moves_on(error.kind) || next == self.links.len() {
            self.over = true;
            return Err(self.sum_up(error));
        }
        let usage = if std::mem::take(&mut self.begun) {
            let (input_tokens, output_tokens) = (super::estimate(&self.request), estimate_tokens(&self.said));
            TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() }
        } else {
            TokenUsage::default()
        };
        self.said.clear();
        let attempt = Attempt {
            provider: self.name(self.at),
            model: self.model(self.at),
            kind: error.kind,
            message: error.message.clone(),
            millis: super::millis(self.clock.monotonic().saturating_sub(self.began)),
            wait_millis: 0,
            usage,
            next_provider: self.name(next),
            next_model: self.model(next),
        };
        tracing::warn!(provider = attempt.provider, next = attempt.next_provider, %error, "the next provider is asked");
        self.failures.push((attempt.provider.clone(), error));
        self.at = next;
        Ok(ModelEvent::Attempt(Box::new(attempt)))
    }

    /// The error of a chain that failed as a whole: of all failures the one that is over first, and what the others were in
    /// short.
    fn sum_up(&mut self, error: ModelError) -> ModelError {
        let alone = !moves_on(error.kind);
        self.failures.push((self.name(self.at), error));
        let last = self.failures.len() - 1;
        let soonest = |(_, (_, error)): &(usize, &(String, ModelError))| match error.retry {
            Retry::Backoff => Some(Duration::ZERO),
            Retry::After(wait) => Some(wait),
            Retry::Never => None,
        };
        let hopeful = self.failures.iter().enumerate().filter(|failure| !alone && soonest(failure).is_some());
        let best = hopeful.min_by_key(soonest).map_or(last, |(index, _)| index);
        let (_, mut told) = self.failures.remove(best);
        let others: Vec<String> = self
            .failures
            .iter()
            .take(MOST_TOLD)
            .map(|(name, error)| format!("`{name}` {}", in_short(error.kind)))
            .collect();
        if !others.is_empty() {
            told.message = format!("{} (also asked: {})", told.message, others.join(", "));
        }
        told
    }
}

#[async_trait]
impl LlmProvider for FailoverProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let going = Going {
            links: self.links.clone(),
            clock: self.clock.clone(),
            request,
            at: 0,
            stream: None,
            began: Duration::ZERO,
            said: String::new(),
            begun: false,
            failures: Vec::new(),
            over: false,
        };
        Ok(stream::unfold(going, |mut going| async move { Some((going.next().await?, going)) }).boxed())
    }

    /// Those of the first link, since a request may name only these.
    async fn models(&self) -> Result<Vec<String>, ModelError> {
        match self.links.first() {
            Some(link) => link.provider.models().await,
            None => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
#[path = "failover_tests.rs"]
mod tests;
