//! What the start of an agent costs.

use std::sync::Arc;

use agent_core::ScriptedReply;
use session_api::{InboundId, Writes};
use tool_api::{Effect, ScriptedTool, ToolOutput};

use crate::support::{TestApp, Trap, TrappedMailbox, agent, core, none, script, session};

/// What a call comes to that starts an agent.
fn started() -> ToolOutput {
    // Apart from those of the application.
    let id = InboundId(uuid::Uuid::from_u128(0xA6 << 100));
    ToolOutput::text("Started.")
        .with_writes(Writes { inbound: vec![agent(id, &session(), "look")], ..Writes::default() })
}

/// All that a turn writes whose only call comes to `output`, one name for each commit; and how many agents there are then.
async fn commits(output: ToolOutput) -> (Vec<String>, usize) {
    let tool = Arc::new(ScriptedTool::new("act", Effect::Ours, vec![Ok(output)]));
    let core = core(script(vec![ScriptedReply::tool("act", &none()), ScriptedReply::text("ok")]), vec![tool]);
    let trap = Arc::new(Trap::never());
    let app = TestApp::with_mailbox(core, |stores| TrappedMailbox::around(stores, trap.clone()));
    assert_eq!(app.say("go").await.content, "ok");
    let agents = app.stores.sessions.children(Some(&session()), true, 9).await.unwrap();
    (trap.names().into_iter().filter(|name| name.starts_with("after ")).collect(), agents.len())
}

/// The agent stands in the commit that its call's end is: with it or not at all.
#[tokio::test]
async fn an_agent_is_started_by_the_commit_that_any_tool_of_ours_makes() {
    let (with, agents) = commits(started()).await;
    let (without, none) = commits(ToolOutput::text("Noted.")).await;
    assert_eq!((agents, none), (1, 0));
    assert_eq!(with, without);
    assert_eq!(with.iter().filter(|name| name.ends_with(" ended")).count(), 1, "{with:?}");
}
