//! Reports as text for people. A time is milliseconds after the turn's start.

use std::fmt;

use session_api::{OutboxKind, Part, Timestamp};

use super::{Divergence, Replay, TurnReport, cast};

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "diverges after step {}: expected {}; recorded {}", self.step, self.expected, self.recorded)
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.not_replayed {
            return writeln!(f, "not replayed: {why}");
        }
        for step in &self.steps {
            writeln!(f, "{:>3}  {}", step.no, step.event)?;
            for command in &step.commands {
                writeln!(f, "       → {command}")?;
            }
        }
        match &self.divergence {
            Some(divergence) => writeln!(f, "{divergence}"),
            None => writeln!(f, "the same: {}", cast::count(self.steps.len(), "step")),
        }
    }
}

impl fmt::Display for TurnReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.outcome.map_or(String::new(), |outcome| format!(", {outcome:?}").to_lowercase());
        writeln!(f, "turn {} of {}: {}{outcome}", self.turn, self.session, self.state)?;
        let after = |at: Timestamp| format!("+{} ms", at.since(self.started_at).as_millis());
        if let Some(at) = self.ended_at {
            writeln!(f, "ended {}", after(at))?;
        }
        if let Some(model) = &self.model {
            let usage = self.usage.unwrap_or_default();
            let (input, output) = (usage.input_tokens, usage.output_tokens);
            writeln!(f, "model {model}, so far {input} tokens read, {output} written")?;
        }
        for row in &self.inbound {
            let how = if row.joined { "joined" } else { "asked" };
            writeln!(f, "{how} by {}: {}", row.principal, cast::quote(&row.text))?;
        }
        for attempt in &self.attempts {
            writeln!(f, "model {attempt}")?;
        }
        for call in &self.model_calls {
            let model = call.model.as_ref().map_or(String::new(), |model| format!(" {model}"));
            let took = call.millis.map_or(String::new(), |millis| format!(" in {millis} ms"));
            let calls = match call.calls.len() {
                0 => String::new(),
                n => format!(", {}", cast::count(n, "tool call")),
            };
            writeln!(f, "reply {}{model}{took}: {}{calls}", call.call, cast::quote(&call.text))?;
        }
        for call in &self.calls {
            let status = call.status.map_or("not ended", cast::status);
            let took = call.millis.map_or(String::new(), |millis| format!(" after {millis} ms"));
            let asked =
                call.asked.map_or(String::new(), |state| format!(", asked: {state:?}").to_lowercase());
            writeln!(
                f,
                "call {} {} {}: {status}{took}{asked}",
                call.id,
                call.name,
                cast::quote(&call.arguments)
            )?;
            writeln!(f, "  {}", cast::quote(&call.result))?;
        }
        for step in &self.steps {
            writeln!(f, "step {} {}: {}", step.no, after(step.at), cast::step(&step.kind))?;
        }
        for message in &self.outbox {
            let kind = match message.kind {
                OutboxKind::Reply => "answer",
                OutboxKind::Notice => "notice",
                OutboxKind::Question { .. } => "question",
                OutboxKind::Pairing { .. } => "pairing",
            };
            let texts: Vec<&str> = message.parts.iter().filter_map(Part::as_text).collect();
            let route = format!("{}:{}", message.route.channel, message.route.chat);
            writeln!(f, "{kind} to {route}: {}", cast::quote(&texts.join(" ")))?;
        }
        Ok(())
    }
}
