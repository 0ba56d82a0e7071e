//! The cheap model that may run the tool loop between the main model's first word and its last.
//!
//! It sees what the main model would see, with the results that have come, and says which tools to call next. What it says
//! beside that nobody reads: when it wants nothing more, has had its number of calls, or fails, the main model goes on with all
//! that was found.

use std::sync::atomic::Ordering;

use session_api::{Message, Part};

use super::{bill::Bill, model::Called, request::Built, run::Run};
use crate::{Attempt, FinishReason, ModelError, TokenUsage, ToolWorker, listen::Heard, turn::ModelReply};

/// Most bytes of what it says beside its calls. Nobody reads that.
const LONGEST: usize = 256 * 1024;

impl Run<'_> {
    /// The worker's reply where it wants tools called; `None`: the main model goes on. What it used goes to `bill`.
    pub(super) async fn ask_worker(
        &self,
        added: &[Message],
        iteration: u32,
        bill: &mut Bill,
    ) -> Option<Called> {
        let worker = self.core.models.worker()?;
        let at_work = added.last().is_some_and(|message| message.tool_results().next().is_some());
        if !at_work || !self.nobody_chose() || self.worked.load(Ordering::Acquire) >= worker.calls {
            return None;
        }
        self.worked.fetch_add(1, Ordering::AcqRel);
        match self.called_by(worker, added, iteration, bill).await {
            Ok(called) => called,
            Err(error) => {
                tracing::warn!(%error, "the worker failed; the main model goes on by itself");
                // Once is enough: a worker that is down would hold each call up.
                self.worked.store(u32::MAX, Ordering::Release);
                None
            }
        }
    }

    async fn called_by(
        &self,
        worker: &ToolWorker,
        added: &[Message],
        iteration: u32,
        bill: &mut Bill,
    ) -> Result<Option<Called>, ModelError> {
        let (started, chosen) = (self.ports.clock.monotonic(), &worker.model);
        let Built { mut request, tokens, .. } =
            self.request(added.to_vec(), &chosen.model, iteration, 0).await?;
        self.hooks(|hook, run| hook.before_model_call(run, &request)).await;
        let output_tokens = u64::from(self.core.caps.reply_tokens);
        let most = TokenUsage { input_tokens: tokens, output_tokens, ..TokenUsage::default() };
        let reservation = self.reserve(self.purpose(), chosen, most).await?;
        if reservation.is_some() {
            request.max_output_tokens = Some(self.core.caps.reply_tokens);
        }
        let mut heard = Heard::nothing(chosen);
        let finished = heard.listen(chosen, request, LONGEST).await;
        bill.failed.append(&mut heard.failed);
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                let (next_provider, next_model) = self.chosen.as_ref().map_or_else(
                    |_| Default::default(),
                    |main| (main.provider.info().name.clone(), main.model.clone()),
                );
                let Heard { provider, model, .. } = heard;
                // An open reservation would count as spent.
                let nothing = TokenUsage::default();
                bill.aside.push(self.usage(
                    self.purpose(),
                    provider.clone(),
                    model.clone(),
                    nothing,
                    true,
                    reservation,
                ));
                bill.failed.push(Attempt {
                    provider,
                    model,
                    kind: error.kind,
                    message: error.message.clone(),
                    millis: self.millis_since(started),
                    wait_millis: 0,
                    usage: nothing,
                    next_provider,
                    next_model,
                });
                return Err(error);
            }
        };
        let usage = finished.usage.unwrap_or_else(|| heard.estimate(tokens));
        let estimated = finished.usage.is_none();
        let Heard { provider, model, parts, .. } = heard;
        let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        if !calls {
            bill.aside.push(self.usage(self.purpose(), provider, model, usage, estimated, reservation));
            return Ok(None);
        }
        bill.reservation = reservation;
        bill.by_worker = true;
        // Nobody reads its words: the answer is the main model's.
        let parts = parts.into_iter().filter(|part| !matches!(part, Part::Text { .. })).collect();
        let reply = ModelReply { parts, reason: FinishReason::ToolCalls, usage };
        self.hooks(|hook, run| hook.after_model_call(run, &reply)).await;
        let millis = self.millis_since(started);
        Ok(Some(Called { reply, model, provider, estimated, millis, measured: None }))
    }
}
