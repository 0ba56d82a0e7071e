//! What real runs leave on the two outputs.

use std::{sync::Arc, time::Duration};

use agent_core::{
    Attempt, BudgetConfig, ChosenModel, Core, Factotum, LocalBus, ModelError, ModelErrorKind, ModelEvent,
    Models, NoPrompts, NoSecrets, NoSkills, Ports, RunRequest, ScriptedProvider, ScriptedReply, SpendingCaps,
    TokenUsage, gateway::Channels, turn::Limits,
};
use async_trait::async_trait;
use serde_json::json;
use session_api::{CallId, InMemoryStore, LeasePolicy, SessionKey, Stores, ToolCall, WorkerId};
use tool_api::{
    AlwaysAllow, AlwaysAsk, Approver, Effect, Registry, Tool, ToolContext, ToolError, ToolOutput, ToolSpec,
};

use super::*;
use crate::{SystemClock, SystemIds, tasks::Tasks};

/// Says what it was given, or fails with it.
struct Echo {
    spec: ToolSpec,
    fails: bool,
}

impl Echo {
    fn tool(name: &str, fails: bool) -> Arc<dyn Tool> {
        let spec = ToolSpec {
            name: name.into(),
            description: name.into(),
            parameters: json!({ "type": "object" }),
            effect: Effect::Pure,
            timeout: Duration::from_secs(5),
        };
        Arc::new(Self { spec, fails })
    }
}

#[async_trait]
impl Tool for Echo {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check(&self, _: &str) -> Result<(), ToolError> {
        Ok(())
    }

    async fn call(&self, _: &ToolContext, _: &str) -> Result<ToolOutput, ToolError> {
        match self.fails {
            true => Err(ToolError::Failed("no luck\u{1b}[2J\ntry later".into())),
            false => Ok(ToolOutput::text("done")),
        }
    }
}

const PIPE: Options = Options {
    stdout_tty: false,
    stderr_tty: false,
    markdown: true,
    reasoning: false,
    quiet: false,
    whole: false,
};
const TERMINAL: Options = Options { stdout_tty: true, stderr_tty: true, ..PIPE };

fn session() -> SessionKey {
    SessionKey::new("cli", "local", "main")
}

fn assistant(replies: Vec<ScriptedReply>, approver: Arc<dyn Approver>) -> Factotum {
    let (clock, ids) = (Arc::new(SystemClock::new()), Arc::new(SystemIds));
    let store = InMemoryStore::new(clock.clone(), ids.clone(), LeasePolicy::default());
    let tools: Vec<Arc<dyn Tool>> = vec![Echo::tool("look", false), Echo::tool("dig", true)];
    let default = ChosenModel::new(Arc::new(ScriptedProvider::new(replies)), "m");
    let core = Core {
        models: Models::new(default, Vec::new()),
        tools: Registry::new(&[Arc::new(tools)]).unwrap(),
        approver,
        hooks: Vec::new(),
        prompts: Arc::new(NoPrompts),
        skills: Arc::new(NoSkills),
        transcriber: None,
        limits: Limits { model_calls: 3, ..Limits::default() },
        caps: SpendingCaps::default(),
        budget: BudgetConfig::default(),
        compaction: agent_core::Compaction::default(),
        effort: None,
        approval_expiry: Duration::from_secs(600),
        zones: Default::default(),
        autonomy: agent_core::Autonomy::default(),
    };
    let ports = Ports {
        stores: Stores::of(Arc::new(store)),
        clock,
        worker: WorkerId::new(ids.as_ref()),
        ids,
        bus: Arc::new(LocalBus::default()),
        spawn: Arc::new(Tasks::default()),
        channels: Channels::default(),
        redact: Arc::new(NoSecrets),
        lease_ttl: LeasePolicy::default().ttl,
    };
    Factotum::new(ports, core)
}

/// What stands on stdout and stderr after the run of `text`. Times and pictures of the spinner are taken out.
async fn shown(replies: Vec<ScriptedReply>, text: &str, options: Options) -> (String, String) {
    let factotum = assistant(replies, Arc::new(AlwaysAllow));
    let stream = factotum.run_streamed(RunRequest::new(session(), text)).await.unwrap();
    let mut screen = Screen::with(Vec::new(), Vec::new(), options);
    screen.follow(stream, std::future::pending()).await.unwrap();
    written(screen)
}

fn written(screen: Screen<Vec<u8>, Vec<u8>>) -> (String, String) {
    let (out, err) = screen.page.into_writers();
    (String::from_utf8(out).unwrap(), without_times(&String::from_utf8(err).unwrap()))
}

fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match (line.find(" · "), line.find(" ms")) {
        (Some(from), Some(to)) => format!("{} · N{}\n", &line[..from], &line[to..]),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn call(name: &str, id: &str) -> ModelEvent {
    ModelEvent::ToolCall(ToolCall {
        id: CallId(id.into()),
        name: name.into(),
        arguments: r#"{"at":1}"#.into(),
    })
}

fn say(text: &str) -> ModelEvent {
    ModelEvent::Text(text.into())
}

#[tokio::test]
async fn an_answer_is_printed_once_and_ends_its_line() {
    for text in ["one two three", "with its own end\n", "**marks** stay in a pipe \u{1b}[1m"] {
        let (out, err) = shown(vec![ScriptedReply::text(text)], "hi", PIPE).await;
        assert_eq!(out, format!("{}\n", text.trim_end_matches('\n')));
        assert_eq!(err, "");
    }
}

#[tokio::test]
async fn a_terminal_gets_markdown_and_no_foreign_escapes() {
    let (out, _) = shown(vec![ScriptedReply::text("**bold** \u{1b}]0;title\u{7} `c`")], "hi", TERMINAL).await;
    assert_eq!(out, "\x1b[0m\x1b[1mbold\x1b[0m ␛]0;title␇ \x1b[0m\x1b[36mc\x1b[0m\n");
    let plain = Options { markdown: false, ..TERMINAL };
    let (out, _) = shown(vec![ScriptedReply::text("**bold** \u{1b}[1m")], "hi", plain).await;
    assert_eq!(out, "**bold** ␛[1m\n");
}

#[tokio::test]
async fn text_before_a_tool_call_stands_on_its_own_line() {
    let script = || {
        vec![
            ScriptedReply::events(vec![say("Let me "), say("look."), call("look", "a")]),
            ScriptedReply::events(vec![say("Found it.")]),
        ]
    };
    let (out, err) = shown(script(), "hi", PIPE).await;
    assert_eq!(out, "Let me look.\nFound it.\n");
    assert_eq!(err, "⚙ look {\"at\":1} · N ms\n");
    let (out, err) = shown(script(), "hi", Options { quiet: true, ..PIPE }).await;
    assert_eq!((out.as_str(), err.as_str()), ("Let me look.\nFound it.\n", ""));
}

#[tokio::test]
async fn a_failed_call_shows_the_first_line_of_its_error() {
    let script = || vec![ScriptedReply::events(vec![call("dig", "a")]), ScriptedReply::text("Sorry.")];
    let (_, err) = shown(script(), "hi", PIPE).await;
    assert_eq!(err, "✗ dig {\"at\":1} · N ms: no luck␛[2J\n");
    let (_, err) = shown(script(), "hi", TERMINAL).await;
    assert_eq!(err, "\x1b[2m✗ dig {\"at\":1} · N ms: no luck␛[2J\x1b[0m\n");
}

#[tokio::test]
async fn thinking_aloud_is_shown_only_when_asked_for() {
    let script = || {
        let pieces = [ModelEvent::Reasoning("hm ".into()), ModelEvent::Reasoning("so".into()), say("Yes.")];
        vec![ScriptedReply::events(pieces.into())]
    };
    assert_eq!(shown(script(), "hi", PIPE).await, ("Yes.\n".into(), String::new()));
    let asked = Options { reasoning: true, ..PIPE };
    assert_eq!(shown(script(), "hi", asked).await, ("Yes.\n".into(), "hm so\n".into()));
}

#[tokio::test]
async fn what_was_never_streamed_is_printed_at_the_end() {
    let (out, err) = shown(vec![ScriptedReply::text("unused")], "/help", PIPE).await;
    assert!(out.contains("/status") && out.ends_with('\n') && err.is_empty(), "{out}{err}");
    let (out, err) = shown(vec![ScriptedReply::text("unused")], "tool:look {}", PIPE).await;
    assert_eq!((out.as_str(), err.as_str()), ("done\n", "⚙ look · N ms\n"));
}

#[tokio::test]
async fn an_attempt_that_failed_is_told_and_the_answer_begins_anew_on_a_line_of_its_own() {
    let attempt = Attempt {
        provider: "a".into(),
        model: "m".into(),
        kind: ModelErrorKind::BadReply,
        message: "the reply of provider `a` broke off".into(),
        millis: 1,
        wait_millis: 0,
        usage: TokenUsage::default(),
        next_provider: "b".into(),
        next_model: "n".into(),
    };
    let pieces = vec![say("Half an "), ModelEvent::Attempt(Box::new(attempt)), say("A whole answer.")];
    for (whole, printed) in [(false, "Half an \nA whole answer.\n"), (true, "A whole answer.\n")] {
        let reply = ScriptedReply::events(pieces.clone());
        let (out, err) = shown(vec![reply], "hi", Options { whole, ..PIPE }).await;
        assert_eq!(out, printed);
        assert_eq!(err, "the reply of provider `a` broke off; asking b/n\n");
    }
}

#[tokio::test]
async fn a_run_without_an_answer_says_why_on_stderr() {
    let broken = ModelError::new(ModelErrorKind::BadReply, "the reply broke off");
    let reply = ScriptedReply::text("half an ").then_error(broken);
    let (out, err) = shown(vec![reply], "hi", PIPE).await;
    assert_eq!(out, "half an \n");
    assert!(err.starts_with("I could not answer: the reply broke off.\n"), "{err}");
    let endless = vec![
        ScriptedReply::events(vec![call("look", "a")]),
        ScriptedReply::events(vec![ModelEvent::ToolCall(ToolCall {
            id: CallId("b".into()),
            name: "look".into(),
            arguments: "{}".into(),
        })]),
        ScriptedReply::events(vec![call("look", "c")]),
    ];
    let (out, err) = shown(endless, "hi", PIPE).await;
    assert_eq!(out, "");
    assert!(
        err.ends_with("I stopped: 3 model calls are the limit for one message. Write again to go on.\n"),
        "{err}"
    );
}

#[tokio::test]
async fn a_stop_ends_the_run_and_keeps_what_was_said() {
    let factotum = assistant(vec![ScriptedReply::text("so far ").then_hang()], Arc::new(AlwaysAllow));
    let mut stream = factotum.run_streamed(RunRequest::new(session(), "hi")).await.unwrap();
    // The stop comes only after text was streamed.
    assert!(stream.text().await.is_some());
    let mut screen = Screen::with(Vec::new(), Vec::new(), PIPE);
    let result = screen.follow(stream, std::future::ready(())).await.unwrap();
    assert_eq!(result.stop_reason, "stopped");
    let (_, err) = written(screen);
    assert_eq!(err, "Stopped. What was done so far is kept.\n");
}

#[tokio::test]
async fn a_question_is_left_to_whoever_follows() {
    let replies = vec![ScriptedReply::events(vec![say("May I?"), call("look", "a")])];
    let factotum = assistant(replies, Arc::new(AlwaysAsk(vec!["look".into()])));
    let stream = factotum.run_streamed(RunRequest::new(session(), "hi")).await.unwrap();
    let mut screen = Screen::with(Vec::new(), Vec::new(), PIPE);
    let result = screen.follow(stream, std::future::pending()).await.unwrap();
    assert_eq!(result.questions.len(), 1);
    assert_eq!(written(screen), ("May I?\n".into(), String::new()));
}

/// Fails at the first byte.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_failure_but_a_full_disk_is() {
    for (kind, fails) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
        let factotum = assistant(vec![ScriptedReply::text("hello")], Arc::new(AlwaysAllow));
        let stream = factotum.run_streamed(RunRequest::new(session(), "hi")).await.unwrap();
        let mut screen = Screen::with(Broken(kind), Vec::new(), PIPE);
        assert_eq!(screen.follow(stream, std::future::pending()).await.is_err(), fails, "{kind}");
    }
}
