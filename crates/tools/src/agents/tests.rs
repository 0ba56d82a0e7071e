//! Who may start agents, how many, and who sees them.

use session_api::{
    Batch, InMemoryStore, LeaseFrom, LeasePolicy, ManualClock, Principal, PrincipalId, Rank, SequentialIds,
    SessionKey, WorkerId,
};
use tool_api::contract;

use super::*;
use crate::testing::{Place, text};

struct Rig {
    _place: Place,
    stores: Stores,
    tools: Vec<Arc<dyn Tool>>,
}

impl Rig {
    fn new(limits: AgentLimits) -> Self {
        let (place, ids) = (Place::new(), Arc::new(SequentialIds::default()));
        let clock = Arc::new(ManualClock::default());
        let store = InMemoryStore::new(clock.clone(), ids.clone(), LeasePolicy::default());
        let stores = Stores::of(Arc::new(store));
        let (known, workspace) = (Arc::default(), place.workspace());
        let agents = Agents { stores: stores.clone(), clock, ids, workspace, limits, known };
        Self { _place: place, stores, tools: agents.tools() }
    }

    /// Calls a tool and stores what it wants stored, as a turn does.
    async fn call(
        &self,
        who: &ToolContext,
        name: &str,
        arguments: serde_json::Value,
    ) -> Result<String, ToolError> {
        let tool = self.tools.iter().find(|tool| tool.spec().name == name).unwrap();
        let output = tool.call(who, &arguments.to_string()).await?;
        let rows = output.writes.inbound.clone();
        drop(self.stores.mailbox.accept(None, Batch { rows, ..Batch::default() }, None).await.unwrap());
        Ok(text(&output))
    }

    async fn spawn(&self, who: &ToolContext) -> Result<String, ToolError> {
        let said =
            self.call(who, "spawn_agent", serde_json::json!({"task": "look", "name": "looker"})).await?;
        Ok(said.split("id ").nth(1).unwrap().split('.').next().unwrap().to_owned())
    }
}

fn ann() -> ToolContext {
    ToolContext { offered: Arc::from(["grep".to_owned()]), ..contract::context() }
}

fn somebody(name: &str, rank: Rank) -> ToolContext {
    let principal = Principal { id: PrincipalId(name.into()), rank };
    ToolContext { principal, session: SessionKey::new("cli", "local", name), ..ann() }
}

#[tokio::test]
async fn a_foreign_agent_is_not_found() {
    let rig = Rig::new(AgentLimits::default());
    let id = rig.spawn(&ann()).await.unwrap();
    let bob = somebody("bob", Rank::Member);
    for (tool, arguments) in [
        ("check_agent", serde_json::json!({"id": id})),
        ("cancel_agent", serde_json::json!({"id": id})),
        ("wait_agent", serde_json::json!({"ids": [id]})),
        ("check_agent", serde_json::json!({"id": "nonsense"})),
    ] {
        let refused = rig.call(&bob, tool, arguments).await.unwrap_err().to_string();
        assert!(refused.contains("not found"), "{tool}: {refused}");
    }
    let listed = rig.call(&bob, "list_agents", serde_json::json!({"all": true})).await.unwrap();
    assert_eq!(listed, "[no agents]");
    let seen = rig.call(&ann(), "check_agent", serde_json::json!({"id": id})).await.unwrap();
    assert!(seen.contains("“looker” queued: look"), "{seen}");
}

/// Nothing is stored by the call itself: its end is the one commit.
#[tokio::test]
async fn an_agent_is_started_by_one_row_of_what_the_call_writes() {
    let rig = Rig::new(AgentLimits::default());
    for (name, arguments) in [
        ("spawn_agent", serde_json::json!({"task": "look"})),
        ("start_pipeline", serde_json::json!({"steps": ["look"]})),
        ("start_loop", serde_json::json!({"task": "look", "check": "seen"})),
    ] {
        let tool = rig.tools.iter().find(|tool| tool.spec().name == name).unwrap();
        let writes = tool.call(&ann(), &arguments.to_string()).await.unwrap().writes;
        let Writes { inbound: rows, .. } = writes.clone();
        assert_eq!((rows.len(), writes), (1, Writes { inbound: rows, ..Writes::default() }), "{name}");
        let stored = rig.stores.sessions.children(None, false, 9).await.unwrap();
        assert!(stored.is_empty(), "{name}: {stored:?}");
    }
}

#[tokio::test]
async fn no_more_are_under_way_than_the_limits_say() {
    let rig = Rig::new(AgentLimits { at_once: 2, in_all: 3, ..AgentLimits::default() });
    let (bob, carl) = (somebody("bob", Rank::Member), somebody("carl", Rank::Member));
    let first = rig.spawn(&ann()).await.unwrap();
    rig.spawn(&ann()).await.unwrap();
    let refused = rig.spawn(&ann()).await.unwrap_err();
    assert!(refused.to_string().contains("agents.at_once"), "{refused}");
    assert_eq!(refused.class(), "limit_agents");
    rig.spawn(&bob).await.unwrap();
    let refused = rig.spawn(&carl).await.unwrap_err().to_string();
    assert!(refused.contains("agents.in_all"), "{refused}");
    // One that only waits is over as soon as it is stopped.
    rig.call(&ann(), "cancel_agent", serde_json::json!({"id": first})).await.unwrap();
    let seen = rig.call(&ann(), "check_agent", serde_json::json!({"id": first})).await.unwrap();
    assert!(seen.contains("stopped"), "{seen}");
    rig.spawn(&carl).await.unwrap();
}

#[tokio::test]
async fn guests_start_none_and_what_makes_no_sense_is_refused() {
    let rig = Rig::new(AgentLimits::default());
    assert_eq!(rig.spawn(&somebody("eve", Rank::Guest)).await.unwrap_err().class(), "not_permitted");
    for (tool, arguments, expected) in [
        ("spawn_agent", serde_json::json!({"task": " "}), "empty"),
        ("spawn_agent", serde_json::json!({"task": "x", "profile": "../x"}), "there is no profile"),
        ("start_pipeline", serde_json::json!({"steps": []}), "steps"),
        ("start_loop", serde_json::json!({"task": "x", "check": ""}), "check"),
        ("start_loop", serde_json::json!({"task": "x", "check": "y", "rounds": 0}), "rounds"),
    ] {
        let refused = rig.call(&ann(), tool, arguments).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{tool}: {refused}");
    }
}

#[tokio::test]
async fn what_starts_an_agent_is_one_row_below_its_parent_with_no_more_than_that_has() {
    let rig = Rig::new(AgentLimits::default());
    let id = rig.spawn(&ann()).await.unwrap();
    let worker = WorkerId::new(&SequentialIds::default());
    let turn =
        rig.stores.mailbox.lease(worker, LeaseFrom::Sessions(vec![ann().session])).await.unwrap().unwrap();
    let [row] = turn.founders.as_slice() else { panic!("one row") };
    assert_eq!((row.inbound.id.to_string(), row.inbound.parent.clone()), (id, Some(ann().session)));
    assert_eq!(row.inbound.overrides.tools, Some(vec!["grep".to_owned()]));
    assert_eq!(row.inbound.overrides.child.as_ref().unwrap().depth, 1);
}

#[tokio::test]
async fn the_tools_keep_the_contract() {
    let rig = Rig::new(AgentLimits::default());
    for (tool, good) in rig.tools.iter().zip([
        r#"{"task": "look"}"#,
        r#"{"id": "x"}"#,
        "{}",
        r#"{"id": "x"}"#,
        "{}",
        r#"{"steps": ["a"]}"#,
        r#"{"task": "a", "check": "b"}"#,
    ]) {
        contract::check(tool, good).await;
    }
}
