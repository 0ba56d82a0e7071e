//! An answer held against what was done.

use session_api::{AuditEntry, OutboxKind, Writes};

use super::run::Run;
use crate::{Verify, claims, context, turn::Machine};

impl Run<'_> {
    /// Names behind the answer what it cites and no tool call had to do with, where the configuration wants that.
    pub(super) fn hold_against_journal(
        &self,
        machine: &Machine,
        answer: &str,
        quiet: bool,
        writes: &mut Writes,
    ) {
        if self.core.verify == Verify::Off || quiet {
            return;
        }
        let mut history = context::fold_history(&self.window, 0);
        history.extend(machine.added().iter().cloned());
        let found = claims::unsupported(answer, &history, self.core.tools.names());
        if found.is_empty() {
            return;
        }
        let note = claims::note(&found);
        let cited: Vec<&str> = found.iter().map(|one| one.cited.as_str()).collect();
        tracing::info!(count = cited.len(), "an answer cites what no tool call had to do with");
        writes.audit.push(AuditEntry {
            at: self.ports.clock.now(),
            session: self.info.session.clone(),
            turn: Some(self.info.turn),
            principal: self.behalf.load().principal.id.clone(),
            kind: "claim.unsupported".into(),
            subject: self.info.turn.to_string(),
            payload: self
                .ports
                .redact
                .redact(&serde_json::json!({ "cited": cited }).to_string())
                .into_owned(),
            millis: 0,
        });
        let mut message = self.outgoing(OutboxKind::Notice, &note);
        message.drafts.clear();
        writes.outbox.push(message);
    }
}
