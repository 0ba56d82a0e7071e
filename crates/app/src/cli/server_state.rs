//! How servers of models are doing, in words.

use providers::{LineState, layers::BreakerState};

/// Whether somebody who looks for trouble should read of it.
pub(super) fn troubled(state: &LineState) -> bool {
    !matches!(state.breaker, BreakerState::Closed { failures: 0 })
        || state.rate.paused_millis > 0
        || state.rate.waiting > 0
}

/// How one server is doing, for a person.
pub(super) fn sentence(state: &LineState) -> String {
    let mut facts = vec![match state.breaker {
        BreakerState::Closed { failures: 0 } => "is asked".to_owned(),
        BreakerState::Closed { failures } => format!("is asked, failed the last {failures} times"),
        BreakerState::Open { for_millis } => {
            format!("failed too often and is left alone for {} s", for_millis.div_ceil(1000))
        }
        BreakerState::HalfOpen => "failed too often; the next call tries it".to_owned(),
    }];
    if state.rate.paused_millis > 0 {
        facts.push(format!("wants no requests for {} s", state.rate.paused_millis.div_ceil(1000)));
    }
    let policy = state.rate.policy;
    if let Some(most) = policy.requests_per_minute {
        facts.push(format!("{} of {most} requests a minute used", state.rate.requests));
    }
    if let Some(most) = policy.tokens_per_minute {
        facts.push(format!("{} of {most} tokens a minute used", state.rate.tokens));
    }
    if state.rate.waiting > 0 {
        facts.push(format!("{} wait for their turn", state.rate.waiting));
    }
    let last =
        state.last_failure.map_or(String::new(), |kind| format!(", the last one: {}", kind_words(kind)));
    facts.push(format!("{} calls, {} failed{last}", state.calls, state.failed));
    format!("{} at {}: {}", state.provider, state.server, facts.join("; "))
}

fn kind_words(kind: agent_core::ModelErrorKind) -> &'static str {
    use agent_core::ModelErrorKind as Kind;
    match kind {
        Kind::Auth => "the key was refused",
        Kind::RateLimited => "too many requests",
        Kind::Quota => "no credit left",
        Kind::Unavailable => "not to be reached, or could not serve",
        Kind::Timeout => "took too long",
        Kind::NotFound => "unknown model or path",
        Kind::ContextTooLong => "the conversation was too long",
        Kind::BadRequest => "the request was refused",
        Kind::BadReply => "the reply broke off",
        Kind::NotConfigured => "not set up",
    }
}

#[cfg(test)]
mod tests {
    use agent_core::ModelErrorKind;
    use providers::layers::{RatePolicy, RateState};

    use super::*;

    fn line(breaker: BreakerState, rate: RateState) -> LineState {
        LineState {
            provider: "main".into(),
            server: "api.example.org".into(),
            breaker,
            rate,
            calls: 12,
            failed: 5,
            last_failure: Some(ModelErrorKind::Timeout),
        }
    }

    #[test]
    fn what_holds_a_server_up_is_said() {
        let free =
            RateState { requests: 0, tokens: 0, waiting: 0, paused_millis: 0, policy: RatePolicy::default() };
        let policy = RatePolicy {
            requests_per_minute: Some(60),
            tokens_per_minute: Some(9000),
            ..RatePolicy::default()
        };
        let busy = RateState { requests: 60, tokens: 400, waiting: 2, paused_millis: 1200, policy };
        let lines = [
            line(BreakerState::Closed { failures: 0 }, free),
            line(BreakerState::Closed { failures: 3 }, free),
            line(BreakerState::Open { for_millis: 29_400 }, free),
            line(BreakerState::HalfOpen, busy),
        ];
        let told: Vec<String> = lines.iter().map(sentence).collect();
        insta::assert_snapshot!(told.join("\n"), @"");
        assert_eq!(lines.map(|line| troubled(&line)), [false, true, true, true]);
        assert!(troubled(&line(BreakerState::Closed { failures: 0 }, busy)));
    }
}
