//! A line in which a long turn tells its model how far it is.

use session_api::{Message, Part, Role};

use super::run::Run;
use crate::context;

/// Most subagents that are counted.
const MOST: usize = 1_000;

impl Run<'_> {
    /// The line, where it is due with this model call. It stands behind everything else, so that the bytes before it are
    /// those of the next request, and it is not kept.
    pub(super) async fn self_report(&self, iteration: u32, messages: &[Message]) -> Option<Message> {
        let every = self.core.autonomy.self_report_every;
        if every == 0 || iteration <= 1 || !iteration.is_multiple_of(every) {
            return None;
        }
        let texts = messages.iter().flat_map(|message| message.parts.iter()).map(|part| match part {
            Part::Text { text } => context::estimate_tokens(text),
            Part::ToolCall(call) => context::estimate_tokens(&call.arguments),
            Part::ToolResult(result) => {
                result.content.iter().filter_map(Part::as_text).map(context::estimate_tokens).sum()
            }
            _ => 0,
        });
        let tokens = texts.sum::<u64>() + context::estimate_tokens(&self.behalf.load().system);
        let limits = self.core.limits.narrowed(&self.overrides);
        let agents = self.ports.stores.sessions.children(Some(&self.info.session), true, MOST).await;
        let agents =
            agents.map_or(0, |active| active.iter().filter(|info| subagents::is_agent(&info.key)).count());
        let agents = match agents {
            0 => String::new(),
            1 => "; 1 agent is under way".to_owned(),
            n => format!("; {n} agents are under way"),
        };
        let phase = if u64::from(iteration) * 5 >= u64::from(limits.model_calls) * 4 {
            "near the limit: come to an end and say what is left"
        } else {
            "go on, or answer if you have what you need"
        };
        let text = format!(
            "[Self-report, not from a person: model call {iteration} of {}, about {tokens} tokens of context{agents}; {phase}]",
            limits.model_calls
        );
        let stamp = self.stamp();
        Some(Message {
            id: stamp.id,
            role: Role::User,
            principal: None,
            turn: self.info.turn,
            at: stamp.at,
            parts: vec![Part::text(text)],
        })
    }
}
