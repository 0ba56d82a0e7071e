//! Hooks: their order, their failures, and the one that changes the text.

use std::sync::Arc;

use agent_core::{Hook, HookError, ModelRequest, RunInfo, RunRequest, ScriptedReply, turn::ModelReply};
use async_trait::async_trait;
use parking_lot::Mutex;
use session_api::{ToolCall, ToolResult};
use tool_api::{Effect, ScriptedTool, ToolOutput};

use crate::support::{TestApp, core, none, request, script, text_of};

/// Writes down each call; fails in every one of them when told to.
#[derive(Default)]
struct Diary {
    lines: Mutex<Vec<String>>,
    fails: bool,
}

impl Diary {
    fn note(&self, line: impl Into<String>) -> Result<(), HookError> {
        self.lines.lock().push(line.into());
        if self.fails { Err("the diary is full".into()) } else { Ok(()) }
    }
}

#[async_trait]
impl Hook for Diary {
    fn name(&self) -> &str {
        "diary"
    }
    async fn before_run(&self, _: &RunInfo) -> Result<(), HookError> {
        self.note("before run")
    }
    async fn after_run(&self, _: &RunInfo, reason: &str) -> Result<(), HookError> {
        self.note(format!("after run: {reason}"))
    }
    async fn before_iteration(&self, _: &RunInfo, iteration: u32) -> Result<(), HookError> {
        self.note(format!("before iteration {iteration}"))
    }
    async fn after_iteration(&self, _: &RunInfo, iteration: u32) -> Result<(), HookError> {
        self.note(format!("after iteration {iteration}"))
    }
    async fn before_model_call(&self, _: &RunInfo, request: &ModelRequest) -> Result<(), HookError> {
        self.note(format!("before model call with {}", request.messages.len()))
    }
    async fn after_model_call(&self, _: &RunInfo, reply: &ModelReply) -> Result<(), HookError> {
        self.note(format!("after model call with {}", reply.parts.len()))
    }
    async fn before_tool_call(&self, _: &RunInfo, call: &ToolCall) -> Result<(), HookError> {
        self.note(format!("before {}", call.name))
    }
    async fn after_tool_call(&self, _: &RunInfo, call: &ToolCall, _: &ToolResult) -> Result<(), HookError> {
        self.note(format!("after {}", call.name))
    }
    async fn on_stream(&self, _: &RunInfo, text: &str) -> Result<(), HookError> {
        self.note(format!("text `{text}`"))
    }
    async fn on_stream_end(&self, _: &RunInfo, resuming: bool) -> Result<(), HookError> {
        self.note(format!("text ends, resuming {resuming}"))
    }
    async fn finalize_content(&self, _: &RunInfo, _: &str) -> Result<Option<String>, HookError> {
        self.note("finalize").map(|()| None)
    }
    fn finalizes(&self) -> bool {
        true
    }
}

const ORDER: [&str; 15] = [
    "before run",
    "before iteration 1",
    "before model call with 1",
    "text ends, resuming true",
    "after model call with 1",
    "before look",
    "after look",
    "after iteration 1",
    "before iteration 2",
    "before model call with 3",
    "text `Seen.`",
    "text ends, resuming false",
    "after model call with 1",
    "after iteration 2",
    "finalize",
];

fn app(hooks: Vec<Arc<dyn Hook>>) -> TestApp {
    let provider = script(vec![ScriptedReply::tool("look", &none()), ScriptedReply::text("Seen.")]);
    let tool = ScriptedTool::new("look", Effect::Pure, vec![Ok(ToolOutput::text("a cat"))]);
    let mut core = core(provider, vec![Arc::new(tool)]);
    core.hooks = hooks;
    TestApp::new(core)
}

#[tokio::test]
async fn hooks_are_called_in_order() {
    let diary = Arc::new(Diary::default());
    app(vec![diary.clone()]).say("Look.").await;
    let lines = diary.lines.lock().clone();
    assert_eq!(lines[..15], ORDER);
    assert_eq!(lines[15..], ["after run: answered"]);
}

#[tokio::test]
async fn a_failing_hook_changes_nothing_for_the_run_or_for_the_others() {
    let failing = Arc::new(Diary { fails: true, ..Diary::default() });
    let behind = Arc::new(Diary::default());
    let result = app(vec![failing.clone(), behind.clone()]).say("Look.").await;
    assert_eq!((result.content.as_str(), result.error), ("Seen.", None));
    assert_eq!(*failing.lines.lock(), *behind.lines.lock());
    assert_eq!(behind.lines.lock().len(), 16);
}

#[tokio::test]
async fn a_hook_of_one_run_is_called_for_that_run_only() {
    let app = app(Vec::new());
    let diary = Arc::new(Diary::default());
    let first = RunRequest { hooks: vec![diary.clone()], ..request("Look.") };
    app.factotum.run(first).await.unwrap();
    assert_eq!(diary.lines.lock().len(), 16);
    app.say("Again.").await;
    assert_eq!(diary.lines.lock().len(), 16);
}

#[tokio::test]
async fn a_run_that_first_ends_what_another_left_keeps_its_hooks_to_itself() {
    let dead = TestApp::new(core(script(vec![ScriptedReply::hang()]), Vec::new()));
    let left = dead.factotum.run_streamed(RunRequest { detached: true, ..request("left") }).await.unwrap();
    tokio::task::yield_now().await;
    dead.crash();
    drop(left);
    let replies = vec![ScriptedReply::text("To the old one."), ScriptedReply::text("To the new one.")];
    let app = dead.another(core(script(replies), Vec::new()));
    let diary = Arc::new(Diary::default());
    let run = RunRequest { hooks: vec![diary.clone()], ..request("new") };
    assert_eq!(app.factotum.run(run).await.unwrap().content, "To the new one.");
    let runs = diary.lines.lock().iter().filter(|line| *line == "before run").count();
    assert_eq!(runs, 1);
}

/// Signs every answer.
struct Signature;

#[async_trait]
impl Hook for Signature {
    fn name(&self) -> &str {
        "signature"
    }
    async fn finalize_content(&self, _: &RunInfo, text: &str) -> Result<Option<String>, HookError> {
        Ok(Some(format!("{text} (signed)")))
    }
    fn finalizes(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_finalizing_hook_changes_what_is_said_and_what_is_stored() {
    let app = app(vec![Arc::new(Signature), Arc::new(Signature)]);
    let result = app.say("Look.").await;
    let signed = "Seen. (signed) (signed)";
    assert_eq!(result.content, signed);
    assert_eq!(text_of(&app.outbox().await[0]), signed);
    assert_eq!(app.history().await.last().unwrap().text(), signed);
}

/// A hook with a bug.
struct Crashing;

#[async_trait]
impl Hook for Crashing {
    fn name(&self) -> &str {
        "crashing"
    }

    async fn before_run(&self, _: &RunInfo) -> Result<(), HookError> {
        panic!("a bug in a hook")
    }

    async fn finalize_content(&self, _: &RunInfo, _: &str) -> Result<Option<String>, HookError> {
        panic!("a bug in a hook")
    }

    fn finalizes(&self) -> bool {
        true
    }
}

/// Never comes back.
struct Hanging;

#[async_trait]
impl Hook for Hanging {
    fn name(&self) -> &str {
        "hanging"
    }

    async fn before_run(&self, _: &RunInfo) -> Result<(), HookError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_hook_that_hangs_holds_a_run_up_only_for_a_while() {
    let app = app(vec![Arc::new(Hanging)]);
    assert_eq!(app.in_time(app.say("Look.")).await.content, "Seen.");
}

#[tokio::test]
async fn a_crashing_hook_changes_nothing_for_the_run_or_for_the_others() {
    let behind = Arc::new(Diary::default());
    let result = app(vec![Arc::new(Crashing), behind.clone()]).say("Look.").await;
    assert_eq!((result.content.as_str(), result.error), ("Seen.", None));
    assert_eq!(behind.lines.lock().len(), 16);
}
