//! Rules in the prompt.

use std::{fmt::Write as _, sync::Arc};

use async_trait::async_trait;
use session_api::{KvStore, PrincipalId, Rank};

use super::{LearntRule, RuleBook, RuleScope};
use crate::{PromptRequest, PromptSection, PromptSource, Share};

/// Most bytes of rules in a prompt. The newest stand there; of others it says that they are left out.
const MOST_BYTES: usize = 4 << 10;

/// Other sections, and the standing rules of whoever speaks.
pub struct LearntPrompts {
    inner: Arc<dyn PromptSource>,
    rules: RuleBook,
}

impl LearntPrompts {
    /// Rules from `kv` beside the sections of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn PromptSource>, kv: Arc<dyn KvStore>) -> Self {
        Self { inner, rules: RuleBook::new(kv) }
    }
}

#[async_trait]
impl PromptSource for LearntPrompts {
    async fn sections(&self, request: PromptRequest<'_>) -> Vec<PromptSection> {
        let mut sections = self.inner.sections(request).await;
        let nobody = PrincipalId::installation();
        // Where several speak, nobody's own wishes hold for the others.
        let own = !request.company.speaks && request.principal.rank > Rank::Guest;
        let person = if own { &request.principal.id } else { &nobody };
        match self.rules.rules(person, Some(&request.session.channel)).await {
            Ok(rules) if rules.is_empty() => {}
            Ok(rules) => {
                let text = text(&rules);
                sections.push(PromptSection {
                    share: Share::Rules,
                    name: "Standing rules".into(),
                    text,
                    absent: None,
                });
            }
            Err(error) => tracing::warn!(%error, "the rules that were learnt cannot be read"),
        }
        sections
    }
}

/// A line for each rule, as many of the newest as there is room for.
fn text(rules: &[LearntRule]) -> String {
    let line = |rule: &LearntRule| {
        let day = jiff::Timestamp::from_millisecond(rule.at.0).unwrap_or_default();
        let place = match &rule.scope {
            RuleScope::Channel(_) => ", here",
            RuleScope::All => ", for everybody",
            RuleScope::Person => "",
        };
        format!("- {} ({}{place})\n", rule.text, day.strftime("%Y-%m-%d"))
    };
    let mut newest: Vec<&LearntRule> = rules.iter().collect();
    newest.sort_by_key(|rule| std::cmp::Reverse(rule.at));
    let (mut room, mut kept) = (MOST_BYTES, 0);
    for rule in &newest {
        let bytes = line(rule).len();
        if bytes > room {
            break;
        }
        (room, kept) = (room - bytes, kept + 1);
    }
    let kept: Vec<&LearntRule> = newest[..kept].to_vec();
    let mut text = String::from("Whoever speaks has asked for this. A later line counts more.\n");
    for rule in rules.iter().filter(|rule| kept.iter().any(|kept| kept.id == rule.id)) {
        text.push_str(&line(rule));
    }
    if kept.len() < rules.len() {
        let _ = writeln!(
            text,
            "[left out: {} older rules; `/memory rules` shows them]",
            rules.len() - kept.len()
        );
    }
    text
}
