//! Building a request: the prompt, the history as far as it fits, and what the turn added.

use std::{borrow::Cow, collections::HashMap, sync::atomic::Ordering};

use session_api::{BlobId, Message, Part, StoreError, Window};

use super::run::Run;
use crate::{
    ModelError, ModelErrorKind, ModelRequest, ProviderInfo,
    context::{cut_to_fit, fit_history, fold_history, shorten_results},
};

/// A request and how long it is.
pub(super) struct Built {
    pub(super) request: ModelRequest,
    /// In the model's tokens, as far as they can be told before the call.
    pub(super) tokens: u64,
    /// Those of the prompt and the tools among them.
    pub(super) fixed: u64,
}

fn unreadable(error: &StoreError) -> ModelError {
    let message = format!("the conversation could not be read: {error}");
    ModelError::new(ModelErrorKind::Unavailable, message)
}

impl Run<'_> {
    /// The request with the history and `added`. The model refused it `shrink` times as too long.
    pub(super) async fn request(
        &self,
        added: Vec<Message>,
        model: &str,
        iteration: u32,
        shrink: u8,
    ) -> Result<Built, ModelError> {
        let window = if shrink == 0 {
            Cow::Borrowed(&self.window)
        } else {
            self.compact_inline().await;
            Cow::Owned(self.read_window().await.map_err(|error| unreadable(&error))?)
        };
        let (mut messages, mut tokens, fixed) = self.fitted(&window, added, shrink).await?;
        if let Some(report) = self.self_report(iteration, &messages).await {
            tokens += self.frame.gauge.message(&report);
            messages.push(report);
        }
        let mut blobs = HashMap::new();
        let info = self.chosen.as_ref().map_err(Clone::clone)?.provider.info();
        let shown = |part| shown(part, info);
        for id in messages.iter().flat_map(|message| message.parts.iter()).flat_map(shown) {
            let bytes = self.ports.stores.blobs.get_blob(id).await.map_err(|error| unreadable(&error))?;
            if let Some(bytes) = bytes {
                blobs.insert(id.clone(), bytes);
            }
        }
        let request = ModelRequest {
            model: model.to_owned(),
            system: self.behalf.load().system.clone(),
            messages: messages.into(),
            tools: self.specs.clone(),
            blobs,
            effort: self.effort(),
            max_output_tokens: None,
            correlation: self.info.correlation.clone(),
        };
        Ok(Built { request, tokens, fixed })
    }

    /// The messages that fit, and the tokens of the whole request and of what stands before it.
    async fn fitted(
        &self,
        window: &Window,
        added: Vec<Message>,
        shrink: u8,
    ) -> Result<(Vec<Message>, u64, u64), ModelError> {
        let (behalf, frame) = (self.behalf.load(), &self.frame);
        let fixed = behalf.tokens + frame.tools;
        let most = frame.window.saturating_sub(behalf.reply);
        let most = match (shrink, self.refused.load(Ordering::Acquire)) {
            (0, _) => most,
            // Another process was refused.
            (times, 0) => most >> times,
            // Whatever our count says, it must be shorter than what was refused.
            (_, refused) => most.min(fixed + refused.saturating_sub(fixed) / 2),
        };
        let asked: u64 = added.iter().map(|message| frame.gauge.message(message)).sum();
        let room = behalf.history.min(most.saturating_sub(fixed + asked));
        let fit = fit_history(window, room, self.core.budget.history_messages, frame.gauge);
        self.left_out.fetch_or(fit.left_out, Ordering::AcqRel);
        let mut messages = fold_history(window, fit.start);
        let whole = shorten_results(&mut messages, window, &fit, frame.gauge);
        if !whole.is_empty() {
            tracing::debug!(results = whole.len(), "older tool results of low importance were shortened");
        }
        self.keep(whole).await?;
        messages.extend(added);
        let tokens = fixed + asked + fit.tokens;
        if tokens <= most {
            return Ok((messages, tokens, fixed));
        }
        let cut = most.checked_sub(fixed).and_then(|room| cut_to_fit(&mut messages, room, frame.gauge));
        let Some(cut) = cut else {
            return Err(ModelError::new(
                ModelErrorKind::ContextTooLong,
                format!(
                    "the request has no room: instructions and tools take {fixed} of the {} tokens of {}; take some of them away, or give `context` in its provider's section the right number",
                    frame.window, frame.model
                ),
            ));
        };
        tracing::info!(tokens, most, texts = cut.len(), "messages were cut to fit the model's window");
        self.keep(cut).await?;
        let tokens = fixed + messages.iter().map(|message| frame.gauge.message(message)).sum::<u64>();
        Ok((messages, tokens, fixed))
    }

    /// Stores what was cut, so that it can be read by the marks.
    async fn keep(&self, texts: Vec<String>) -> Result<(), ModelError> {
        for text in texts {
            self.ports.stores.blobs.put_blob(text.into()).await.map_err(|error| unreadable(&error))?;
        }
        Ok(())
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
