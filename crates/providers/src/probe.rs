//! Whether a model can really be used: one tiny call, and which part of what a person set up stands in the way.

use std::{sync::Arc, time::Duration};

use agent_core::{LlmProvider, ModelError, ModelErrorKind as Kind, ModelEvent, ModelRequest, TokenUsage};
use futures_util::StreamExt as _;
use serde::Serialize;
use session_api::{Message, MessageId, Part as MessagePart, Role, Timestamp, TurnId};

use crate::{
    Part, Registry, Target,
    layers::FIRST,
    table::{near_host, nearest_of},
};

/// The longest that the test takes, whatever the provider's own limits are.
const WITHIN: Duration = Duration::from_secs(60);

/// Enough for a word, and the least that all servers take.
const MOST_TOKENS: u32 = 16;

/// Longest piece of the answer that is shown, in characters.
const LONGEST_ANSWER: usize = 80;

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// Where the model is to be had; `None` where its name leads nowhere.
    pub target: Option<Target>,
    /// How long the call took, in milliseconds.
    pub millis: u64,
    /// How it went.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered.
    Works {
        /// What it said, or its beginning; empty where it only thought.
        answer: String,
        /// The model that answered, where the server says so.
        model: Option<String>,
        /// What it used, where the server says so.
        usage: Option<TokenUsage>,
        /// What that cost, in millionths of a US dollar, where the price is known.
        cost_micros: Option<u64>,
    },
    /// It did not.
    Fails {
        /// Which part is at fault, as far as it can be told.
        part: Part,
        /// What went wrong, and what to do, for a person.
        message: String,
    },
}

impl Registry {
    /// Asks the model of this name for one word, without retries and without those behind it. Never fails: what goes wrong is
    /// the answer. It costs a few tokens.
    pub async fn test(&self, name: &str) -> Tested {
        let clock = self.board().clock.clone();
        let began = clock.monotonic();
        let (target, outcome) = match self.bare(name) {
            Ok((provider, target)) => {
                let outcome = tokio::select! {
                    outcome = self.probe(provider, &target) => outcome,
                    () = clock.sleep(WITHIN) => {
                        let late = format!("provider `{}` did not answer within {} s; try again later", target.provider, WITHIN.as_secs());
                        fails(Part::Network, late)
                    }
                };
                (Some(target), outcome)
            }
            Err(error) => (None, Outcome::Fails { part: error.part(), message: error.to_string() }),
        };
        let took = clock.monotonic().saturating_sub(began);
        Tested { target, millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX), outcome }
    }

    async fn probe(&self, provider: Arc<dyn LlmProvider>, target: &Target) -> Outcome {
        let mut model = target.model.clone();
        if model == FIRST {
            match provider.models().await {
                Ok(models) => match models.into_iter().next() {
                    Some(first) => model = first,
                    None => {
                        let text = format!("provider `{}` lists no models; name one", target.provider);
                        return fails(Part::Name, text);
                    }
                },
                Err(error) => return blame(provider.as_ref(), target, error).await,
            }
        }
        let asked = ask(provider.as_ref(), model.clone()).await;
        match asked {
            Ok((answer, finished)) => {
                let answered = finished.model.as_deref().unwrap_or(&model);
                let cost_micros =
                    finished.usage.and_then(|usage| self.cost(&target.provider, answered, &usage));
                Outcome::Works { answer, cost_micros, usage: finished.usage, model: finished.model }
            }
            Err(error) => {
                let target = Target { model, ..target.clone() };
                blame(provider.as_ref(), &target, error).await
            }
        }
    }
}

fn fails(part: Part, message: String) -> Outcome {
    Outcome::Fails { part, message }
}

async fn ask(
    provider: &dyn LlmProvider,
    model: String,
) -> Result<(String, agent_core::Finished), ModelError> {
    let message = Message {
        id: MessageId(Default::default()),
        role: Role::User,
        principal: None,
        turn: TurnId(Default::default()),
        at: Timestamp(0),
        parts: vec![MessagePart::text("Reply with the word: ready")],
    };
    let request = ModelRequest {
        model,
        system: "".into(),
        messages: Arc::new(vec![message]),
        tools: Arc::new([]),
        blobs: Default::default(),
        effort: None,
        max_output_tokens: Some(MOST_TOKENS),
        correlation: String::new(),
    };
    let mut stream = provider.stream(request).await?;
    let mut answer = String::new();
    while let Some(event) = stream.next().await {
        match event? {
            ModelEvent::Text(text) => answer.push_str(&text),
            ModelEvent::Finished(finished) => {
                let answer = answer.trim().chars().take(LONGEST_ANSWER).collect();
                return Ok((answer, finished));
            }
            ModelEvent::Reasoning(_)
            | ModelEvent::ToolCall(_)
            | ModelEvent::Opaque { .. }
            | ModelEvent::Attempt(_) => {}
        }
    }
    let text = format!("provider `{}` ended its reply in the middle", provider.info().name);
    Err(ModelError::new(Kind::BadReply, text))
}

/// Which part an error is the fault of. Where a server may have meant its address as well as the model, its list of models
/// tells.
async fn blame(provider: &dyn LlmProvider, target: &Target, error: ModelError) -> Outcome {
    let (part, hint) = match error.kind {
        Kind::Auth | Kind::NotConfigured => (Part::Key, String::new()),
        Kind::Quota | Kind::RateLimited => (Part::Quota, String::new()),
        Kind::Timeout => (Part::Network, String::new()),
        Kind::Unavailable if error.status.is_some() => (Part::Server, String::new()),
        Kind::Unavailable => match near_host(&format!("https://{}", target.server)) {
            Some(meant) => (Part::BaseUrl, format!("; did you mean {meant}?")),
            None => (Part::Network, String::new()),
        },
        // A page for browsers has a status; a reply that breaks off has none.
        Kind::BadReply if error.status.is_some() => (Part::BaseUrl, String::new()),
        Kind::BadReply => (Part::Server, String::new()),
        _ if error.status.is_some_and(|status| (300..400).contains(&status)) => {
            (Part::BaseUrl, String::new())
        }
        Kind::NotFound | Kind::BadRequest | Kind::ContextTooLong => {
            listed(provider, &target.model, error.kind).await
        }
    };
    fails(part, format!("{}{hint}", error.message))
}

async fn listed(provider: &dyn LlmProvider, model: &str, kind: Kind) -> (Part, String) {
    match provider.models().await {
        Ok(models) if models.iter().any(|known| known == model) => (Part::Server, String::new()),
        Ok(models) => {
            let near = nearest_of(model, models.iter().map(String::as_str));
            let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            let hint =
                if near.is_empty() { String::new() } else { format!("; it lists {}", near.join(", ")) };
            (Part::Name, hint)
        }
        // It knows neither the path of the one nor of the other.
        Err(error) if kind == Kind::NotFound && error.kind == Kind::NotFound => {
            (Part::BaseUrl, String::new())
        }
        Err(_) if kind == Kind::NotFound => (Part::Name, String::new()),
        Err(_) => (Part::Server, String::new()),
    }
}
