//! Tool calls: judged, journalled, run, cut to size.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use session_api::{
    AuditEntry, BlobId, Importance, Part, Rank, Step, StepKind, StoreError, ToolCall, ToolResult, ToolStatus,
    TurnRecord, Writes,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tool_api::{CallToJudge, Effect, Tool, ToolContext, ToolError, ToolOutput, Verdict};

use super::{child::profile, run::Run};
use crate::{
    Company, RunEventKind, ToolPlace,
    turn::{Judged, Judgement},
};

/// A call that ended, with what is to be journalled.
pub(super) struct Ended {
    pub(super) result: ToolResult,
    pub(super) step: Step,
    pub(super) writes: Writes,
}

impl Run<'_> {
    /// Checks arguments and asks the approver. It never waits.
    pub(super) fn judge(&self, calls: &[ToolCall], pending: &mut Writes) -> Vec<Judgement> {
        calls
            .iter()
            .map(|call| {
                let (beside, judged) = self.judge_one(call);
                if let Judged::Refuse(why) = &judged {
                    tracing::info!(tool = call.name, why, "tool call refused");
                    let (name, tool_call_id) = (call.name.clone(), call.id.clone());
                    self.emit(RunEventKind::ToolFailed { name, tool_call_id, error: why.clone(), millis: 0 });
                    pending.audit.push(self.audit("tool.refused", call, why, 0));
                }
                Judgement { beside, judged }
            })
            .collect()
    }

    fn judge_one(&self, call: &ToolCall) -> (bool, Judged) {
        if let Some(scope) = self.core.scopes.taken_by(&call.name, self.place())
            && self.core.tools.get(&call.name).is_some()
        {
            let reason = format!("`{}` is not on offer here, by tools.scopes.{scope}", call.name);
            return (
                false,
                Judged::Refuse(ToolError::Refused { class: "not_permitted", reason }.to_string()),
            );
        }
        let offered = self.specs.iter().any(|spec| spec.name == call.name);
        let Some(tool) = self.core.tools.get(&call.name).filter(|_| offered) else {
            let names: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
            let why = format!("there is no tool `{}`; there are: {}", call.name, names.join(", "));
            return (false, Judged::Refuse(why));
        };
        let spec = tool.spec();
        let judged = match tool.check(&call.arguments) {
            Err(error) => Judged::Refuse(error.to_string()),
            Ok(()) => {
                let principal = &self.behalf.load().principal;
                let outside = &self.outside.load();
                let risk = || {
                    let context = self.tool_context(call, tool, CancellationToken::new());
                    tool.risk(&context, &call.arguments)
                };
                let risk = if outside.is_empty() { None } else { risk() };
                let session = &self.info.session;
                let judge = CallToJudge { call, spec, principal, session, outside, risk };
                match self.core.approver.decide(judge) {
                    Verdict::Allow => Judged::Allow,
                    Verdict::Deny(why) => Judged::Refuse(ToolError::Denied(why).to_string()),
                    Verdict::Ask { reason, needs } => Judged::Ask { reason, needs },
                }
            }
        };
        (spec.effect.runs_beside_others(), judged)
    }

    /// Where its tools are to be used. The rank may become lower while it runs.
    pub(super) fn place(&self) -> ToolPlace<'_> {
        ToolPlace {
            channel: &self.info.session.channel,
            rank: self.behalf.load().principal.rank,
            phase: self.purpose(),
            profile: profile(&self.overrides),
        }
    }

    /// Runs one call. An error is the store's: the lease is lost or the disk is full, and the turn cannot go on.
    pub(super) async fn run_tool(
        &self,
        call: ToolCall,
        record: TurnRecord,
        iteration: u32,
    ) -> Result<Ended, StoreError> {
        // Judged a moment ago in this turn or before a restart; the tool may be gone since.
        let Some(tool) = self.core.tools.get(&call.name).cloned() else {
            let error = ToolError::Failed(format!("the tool `{}` is no longer there", call.name));
            return Ok(self.ended(&call, Effect::Pure, Err(error), 0).await);
        };
        let spec = tool.spec();
        let cancel = CancellationToken::new();
        let context = self.tool_context(&call, &tool, cancel.clone());
        // Dropping this future, as a stop does, also tells whatever the tool has spawned.
        let _guard: DropGuard = cancel.drop_guard();
        if spec.effect.journals_start() {
            let key = match tool.key(&context, &call.arguments).await {
                Ok(key) => key,
                Err(error) => return Ok(self.ended(&call, Effect::Pure, Err(error), 0).await),
            };
            let kind = StepKind::ToolStarted { call_id: call.id.clone(), name: call.name.clone(), key };
            let writes = Writes { record: Some(record), ..Writes::default() };
            crate::failpoint("tool_start.before");
            self.journal(Self::step(kind, true), writes).await?;
        }
        if !self.lease_holds() {
            return Err(StoreError::Stale { what: "its time ran out before the tool could start".into() });
        }
        self.emit(RunEventKind::ToolStarted {
            name: call.name.clone(),
            tool_call_id: call.id.clone(),
            arguments: call.arguments.clone(),
            iteration,
        });
        crate::failpoint("tool_start.after");
        self.live.tool_started(&call.id, &call.name);
        self.hooks(|hook, run| hook.before_tool_call(run, &call)).await;
        let started = self.ports.clock.monotonic();
        let waits = self.slot.as_ref().filter(|_| tool.waits());
        if let Some(slot) = waits {
            slot.leave();
        }
        let outcome = tokio::select! {
            outcome = AssertUnwindSafe(tool.call(&context, &call.arguments)).catch_unwind() => match outcome {
                Ok(outcome) => outcome,
                Err(_) => Err(ToolError::Failed("the tool crashed; this is a bug in it".into())),
            },
            () = self.ports.clock.sleep(spec.timeout) => {
                Err(ToolError::TimedOut { seconds: spec.timeout.as_secs() })
            }
        };
        if let Some(slot) = waits {
            slot.enter().await;
        }
        self.live.tool_ended(&call.id);
        let ended = self.ended(&call, spec.effect, outcome, self.millis_since(started)).await;
        self.hooks(|hook, run| hook.after_tool_call(run, &call, &ended.result)).await;
        Ok(ended)
    }

    pub(super) fn tool_context(
        &self,
        call: &ToolCall,
        tool: &Arc<dyn Tool>,
        cancel: CancellationToken,
    ) -> ToolContext {
        let behalf = self.behalf.load();
        ToolContext {
            principal: behalf.principal.clone(),
            alone: behalf.company == Company::NOBODY,
            session: self.info.session.clone(),
            reply: self.route(),
            turn: self.info.turn,
            call_id: call.id.clone(),
            run: Arc::new(self.overrides.clone()),
            offered: self.specs.iter().map(|spec| spec.name.clone()).collect(),
            outside: self.outside.load().as_ref().clone(),
            now: self.ports.clock.now(),
            timeout: tool.spec().timeout,
            cancel,
        }
    }

    async fn ended(
        &self,
        call: &ToolCall,
        effect: Effect,
        outcome: Result<ToolOutput, ToolError>,
        millis: u64,
    ) -> Ended {
        let (name, tool_call_id) = (call.name.clone(), call.id.clone());
        let marks = self.marks(call, &outcome);
        let (status, content, mut writes, importance, kind) = match outcome {
            Ok(output) => {
                self.emit(RunEventKind::ToolCompleted { name, tool_call_id, millis });
                (ToolStatus::Ok, output.content, output.writes, output.importance, "tool.ok")
            }
            Err(error) => {
                let text = error.to_string();
                tracing::info!(tool = call.name, class = error.class(), error = text, "tool call failed");
                self.emit(RunEventKind::ToolFailed { name, tool_call_id, error: text.clone(), millis });
                (
                    ToolStatus::Error,
                    vec![Part::text(text)],
                    Writes::default(),
                    Importance::Normal,
                    "tool.error",
                )
            }
        };
        let content = self.without_secrets(content);
        // The turn's own: a tool may not write them.
        writes.messages.clear();
        writes.record = None;
        let (mut content, whole) = self.fit(content, importance).await;
        content.splice(0..0, marks);
        let digest = BlobId::of(format!("{content:?}").as_bytes());
        writes.audit.push(self.audit(kind, call, digest.as_str(), millis));
        let ok = status == ToolStatus::Ok;
        let result = ToolResult {
            whole,
            importance,
            ..ToolResult::new(call.id.clone(), call.name.clone(), status, content)
        };
        let kind = StepKind::ToolEnded { call_id: call.id.clone(), ok, millis };
        Ended { result, step: Self::step(kind, effect.durable_end()), writes }
    }

    /// What the model reads, and with it the provider and the history, names no secret.
    fn without_secrets(&self, content: Vec<Part>) -> Vec<Part> {
        let clean = |part: Part| match part {
            Part::Text { text } => Part::text(self.ports.redact.redact(&text)),
            other => other,
        };
        content.into_iter().map(clean).collect()
    }

    /// Cuts text that is longer than a result may be; the whole is stored and can be read by page.
    async fn fit(&self, content: Vec<Part>, importance: Importance) -> (Vec<Part>, Option<BlobId>) {
        let limit = match importance {
            Importance::Low => self.core.budget.result_chars / 4,
            Importance::Normal => self.core.budget.result_chars,
            Importance::High => self.core.budget.result_chars * 2,
        };
        let texts: Vec<&str> = content.iter().filter_map(Part::as_text).collect();
        let whole = texts.join("\n");
        let length = whole.chars().count();
        if length <= limit {
            return (content, None);
        }
        let head: String = whole.chars().take(limit).collect();
        let omitted = length - limit;
        let (note, blob) = match self.ports.stores.blobs.put_blob(whole.into()).await {
            Ok(id) => (format!("[truncated: {omitted} characters omitted; read_result id={id}]"), Some(id)),
            Err(error) => {
                tracing::warn!(%error, "a long tool result could not be stored");
                (format!("[truncated: {omitted} characters omitted; they could not be stored]"), None)
            }
        };
        let rest = content.into_iter().filter(|part| part.as_text().is_none());
        (std::iter::once(Part::text(format!("{head}\n{note}"))).chain(rest).collect(), blob)
    }

    pub(super) fn audit(&self, kind: &str, call: &ToolCall, result: &str, millis: u64) -> AuditEntry {
        // The digest is that of the arguments as they were; what can be read names no secret.
        let payload = serde_json::json!({
            "arguments": self.ports.redact.redact(&call.arguments),
            "arguments_digest": BlobId::of(call.arguments.as_bytes()).as_str(),
            "call": call.id.0,
            "result": result,
        });
        AuditEntry {
            at: self.ports.clock.now(),
            session: self.info.session.clone(),
            turn: Some(self.info.turn),
            principal: self.behalf.load().principal.id.clone(),
            kind: kind.to_owned(),
            subject: call.name.clone(),
            payload: payload.to_string(),
            millis,
        }
    }

    /// Whether the turn's speakers are all the owner.
    pub(super) fn for_owner(&self) -> bool {
        self.behalf.load().principal.rank == Rank::Owner
    }
}
