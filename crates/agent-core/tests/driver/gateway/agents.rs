//! Agents of a conversation on a channel.

use std::{sync::Arc, time::Duration};

use agent_core::{ModelRequest, ScriptedReply};
use session_api::{InboundState, Outcome};

use crate::support::{Platform, Reacting, Starter, TestApp, Trap, core};

use super::{arrival, start};

/// Within this time a stop must have ended everybody.
const SOON: Duration = Duration::from_millis(500);
/// Agents that the conversation starts; each of them starts one more.
const BRANCHES: usize = 3;

/// Starts three agents, each of which starts another one; then nobody ever gets an answer.
fn react(request: &ModelRequest) -> ScriptedReply {
    let text = request.messages.last().map(session_api::Message::text).unwrap_or_default();
    let act = |task: String| ("act", serde_json::json!({"task": task}));
    if text.contains("go") {
        return ScriptedReply::tools((0..BRANCHES).map(|n| act(format!("branch {n}"))).collect());
    }
    match text.split("branch ").nth(1) {
        Some(rest) => ScriptedReply::tools(vec![act(format!("leaf {}", &rest[..1]))]),
        None => ScriptedReply::hang(),
    }
}

#[tokio::test]
async fn a_stop_reaches_agents_and_their_agents_within_half_a_second() {
    let calls = Arc::new(Trap::never());
    let model = Arc::new(Reacting::new(calls.clone(), react));
    let app = TestApp::new(core(model, vec![Arc::new(Starter::new("act"))]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "go"));
    // The conversation and its agents are asked twice, those below once.
    let all_hang = async {
        while calls.names().len() < 2 + 3 * BRANCHES {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(all_hang).await;
    let agents = app.stores.sessions.children(None, false, 99).await.unwrap();
    assert_eq!(agents.len(), 2 * BRANCHES);
    let at = app.elapsed();
    platform.inner.put(arrival("2", "ann", "chat", "/stop"));
    let all_ended = async {
        while app.stores.mailbox.backlog().await.unwrap().running > 0 {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(all_ended).await;
    let took = app.elapsed() - at;
    assert!(took <= SOON, "{took:?}");
    for agent in agents {
        let first = subagents::id_of(&agent.key).unwrap();
        let view = app.stores.mailbox.inbound(first).await.unwrap().unwrap();
        let InboundState::Settled(settled) = view.state else { panic!("{}: {:?}", agent.key, view.state) };
        assert_eq!(settled.outcome, Outcome::Stopped, "{}", agent.key);
    }
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}
