//! One model call: the request, the stream, the reply.

use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use session_api::{Effort, KvWrite, Part};

use super::{bill::Bill, request::Built, run::Run};
use crate::{
    Attempt, FinishReason, ModelError, ModelErrorKind, ModelEvent, RunEventKind, TokenUsage, context,
    listen::collect, turn::ModelReply,
};

/// What a model call gave, for the machine and for the bill.
pub(super) struct Called {
    pub(super) reply: ModelReply,
    pub(super) model: String,
    pub(super) provider: String,
    /// The provider gave no figures; ours are estimates.
    pub(super) estimated: bool,
    pub(super) millis: u64,
    /// What the reply says about how this model counts tokens.
    pub(super) measured: Option<KvWrite>,
}

impl Run<'_> {
    /// Calls the model with the history and `added`. What is reserved and what failed goes to `bill`, also when the last
    /// attempt failed.
    pub(super) async fn call_model(
        &self,
        added: Vec<session_api::Message>,
        iteration: u32,
        shrink: u8,
        bill: &mut Bill,
    ) -> Result<Called, ModelError> {
        let started = self.ports.clock.monotonic();
        self.live.model_called();
        let chosen = self.chosen.as_ref().map_err(Clone::clone)?;
        let Built { mut request, tokens, fixed } =
            self.request(added, &chosen.model, iteration, shrink).await?;
        self.hooks(|hook, run| hook.before_model_call(run, &request)).await;
        let most = TokenUsage {
            input_tokens: tokens,
            output_tokens: u64::from(self.core.caps.reply_tokens),
            ..TokenUsage::default()
        };
        bill.reservation = self.reserve(self.purpose(), chosen, most).await?;
        if bill.reservation.is_some() {
            request.max_output_tokens = Some(self.core.caps.reply_tokens);
        }
        crate::failpoint("model.before");
        let too_long = |error: ModelError| {
            if error.kind == ModelErrorKind::ContextTooLong {
                self.refused.store(tokens, Ordering::Release);
                self.core.models.calibrations().refused(&self.frame.model, tokens);
            }
            error
        };
        let mut stream = chosen.provider.stream(request).await.map_err(too_long)?;
        let mut collected = Collected::default();
        let (mut provider, mut model) = (chosen.provider.info().name.clone(), chosen.model.clone());
        let finished = loop {
            match stream.next().await {
                Some(Ok(ModelEvent::Finished(finished))) => break finished,
                Some(Ok(ModelEvent::Attempt(attempt))) => {
                    collected = Collected::default();
                    self.begin_anew(&attempt, iteration);
                    (provider, model) = (attempt.next_provider.clone(), attempt.next_model.clone());
                    bill.failed.push(*attempt);
                }
                Some(Ok(event)) => self.piece(&mut collected, event, iteration).await,
                Some(Err(error)) => {
                    if collected.began() {
                        let output_tokens = context::estimate_tokens(&collected.text)
                            + context::estimate_tokens(&collected.reasoning);
                        let usage =
                            TokenUsage { input_tokens: tokens, output_tokens, ..TokenUsage::default() };
                        let (next_provider, next_model) = (String::new(), String::new());
                        bill.failed.push(Attempt {
                            provider,
                            model,
                            kind: error.kind,
                            message: error.message.clone(),
                            millis: self.millis_since(started),
                            wait_millis: 0,
                            usage,
                            next_provider,
                            next_model,
                        });
                    }
                    return Err(too_long(error));
                }
                None => {
                    let message =
                        format!("provider `{}` ended its reply in the middle", chosen.provider.info().name);
                    return Err(ModelError::new(ModelErrorKind::BadReply, message));
                }
            }
        };
        crate::failpoint("model.after");
        let calls = collected.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        self.stream_ended(&collected, iteration, calls).await;
        let usage = finished.usage.unwrap_or_else(|| TokenUsage {
            input_tokens: tokens,
            output_tokens: context::estimate_tokens(&collected.text),
            ..TokenUsage::default()
        });
        self.filled
            .store((usage.input_tokens + usage.output_tokens).saturating_sub(fixed), Ordering::Release);
        // Another model's count says nothing of this one.
        let measured = finished.usage.filter(|_| bill.failed.is_empty()).and_then(|usage| {
            let estimate = self.frame.gauge.estimate_of(tokens);
            self.core.models.calibrations().measure(&self.frame.model, estimate, usage.input_tokens)
        });
        let reason = if calls { FinishReason::ToolCalls } else { finished.reason };
        let reply = ModelReply { parts: collected.parts, reason, usage };
        self.hooks(|hook, run| hook.after_model_call(run, &reply)).await;
        Ok(Called {
            reply,
            model: finished.model.unwrap_or(model),
            provider,
            estimated: finished.usage.is_none(),
            millis: self.millis_since(started),
            measured,
        })
    }

    /// What was shown of this call is void: its text begins again with the next attempt.
    fn begin_anew(&self, attempt: &Attempt, iteration: u32) {
        self.live.model_called();
        self.emit(RunEventKind::AttemptFailed {
            provider: attempt.provider.clone(),
            model: attempt.model.clone(),
            kind: attempt.kind,
            error: attempt.message.clone(),
            wait_millis: attempt.wait_millis,
            next: format!("{}/{}", attempt.next_provider, attempt.next_model),
            iteration,
        });
    }

    /// How hard the model is to think: as the run says, else the conversation, else the model's preset or the configuration.
    pub(super) fn effort(&self) -> Option<Effort> {
        let of_model = || self.chosen.as_ref().ok().and_then(|chosen| chosen.effort);
        self.overrides.effort.or(self.window.effort).or_else(of_model).or(self.core.effort)
    }

    async fn piece(&self, collected: &mut Collected, event: ModelEvent, iteration: u32) {
        match event {
            ModelEvent::Text(text) => {
                self.live.text(&text);
                self.emit(RunEventKind::TextDelta { text: text.clone(), iteration });
                self.hooks(|hook, run| hook.on_stream(run, &text)).await;
                collected.text.push_str(&text);
                collect(&mut collected.parts, ModelEvent::Text(text));
            }
            ModelEvent::Reasoning(text) => {
                self.emit(RunEventKind::ReasoningDelta { text: text.clone(), iteration });
                collected.reasoning.push_str(&text);
                collect(&mut collected.parts, ModelEvent::Reasoning(text));
            }
            ModelEvent::ToolCall(mut call) => {
                // From here on it has its real name, in the history too, so that the model learns it.
                if self.core.tools.get(&call.name).is_none() {
                    call.name = self.core.scopes.real(&call.name).to_owned();
                }
                collected.parts.push(Part::ToolCall(call));
            }
            other => collect(&mut collected.parts, other),
        }
    }

    async fn stream_ended(&self, collected: &Collected, iteration: u32, resuming: bool) {
        if !collected.reasoning.is_empty() {
            let text = collected.reasoning.clone();
            self.emit(RunEventKind::ReasoningCompleted { text, iteration });
        }
        if !collected.text.is_empty() {
            let text = collected.text.clone();
            self.emit(RunEventKind::TextCompleted { text, iteration, resuming });
        }
        self.hooks(|hook, run| hook.on_stream_end(run, resuming)).await;
    }
}

/// A reply as far as it has come.
#[derive(Default)]
struct Collected {
    parts: Vec<Part>,
    text: String,
    reasoning: String,
}

impl Collected {
    /// Whether the model had begun to answer, and so had read the request.
    fn began(&self) -> bool {
        !self.parts.is_empty()
    }
}
