//! A tool that can be watched, held, and made to fail.

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use session_api::{
    Delivery, IdSource, OnDoubt, OutboxId, OutboxKind, OutboxMessage, Part, SequentialIds, Writes,
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tool_api::{Effect, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};

use super::Trap;

/// What a probe does when it is called.
#[derive(Clone)]
pub(crate) enum Does {
    /// Says this.
    Say(String),
    /// Fails with this.
    Fail(String),
    /// Never ends.
    Hang,
    /// Panics.
    Panic,
    /// Ends, saying `done`, once [`Probe::release`] was called for it.
    Wait,
    /// Returns a notice to be sent, as a tool that is `ours` does.
    Notice,
}

/// The tool. Each call counts as one effect on the world, between two places of its trap.
pub(crate) struct Probe {
    spec: ToolSpec,
    does: Does,
    trap: Arc<Trap>,
    effects: watch::Sender<usize>,
    gate: Semaphore,
    tokens: Mutex<Vec<CancellationToken>>,
    ids: SequentialIds,
}

impl Probe {
    pub(crate) fn new(name: &str, effect: Effect, does: Does) -> Arc<Self> {
        Self::trapped(name, effect, does, Arc::new(Trap::never()))
    }

    pub(crate) fn trapped(name: &str, effect: Effect, does: Does, trap: Arc<Trap>) -> Arc<Self> {
        let spec = ToolSpec {
            name: name.into(),
            description: format!("{name}, watched"),
            parameters: serde_json::json!({"type": "object"}),
            effect,
            timeout: Duration::from_secs(5),
        };
        let (effects, gate) = (watch::Sender::new(0), Semaphore::new(0));
        let (tokens, ids) = (Mutex::default(), SequentialIds::default());
        Arc::new(Self { spec, does, trap, effects, gate, tokens, ids })
    }

    /// How often it had its effect.
    pub(crate) fn effects(&self) -> usize {
        *self.effects.borrow()
    }

    /// Waits until it has had `count` effects.
    pub(crate) async fn had(&self, count: usize) {
        let mut effects = self.effects.subscribe();
        effects.wait_for(|effects| *effects >= count).await.expect("the probe lives");
    }

    /// Lets one waiting call end.
    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }

    /// Whether every call so far was told to stop.
    pub(crate) fn all_cancelled(&self) -> bool {
        self.tokens.lock().iter().all(CancellationToken::is_cancelled)
    }

    fn notice(&self, context: &ToolContext) -> ToolOutput {
        let notice = OutboxMessage {
            id: OutboxId(uuid::Uuid::from_u128((0xA0 << 64) | self.ids.next_uuid().as_u128())),
            turn: Some(context.turn),
            inbound: None,
            session: context.session.clone(),
            route: context.reply.clone(),
            parts: vec![Part::text("a notice")],
            kind: OutboxKind::Notice,
            delivery: Delivery::Pull,
            on_doubt: OnDoubt::default(),
            drafts: Vec::new(),
            at: context.now,
        };
        ToolOutput::text("noticed").with_writes(Writes { outbox: vec![notice], ..Writes::default() })
    }
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check(&self, arguments: &str) -> Result<(), ToolError> {
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments) {
            Ok(_) => Ok(()),
            Err(error) => Err(ToolError::InvalidArguments(error.to_string())),
        }
    }

    /// The state that a keyed call depends on is how often it had its effect.
    async fn key(&self, _context: &ToolContext, _arguments: &str) -> Result<Option<String>, ToolError> {
        Ok(Some(self.effects().to_string()))
    }

    async fn call(&self, context: &ToolContext, _arguments: &str) -> Result<ToolOutput, ToolError> {
        self.tokens.lock().push(context.cancel.clone());
        self.trap.place(format!("{} begins", self.spec.name)).await;
        self.effects.send_modify(|effects| *effects += 1);
        self.trap.place(format!("{} had its effect", self.spec.name)).await;
        match &self.does {
            Does::Say(text) => Ok(ToolOutput::text(text.clone())),
            Does::Fail(why) => Err(ToolError::Failed(why.clone())),
            Does::Hang => pending().await,
            Does::Panic => panic!("the probe was told to"),
            Does::Wait => {
                self.gate.acquire().await.expect("never closed").forget();
                Ok(ToolOutput::text("done"))
            }
            Does::Notice => Ok(self.notice(context)),
        }
    }
}
