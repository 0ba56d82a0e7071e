//! Shows an answer on its platform while it is written, and that somebody is at work.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use session_api::{
    CallId, Draft, OutPart, OutboxId, OutboxKind, Part, PartClaim, PartId, PartState, Route, TurnLease,
};
use tokio::sync::Notify;

use crate::{
    ChannelError, Ports,
    gateway::{Connected, doubtful, guarded},
};

/// A turn that is over sooner shows nothing: its answer comes at once anyway.
const FIRST_SIGN: Duration = Duration::from_millis(700);
/// How long one call of the platform may take. The answer itself has its own way and its own time.
const CALL_TIME: Duration = Duration::from_secs(15);

/// What a turn shows before it is over.
pub(super) struct Live {
    route: Route,
    /// None where nothing is to be shown.
    shown_on: Option<Connected>,
    edits: bool,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    /// The text of the model call under way or of the last one.
    text: String,
    /// Calls under way, by their name.
    tools: BTreeMap<CallId, String>,
    /// What stands on the platform.
    shown: String,
    draft: Option<Draft>,
    closed: bool,
}

impl Live {
    /// For an answer to `route`. `live` is false where the text may still change as a whole before it is said.
    pub(super) fn new(ports: &Ports, route: Route, drafts: &[Draft], live: bool) -> Self {
        let shown_on = ports.channels.of(&route);
        let edits = shown_on.as_ref().is_some_and(|connected| {
            live && connected.policy.live && connected.channel.capabilities().edits.is_some()
        });
        let state = State { draft: drafts.last().cloned(), ..State::default() };
        Self { route, shown_on, edits, state: Mutex::new(state), wake: Notify::new() }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        if self.edits {
            change(&mut self.state.lock());
            self.wake.notify_one();
        }
    }

    /// A model call begins: its text takes the place of the one before.
    pub(super) fn model_called(&self) {
        self.change(|state| state.text.clear());
    }

    /// More text.
    pub(super) fn text(&self, text: &str) {
        self.change(|state| state.text.push_str(text));
    }

    /// A tool call starts.
    pub(super) fn tool_started(&self, call: &CallId, name: &str) {
        self.change(|state| {
            state.tools.insert(call.clone(), name.to_owned());
        });
    }

    /// A tool call is over.
    pub(super) fn tool_ended(&self, call: &CallId) {
        self.change(|state| {
            state.tools.remove(call);
        });
    }

    /// Nothing more is shown. [`show`](Self::show) returns when the platform has answered.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_one();
    }

    /// Whether the first part was sent and the platform has not told its id yet.
    pub(super) fn is_unanswered(&self) -> bool {
        self.state.lock().draft.as_ref().is_some_and(|draft| draft.platform_id.is_none())
    }

    /// The draft that was shown, if any.
    pub(super) fn draft(&self) -> Option<PartId> {
        self.state.lock().draft.as_ref().map(|draft| draft.id)
    }

    /// Shows what there is to show, no faster than the platform likes, until it is closed.
    pub(super) async fn show(&self, ports: &Ports, lease: &TurnLease) {
        let Some(connected) = self.shown_on.as_ref().filter(|_| self.edits) else {
            return self.closed().await;
        };
        let capabilities = connected.channel.capabilities();
        let pace = capabilities.edits.unwrap_or(FIRST_SIGN).max(FIRST_SIGN);
        let mut pause = FIRST_SIGN;
        loop {
            tokio::select! {
                () = self.closed() => return,
                () = ports.clock.sleep(pause) => {}
            }
            let Some(text) = self.due(ports, capabilities.text_limit, capabilities.unit) else {
                self.wake.notified().await;
                pause = Duration::ZERO;
                continue;
            };
            pause = match self.update(ports, lease, connected, &text).await {
                Ok(()) => pace,
                Err(ChannelError::Temporary { after, .. }) => after.unwrap_or(pace * 4).max(pace),
                Err(error) => {
                    tracing::debug!(%error, "the answer is not shown while it is written");
                    return;
                }
            };
        }
    }

    async fn closed(&self) {
        loop {
            let woken = self.wake.notified();
            if self.state.lock().closed {
                return;
            }
            woken.await;
        }
    }

    /// What should stand there now, if it differs from what does.
    fn due(&self, ports: &Ports, limit: usize, unit: crate::TextUnit) -> Option<String> {
        let state = self.state.lock();
        if state.closed {
            return None;
        }
        let mut text = ports.redact.redact_open(&state.text).into_owned();
        if !state.tools.is_empty() {
            let names: Vec<String> = state.tools.values().map(|name| format!("`{name}`")).collect();
            let gap = if text.is_empty() { "" } else { "\n\n" };
            text.push_str(&format!("{gap}⏳ {} …", names.join(", ")));
        }
        if text.trim().is_empty() {
            return None;
        }
        if unit.len(&text) > limit {
            let cut = crate::gateway::split(&text, limit.saturating_sub(4).max(1), unit);
            text = cut.into_iter().next().map(|first| format!("{first} …")).unwrap_or_default();
        }
        (text != state.shown).then_some(text)
    }

    /// Sends or edits. The draft is stored before it is sent: a process that dies in between leaves a part in doubt, not
    /// a message that nobody knows of.
    async fn update(
        &self,
        ports: &Ports,
        lease: &TurnLease,
        connected: &Connected,
        text: &str,
    ) -> Result<(), ChannelError> {
        let known = self.state.lock().draft.clone();
        let mut draft = match known {
            // One that is in doubt is not shown twice.
            Some(draft) if draft.platform_id.is_none() => {
                return Err(ChannelError::Doubtful { message: "a draft is in doubt".into() });
            }
            Some(draft) => draft,
            None => {
                let draft = Draft {
                    id: PartId::new(ports.ids.as_ref()),
                    route: self.route.clone(),
                    platform_id: None,
                };
                ports.stores.mailbox.draft(lease, draft.clone()).await?;
                self.state.lock().draft = Some(draft.clone());
                draft
            }
        };
        let claim = PartClaim {
            part: OutPart {
                id: draft.id,
                message: OutboxId(draft.id.0),
                index: 0,
                body: Some(Part::text(text)),
                platform_id: draft.platform_id.clone(),
                state: PartState::Draft,
                attempts: 1,
                doubted: false,
            },
            route: self.route.clone(),
            kind: OutboxKind::Notice,
            token: 0,
            may_resend: true,
        };
        crate::failpoint("draft.before");
        let sent = tokio::select! {
            sent = guarded(connected.channel.send(&claim), doubtful) => sent?,
            () = ports.clock.sleep(CALL_TIME) => {
                return Err(ChannelError::Doubtful { message: "the platform did not answer".into() });
            }
        };
        crate::failpoint("draft.after");
        if draft.platform_id != sent.platform_id && sent.platform_id.is_some() {
            draft.platform_id = sent.platform_id;
            ports.stores.mailbox.draft(lease, draft.clone()).await?;
            self.state.lock().draft = Some(draft);
        }
        text.clone_into(&mut self.state.lock().shown);
        Ok(())
    }

    /// Shows that an answer is being written, again and again, until it is dropped.
    pub(super) async fn work(&self, ports: &Ports) {
        let signs = self
            .shown_on
            .as_ref()
            .and_then(|connected| connected.channel.capabilities().working.map(|every| (connected, every)));
        let Some((connected, every)) = signs else { return std::future::pending().await };
        ports.clock.sleep(FIRST_SIGN).await;
        let _off = SignOff { ports, channel: connected.channel.clone(), route: self.route.clone() };
        loop {
            tokio::select! {
                shown = guarded(connected.channel.working(&self.route, true), doubtful) => if let Err(error) = shown {
                    tracing::debug!(%error, "the sign of work was not shown");
                },
                () = ports.clock.sleep(CALL_TIME) => {}
            }
            ports.clock.sleep(every).await;
        }
    }
}

/// Takes the sign of work away, whatever the end.
struct SignOff<'a> {
    ports: &'a Ports,
    channel: Arc<dyn crate::Channel>,
    route: Route,
}

impl Drop for SignOff<'_> {
    fn drop(&mut self) {
        let (channel, route, clock) = (self.channel.clone(), self.route.clone(), self.ports.clock.clone());
        let off = async move {
            tokio::select! {
                gone = channel.working(&route, false) => if let Err(error) = gone {
                    tracing::debug!(%error, "the sign of work was not taken away");
                },
                () = clock.sleep(CALL_TIME) => {}
            }
        };
        self.ports.spawn.spawn("working", Box::pin(off));
    }
}
