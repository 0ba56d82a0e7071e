//! What a turn leaves behind for later ones: rules that people asked for, and what its tools came to.

use session_api::{InboundKind, InboundRow, Message, OutboxKind, Part, Rank, Writes};

use super::run::Run;
use crate::learning::{Learnt, Origin, RuleBook, TurnExperience, detect, experience_write};

/// Channels whose messages no person has written.
const BY_ITSELF: [&str; 2] = ["cron", "heartbeat"];

impl Run<'_> {
    /// Adds what is to be learnt from the turn to its commit. What cannot be read is left for another time: it must not
    /// cost anybody their answer.
    pub(super) async fn learn(&self, outcome: &str, messages: &[Message], tell: bool, writes: &mut Writes) {
        let (now, channel) = (self.ports.clock.now(), &self.info.session.channel);
        if let Some(experience) = TurnExperience::of(channel, outcome, messages) {
            writes.kv.extend(experience_write(self.info.turn, now, &experience));
        }
        let mut notes = Vec::new();
        for row in self.turn.founders.iter().chain(&self.turn.absorbed) {
            match self.wishes(row).await {
                Ok(learnt) => {
                    writes.kv.extend(learnt.writes);
                    notes.extend(learnt.notes);
                }
                Err(error) => tracing::warn!(%error, "nothing was learnt from a message"),
            }
        }
        if tell && !notes.is_empty() {
            let mut note = self.outgoing(OutboxKind::Notice, &notes.join("\n"));
            note.drafts.clear();
            writes.outbox.push(note);
        }
    }

    /// The rules in a message that a person wrote.
    async fn wishes(&self, row: &InboundRow) -> Result<Learnt, session_api::StoreError> {
        let inbound = &row.inbound;
        let by_person = inbound.kind == InboundKind::Message
            && inbound.principal.rank > Rank::Guest
            && inbound.overrides.purpose.is_none()
            && !BY_ITSELF.contains(&inbound.session.channel.as_str());
        // What was attached was written by others, as is what stands behind a mark.
        let own = inbound.parts.iter().take_while(|part| !matches!(part, Part::Outside { .. }));
        let text = own.filter_map(Part::as_text).next().filter(|_| by_person);
        let Some(text) = text else { return Ok(Learnt::default()) };
        let message = inbound.id.to_string();
        let origin = Origin { session: &inbound.session, message: &message, at: inbound.received_at };
        let rules = RuleBook::new(self.ports.stores.kv.clone());
        rules.learn(&inbound.principal, detect(text), origin).await
    }
}
