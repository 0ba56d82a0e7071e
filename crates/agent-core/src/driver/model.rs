//! One model call: the request, the stream, the reply.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use session_api::{BlobId, Effort, Part};
use tool_api::ToolSpec;

use super::{bill::Bill, run::Run};
use crate::{
    Attempt, FinishReason, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ProviderInfo, RunEventKind,
    TokenUsage, context, context::shrunk, turn::ModelReply,
};

/// What a model call gave, for the machine and for the bill.
pub(super) struct Called {
    pub(super) reply: ModelReply,
    pub(super) model: String,
    pub(super) provider: String,
    /// The provider gave no figures; ours are estimates.
    pub(super) estimated: bool,
    pub(super) millis: u64,
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
        let mut request = self.request(added, &chosen.model, iteration, shrink).await?;
        self.hooks(|hook, run| hook.before_model_call(run, &request)).await;
        // Counted now, for a provider that gives no figures: the request goes away with the call, and a copy of it costs
        // more than the count.
        let texts =
            request.messages.iter().flat_map(|message| message.parts.iter().filter_map(Part::as_text));
        let estimate_in = texts.chain([&*request.system]).map(context::estimate_tokens).sum::<u64>();
        let most = TokenUsage {
            input_tokens: estimate_in,
            output_tokens: u64::from(self.core.caps.reply_tokens),
            ..TokenUsage::default()
        };
        bill.reservation = self.reserve(self.purpose(), chosen, most).await?;
        if bill.reservation.is_some() {
            request.max_output_tokens = Some(self.core.caps.reply_tokens);
        }
        crate::failpoint("model.before");
        let mut stream = chosen.provider.stream(request).await?;
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
                            TokenUsage { input_tokens: estimate_in, output_tokens, ..TokenUsage::default() };
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
                    return Err(error);
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
            input_tokens: estimate_in,
            output_tokens: context::estimate_tokens(&collected.text),
            ..TokenUsage::default()
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

    async fn request(
        &self,
        added: Vec<session_api::Message>,
        model: &str,
        iteration: u32,
        shrink: u8,
    ) -> Result<ModelRequest, ModelError> {
        let store_failed = |error: session_api::StoreError| {
            let message = format!("the conversation could not be read: {error}");
            ModelError::new(ModelErrorKind::Unavailable, message)
        };
        let history = if shrink == 0 {
            context::fold_history(&self.window)
        } else {
            let budget = shrunk(self.window_budget(), shrink);
            let window = self.read_window(budget).await.map_err(store_failed)?;
            context::fold_history(&window)
        };
        let mut messages = history;
        messages.extend(added);
        messages.extend(self.self_report(iteration, &messages).await);
        let mut blobs = HashMap::new();
        let info = self.chosen.as_ref().map_err(Clone::clone)?.provider.info();
        let shown = |part| shown(part, info);
        for id in messages.iter().flat_map(|message| message.parts.iter()).flat_map(shown) {
            if let Some(bytes) = self.ports.stores.blobs.get_blob(id).await.map_err(store_failed)? {
                blobs.insert(id.clone(), bytes);
            }
        }
        let tools: std::sync::Arc<[ToolSpec]> = self.specs.clone();
        Ok(ModelRequest {
            model: model.to_owned(),
            system: self.behalf.load().system.clone(),
            messages: messages.into(),
            tools,
            blobs,
            effort: self.effort(),
            max_output_tokens: None,
            correlation: self.info.correlation.clone(),
        })
    }

    /// How hard the model is to think: as the run says, else the conversation, else the model's preset or the configuration.
    fn effort(&self) -> Option<Effort> {
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
                match collected.parts.last_mut() {
                    Some(Part::Text { text: last }) => last.push_str(&text),
                    _ => collected.parts.push(Part::Text { text }),
                }
            }
            ModelEvent::Reasoning(text) => {
                self.emit(RunEventKind::ReasoningDelta { text: text.clone(), iteration });
                collected.reasoning.push_str(&text);
                match collected.parts.last_mut() {
                    Some(Part::Reasoning { text: last }) => last.push_str(&text),
                    _ => collected.parts.push(Part::Reasoning { text }),
                }
            }
            ModelEvent::ToolCall(mut call) => {
                // From here on it has its real name, in the history too, so that the model learns it.
                if self.core.tools.get(&call.name).is_none() {
                    call.name = self.core.scopes.real(&call.name).to_owned();
                }
                collected.parts.push(Part::ToolCall(call));
            }
            ModelEvent::Opaque { format, data } => collected.parts.push(Part::Opaque { format, data }),
            // The loop has taken them out.
            ModelEvent::Attempt(_) | ModelEvent::Finished(_) => {}
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

/// The images and files of `part` that the provider can take, those in a tool's result included.
fn shown<'a>(part: &'a Part, info: &ProviderInfo) -> Vec<&'a BlobId> {
    match part {
        Part::Image { blob, .. } if info.images => vec![blob],
        Part::File { blob, mime, .. } if info.files.contains(&mime.as_str()) => vec![blob],
        Part::ToolResult(result) => result.content.iter().flat_map(|part| shown(part, info)).collect(),
        _ => Vec::new(),
    }
}
