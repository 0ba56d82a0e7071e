//! What a model can do with jobs, and what it cannot.

use session_api::{
    InMemoryStore, LeasePolicy, ManualClock, Principal, PrincipalId, SequentialIds, SessionKey, Stores,
};
use tool_api::{Tool, Typed, contract};

use super::*;
use crate::testing::text;

struct Rig {
    stores: Stores,
    tools: [Arc<dyn Tool>; 4],
}

impl Rig {
    fn new() -> Self {
        let ids = Arc::new(SequentialIds::default());
        let store = InMemoryStore::new(Arc::new(ManualClock::default()), ids.clone(), LeasePolicy::default());
        let stores = Stores::of(Arc::new(store));
        let zones = Zones::new(jiff::tz::db().clone(), "Europe/Berlin").unwrap();
        let scheduling = Scheduling { jobs: stores.jobs.clone(), ids, zones };
        let tools: [Arc<dyn Tool>; 4] = [
            Arc::new(Typed::new(SchedulePrompt(scheduling.clone()))),
            Arc::new(Typed::new(ListScheduledPrompts(scheduling.clone()))),
            Arc::new(Typed::new(CancelScheduledPrompt(scheduling.clone()))),
            Arc::new(Typed::new(DeleteScheduledPrompt(scheduling))),
        ];
        Self { stores, tools }
    }

    /// Calls one of the tools for `who` and stores what it wants stored.
    async fn call(
        &self,
        who: &ToolContext,
        tool: usize,
        arguments: serde_json::Value,
    ) -> Result<String, ToolError> {
        let output = self.tools[tool].call(who, &arguments.to_string()).await?;
        let text = text(&output);
        let writes = output.writes;
        let batch = session_api::Batch { writes, ..session_api::Batch::default() };
        drop(self.stores.mailbox.accept(None, batch, None).await.unwrap());
        Ok(text)
    }

    async fn schedule(&self, who: &ToolContext, when: &str) -> Result<String, ToolError> {
        self.call(who, 0, serde_json::json!({"content": "Water the plants", "when": when})).await
    }

    async fn id(&self) -> String {
        self.stores.jobs.jobs(None).await.unwrap()[0].id.to_string()
    }
}

fn ann() -> ToolContext {
    ToolContext { now: Timestamp(1_795_255_200_000), ..contract::context() }
}

fn bob(rank: Rank) -> ToolContext {
    ToolContext { principal: Principal { id: PrincipalId("bob".into()), rank }, ..ann() }
}

#[tokio::test]
async fn a_prompt_is_scheduled_listed_cancelled_and_deleted() {
    let rig = Rig::new();
    let said = rig.schedule(&ann(), "every weekday at 8:30").await.unwrap();
    assert!(said.starts_with("Scheduled “Water the plants” (30 8 * * 1-5 (Europe/Berlin)), id "), "{said}");
    assert!(said.ends_with("First run: Mon 2026-11-23 08:30 CET."), "{said}");
    let job = rig.stores.jobs.jobs(None).await.unwrap().remove(0);
    let definition = JobDefinition::of(&job).unwrap();
    assert_eq!((definition.origin, definition.reply.reply_to), (Some(ann().session), None));
    let listed = rig.call(&ann(), 1, serde_json::json!({})).await.unwrap();
    assert!(listed.contains(&job.id.to_string()) && listed.contains("active “Water the plants”"), "{listed}");
    let id = serde_json::json!({"job_id": job.id});
    assert_eq!(rig.call(&ann(), 2, id.clone()).await.unwrap(), "“Water the plants” is cancelled.");
    assert_eq!(rig.call(&ann(), 2, id.clone()).await.unwrap(), "“Water the plants” was cancelled before.");
    assert_eq!(rig.call(&ann(), 1, serde_json::json!({})).await.unwrap(), "[nothing is scheduled]");
    let all = rig.call(&ann(), 1, serde_json::json!({"all": true, "limit": 1})).await.unwrap();
    assert!(all.contains("cancelled “Water the plants”"), "{all}");
    assert_eq!(rig.call(&ann(), 3, id.clone()).await.unwrap(), "“Water the plants” is deleted.");
    assert!(rig.call(&ann(), 3, id).await.unwrap_err().to_string().contains("not found"));
}

#[tokio::test]
async fn somebody_elses_job_does_not_exist() {
    let rig = Rig::new();
    rig.schedule(&ann(), "in 20 minutes").await.unwrap();
    let member = bob(Rank::Member);
    assert_eq!(
        rig.call(&member, 1, serde_json::json!({"all": true})).await.unwrap(),
        "[nothing is scheduled]"
    );
    let (theirs, none) = (rig.id().await, "01890a5d-ac96-774b-bcce-b302099a8057");
    for tool in [2, 3] {
        let refused = |id: &str| {
            let id = serde_json::json!({"job_id": id});
            let member = &member;
            let rig = &rig;
            async move { rig.call(member, tool, id).await.unwrap_err().to_string() }
        };
        assert_eq!(refused(&theirs).await.replace(&theirs, "ID"), refused(none).await.replace(none, "ID"));
    }
    assert_eq!(rig.stores.jobs.jobs(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_or_is_not_permitted_is_refused() {
    let rig = Rig::new();
    for when in ["", "soon", "every 5 seconds", "0 24 * * *", "2020-01-01 10:00"] {
        let error = rig.schedule(&ann(), when).await.unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{when}: {error:?}");
    }
    let odd = serde_json::json!({"content": "x", "when": "hourly", "timezone": "Mars/Olympus"});
    assert!(rig.call(&ann(), 0, odd).await.unwrap_err().to_string().contains("zone"));
    let until = serde_json::json!({"content": "x", "when": "hourly", "until": "hourly"});
    assert!(rig.call(&ann(), 0, until).await.unwrap_err().to_string().contains("until"));
    let job = ToolContext { session: SessionKey::new("cron", "local", "1"), ..ann() };
    assert!(matches!(rig.schedule(&job, "hourly").await, Err(ToolError::Refused { .. })));
    assert!(matches!(rig.schedule(&bob(Rank::Guest), "hourly").await, Err(ToolError::Refused { .. })));
    for _ in 0..MOST {
        rig.schedule(&ann(), "hourly").await.unwrap();
    }
    assert!(matches!(rig.schedule(&ann(), "hourly").await, Err(ToolError::Limit { .. })));
    assert!(rig.schedule(&bob(Rank::Member), "hourly").await.is_ok());
}

#[tokio::test]
async fn the_tools_keep_the_contract() {
    let rig = Rig::new();
    let id = r#"{"job_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
    let arguments = [r#"{"content":"x","when":"hourly"}"#, "{}", id, id];
    for (tool, arguments) in rig.tools.iter().zip(arguments) {
        contract::check(tool, arguments).await;
    }
}
