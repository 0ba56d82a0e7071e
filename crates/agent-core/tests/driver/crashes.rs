//! A process dies at any moment; another one goes on.

use std::sync::Arc;

use agent_core::{Core, ModelRequest, RunRequest, RunResult, ScriptedReply};
use session_api::{OutboxKind, Role, ToolStatus};
use tool_api::{Effect, Tool};

use crate::support::{
    Does, Probe, Reacting, TestApp, Trap, TrappedMailbox, assert_pairs, core, none, request, script, session,
    text_of,
};

const TOOLS: [(&str, Effect); 4] =
    [("look", Effect::Pure), ("edit", Effect::Keyed), ("tell", Effect::Ours), ("send", Effect::Unsafe)];

/// In which order the model calls the tools.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// As they are listed: what may not be repeated comes last, behind results that are recorded.
    Listed,
    /// What may not be repeated comes first, when nothing is recorded yet.
    Reversed,
}

/// The world that survives the processes: how often each tool had its effect on it.
struct World {
    order: Order,
    probes: Vec<Arc<Probe>>,
    trap: Arc<Trap>,
}

impl World {
    fn new(order: Order, trap: Trap) -> Self {
        let trap = Arc::new(trap);
        let probe = |(name, effect): (&str, Effect)| {
            let does = if effect == Effect::Ours { Does::Notice } else { Does::Say(format!("{name} done")) };
            Probe::trapped(name, effect, does, trap.clone())
        };
        Self { order, probes: TOOLS.map(probe).into(), trap }
    }

    fn core(&self) -> Core {
        let tools = self.probes.iter().map(|probe| probe.clone() as Arc<dyn Tool>).collect();
        let react = match self.order {
            Order::Listed => |request: &ModelRequest| react(request, TOOLS.map(|(name, _)| name)),
            Order::Reversed => |request: &ModelRequest| {
                let mut names = TOOLS.map(|(name, _)| name);
                names.reverse();
                react(request, names)
            },
        };
        core(Arc::new(Reacting::new(self.trap.clone(), react)), tools)
    }

    fn effects(&self, name: &str) -> usize {
        let place = TOOLS.iter().position(|(tool, _)| *tool == name).unwrap();
        self.probes[place].effects()
    }
}

/// First all tools, then the answer.
fn react(request: &ModelRequest, names: [&'static str; 4]) -> ScriptedReply {
    if request.messages.iter().any(|message| message.role == Role::Tool) {
        ScriptedReply::text("That is all.")
    } else {
        ScriptedReply::tools(names.map(|name| (name, none())).into())
    }
}

/// The sender repeats what it is not sure to have sent.
fn go() -> RunRequest {
    RunRequest { idempotency_key: Some("the-only-one".into()), ..request("go") }
}

/// Dies at place `at`; a second process does the rest. Returns the place's name, the world and the outcome.
async fn die_at(order: Order, at: usize) -> (String, World, TestApp, RunResult) {
    let world = World::new(order, Trap::at(at));
    let first =
        TestApp::with_mailbox(world.core(), |stores| TrappedMailbox::around(stores, world.trap.clone()));
    let factotum = first.factotum.clone();
    tokio::select! {
        () = world.trap.reached() => {}
        result = async { factotum.run(RunRequest { detached: true, ..go() }).await } => {
            panic!("place {at} was not reached: {result:?}");
        }
    }
    first.crash();
    let name = world.trap.names()[at].clone();
    let second = first.another(world.core());
    let result = second.in_time(second.factotum.run(go())).await.unwrap();
    (name, world, second, result)
}

/// The places of a run that nothing disturbs.
async fn places(order: Order) -> Vec<String> {
    let world = World::new(order, Trap::never());
    let app =
        TestApp::with_mailbox(world.core(), |stores| TrappedMailbox::around(stores, world.trap.clone()));
    assert_eq!(app.factotum.run(go()).await.unwrap().content, "That is all.");
    world.trap.names()
}

#[tokio::test]
async fn a_process_may_die_at_any_place() {
    die_everywhere(Order::Listed).await;
}

#[tokio::test]
async fn a_process_may_die_at_any_place_when_the_unsafe_call_comes_first() {
    die_everywhere(Order::Reversed).await;
}

async fn die_everywhere(order: Order) {
    let places = places(order).await;
    assert!(places.len() > 20, "{places:#?}");
    for (at, expected) in places.iter().enumerate() {
        let (place, world, app, result) = die_at(order, at).await;
        let context = format!("died at place {at}, {place}: {result:#?}");
        assert_eq!(place, *expected);
        assert!(result.error.is_none(), "{context}");
        assert!(result.content.starts_with("That is all."), "{context}");

        // Unsafe: never twice; when nobody can know, the person and the model are told.
        let history = app.history().await;
        let status = |name: &str| {
            let results = history.iter().flat_map(session_api::Message::tool_results);
            results.filter(|result| result.name == name).map(|result| result.status).last().unwrap()
        };
        assert!(world.effects("send") <= 1, "{context}");
        let unknown = status("send") == ToolStatus::Unknown;
        assert!(unknown || world.effects("send") == 1, "{context}");
        assert_eq!(result.content.contains("`send` was interrupted, outcome unknown"), unknown, "{context}");
        // Keyed: repeated only while nothing had changed.
        assert!(world.effects("edit") <= 1, "{context}");
        assert!(status("edit") == ToolStatus::Unknown || world.effects("edit") == 1, "{context}");
        // Pure: its result is there, however often it ran.
        assert_eq!(status("look"), ToolStatus::Ok, "{context}");
        // Ours: what it writes is there once.
        let outbox = app.outbox().await;
        let notices: Vec<_> = outbox.iter().filter(|message| message.kind == OutboxKind::Notice).collect();
        assert_eq!(notices.len(), 1, "{context}");
        // One answer, one message of the person, whole pairs, nothing left to do.
        let replies: Vec<_> = outbox.iter().filter(|message| message.kind == OutboxKind::Reply).collect();
        assert_eq!(replies.len(), 1, "{context}");
        assert_eq!(text_of(replies[0]), result.content, "{context}");
        assert_eq!(history.iter().filter(|message| message.role == Role::User).count(), 1, "{context}");
        assert_pairs(&history);
        assert!(!app.factotum.waiting(&session()).await.unwrap().unfinished, "{context}");
    }
}

/// The place with this name, in an undisturbed run.
async fn place(name: &str) -> usize {
    let places = places(Order::Listed).await;
    places.iter().position(|place| place == name).unwrap_or_else(|| panic!("no `{name}` in {places:#?}"))
}

#[tokio::test]
async fn a_call_whose_start_was_not_journalled_simply_runs() {
    let (_, world, _, result) = die_at(Order::Listed, place("before journal that send starts").await).await;
    assert_eq!(world.effects("send"), 1);
    assert_eq!(result.content, "That is all.");
}

#[tokio::test]
async fn an_unsafe_call_that_may_have_started_is_not_repeated() {
    for name in ["after journal that send starts", "send begins", "send had its effect"] {
        let at = place(name).await;
        let (_, world, app, result) = die_at(Order::Listed, at).await;
        assert_eq!(world.effects("send"), usize::from(name == "send had its effect"), "{name}");
        assert!(result.content.contains("outcome unknown"), "{name}: {}", result.content);
        assert_eq!(result.metadata["resumed"], "true");
        let history = app.history().await;
        let heard = history.iter().flat_map(session_api::Message::tool_results).last().unwrap();
        assert_eq!((heard.name.as_str(), heard.status), ("send", ToolStatus::Unknown));
    }
}

#[tokio::test]
async fn a_result_that_was_journalled_is_not_asked_for_again() {
    let (_, world, _, result) = die_at(Order::Listed, place("after journal that call-4 ended").await).await;
    assert_eq!(TOOLS.map(|(name, _)| world.effects(name)), [1, 1, 1, 1]);
    assert_eq!(result.content, "That is all.");
}

#[tokio::test]
async fn a_keyed_call_is_repeated_only_while_its_key_is_the_same() {
    let (_, world, _, result) = die_at(Order::Listed, place("edit begins").await).await;
    assert_eq!((world.effects("edit"), result.content.as_str()), (1, "That is all."));
    let (_, world, _, result) = die_at(Order::Listed, place("edit had its effect").await).await;
    assert_eq!(world.effects("edit"), 1);
    assert!(result.content.contains("`edit` was interrupted, outcome unknown"), "{}", result.content);
}

#[tokio::test]
async fn a_pure_call_runs_again() {
    let (_, world, _, result) = die_at(Order::Listed, place("look had its effect").await).await;
    assert_eq!((world.effects("look"), result.content.as_str()), (2, "That is all."));
}

#[tokio::test]
async fn a_turn_that_committed_is_only_read() {
    let (_, world, app, result) = die_at(Order::Listed, place("after commit").await).await;
    assert_eq!(TOOLS.map(|(name, _)| world.effects(name)), [1, 1, 1, 1]);
    assert_eq!(result.content, "That is all.");
    assert_eq!(app.outbox().await.len(), 2);
}

#[tokio::test]
async fn nothing_is_visible_before_the_commit() {
    let world = World::new(Order::Listed, Trap::at(place("before commit").await));
    let app =
        TestApp::with_mailbox(world.core(), |stores| TrappedMailbox::around(stores, world.trap.clone()));
    let stream = app.factotum.run_streamed(go()).await.unwrap();
    world.trap.reached().await;
    assert!(app.history().await.is_empty());
    assert!(app.outbox().await.iter().all(|message| message.kind == OutboxKind::Notice));
    drop(stream);
}

#[tokio::test]
async fn a_turn_goes_on_with_a_new_configuration_and_says_so() {
    let at = place("after journal that call-1 ended").await;
    let world = World::new(Order::Listed, Trap::at(at));
    let first =
        TestApp::with_mailbox(world.core(), |stores| TrappedMailbox::around(stores, world.trap.clone()));
    let stream = first.factotum.run_streamed(RunRequest { detached: true, ..go() }).await.unwrap();
    world.trap.reached().await;
    first.crash();
    drop(stream);
    let mut changed = world.core();
    changed.limits.model_calls = 7;
    let second = first.another(changed);
    let result = second.factotum.run(go()).await.unwrap();
    assert!(result.content.starts_with("That is all."), "{}", result.content);
    assert!(result.content.contains("the configuration changed"), "{}", result.content);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_dead_letter_and_not_a_loop() {
    let at = place("after journal that send starts").await;
    let world = World::new(Order::Listed, Trap::at(at));
    let first =
        TestApp::with_mailbox(world.core(), |stores| TrappedMailbox::around(stores, world.trap.clone()));
    let stream = first.factotum.run_streamed(RunRequest { detached: true, ..go() }).await.unwrap();
    world.trap.reached().await;
    let id = stream.inbound();
    first.crash();
    drop(stream);
    // A later version of the program takes the turn up, writes its own record, and dies too.
    let later = session_api::WorkerId(uuid::Uuid::from_u128(0xFFFF));
    let turn = first.store_lease(later).await.expect("the orphan can be leased");
    let step = session_api::Step {
        kind: session_api::StepKind::Resumed { reason: "an upgrade".into() },
        durable: false,
    };
    let record = session_api::TurnRecord { version: 99, body: "{}".into() };
    let writes = session_api::Writes { record: Some(record), ..session_api::Writes::default() };
    session_api::Mailbox::journal(&first.store, &turn.lease, step, writes).await.unwrap();
    first.store.kill(later);

    let second = first.another(core(script(Vec::new()), Vec::new()));
    let result = second.factotum.attach(session(), id).wait().await.unwrap();
    assert!(result.content.contains("format 99"), "{}", result.content);
    assert!(
        result.content.contains("`send` had been started"),
        "a second try may repeat it: {}",
        result.content
    );
    let dead = second.factotum.dead_letters(10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].row.inbound.id, id);
}
