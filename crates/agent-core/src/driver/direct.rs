//! Turns without a model: commands, direct tool calls, and rows that came too late.

use session_api::{CallId, InboundKind, Route, ToolCall, Writes};

use super::{messages, run::Run};
use crate::{AgentError, commands, turn::Intake};

impl Run<'_> {
    /// What the founders ask for.
    pub(super) async fn intake(&mut self, pending: &mut Writes) -> Result<Intake, AgentError> {
        let Some(first) = self.turn.founders.first() else { return Ok(Intake::Chat) };
        let text = messages::text(first);
        let kind = first.inbound.kind;
        let unlocks = kind == InboundKind::Command && text.trim().eq_ignore_ascii_case("/unlock");
        if kind != InboundKind::Lock && !unlocks && commands::is_locked(self.ports).await? {
            return Ok(self.reply(commands::LOCKED));
        }
        if let Some(intake) = self.plan(pending).await? {
            return Ok(intake);
        }
        match kind {
            InboundKind::Message | InboundKind::Result { .. } => Ok(Intake::Chat),
            InboundKind::Stop => Ok(self.reply("Nothing is running.")),
            InboundKind::Lock => Ok(self.reply(&commands::locked(self.for_owner()))),
            InboundKind::Answer { .. } => {
                Ok(self.reply("This question is not open, or not yours to answer."))
            }
            InboundKind::Command => match commands::parse(&text) {
                commands::Parsed::Tool { .. } if !self.for_owner() => {
                    Ok(self.reply("Only the owner may call tools directly."))
                }
                commands::Parsed::Tool { name, arguments } => {
                    Ok(Intake::Tool(ToolCall { id: CallId("call_direct".into()), name, arguments }))
                }
                commands::Parsed::Slash { name, rest } => {
                    let principal = self.behalf.load().principal.clone();
                    let context = commands::CommandContext {
                        ports: self.ports,
                        core: &self.core,
                        session: &self.info.session,
                        principal: &principal,
                        reply: Route { reply_to: None, ..self.route() },
                    };
                    // It may take as long as a model takes, and so needs the lease to be kept.
                    let answer = match name.as_str() {
                        "compact" => self.compact_now().await,
                        _ => commands::run(&context, &name, &rest).await?,
                    };
                    pending.append(answer.writes);
                    Ok(self.reply(&answer.text))
                }
                commands::Parsed::Text => Ok(Intake::Chat),
            },
        }
    }

    pub(super) fn reply(&mut self, text: &str) -> Intake {
        self.off_record = true;
        Intake::Reply(text.to_owned())
    }
}
