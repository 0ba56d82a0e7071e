//! Agents that a conversation starts: through the command line and through a gateway that is killed meanwhile.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::collections::BTreeMap;

use it::{Desk, PATIENCE, Setup, parse_lines, run, say, until};
use serde_json::{Value, json};
use servers::{Gate, ModelServer, Reply, Request, Script, TempHome};

/// Starts agents for the letters behind `start:`, waits for them, and says which results it read. An agent finds its own
/// letter, once `gate` is open.
fn script(gate: &Gate) -> Script {
    let gate = gate.clone();
    Script::by(move |request, _| answer(request, &gate))
}

fn answer(request: &Request, gate: &Gate) -> Reply {
    let text = request.last_user_text().unwrap_or_default();
    if let Some(letter) = text.strip_prefix("find ") {
        return Reply::text(&format!("found {letter}")).held_by(gate);
    }
    let results = request.tool_results();
    if let Some(letters) = text.strip_prefix("start:").filter(|_| results.is_empty()) {
        let spawn = |letter: char| json!({"task": format!("find {letter}"), "name": letter.to_string()});
        let mut letters = letters.trim().chars();
        let first = Reply::tool("spawn_agent", spawn(letters.next().unwrap()));
        return letters.fold(first, |reply, letter| reply.and_tool("spawn_agent", spawn(letter)));
    }
    if results.iter().any(|(_, text)| text.starts_with("Started")) && request.tools().contains(&"wait_agent")
    {
        return Reply::tool("wait_agent", json!({}));
    }
    let mut found: Vec<String> =
        request.messages().iter().filter(|message| message["role"] == "user").flat_map(found_in).collect();
    found.sort();
    Reply::text(&format!("summary: {}", found.join(" ")))
}

/// The results in a message: each agent that it says is done, with what that found.
fn found_in(message: &Value) -> Vec<String> {
    let text = message["content"].to_string();
    let done = text.contains("has ended: done]");
    let words = text.split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>();
    let found =
        words.windows(2).filter(|pair| done && pair[0].ends_with("found")).map(|pair| pair[1].to_owned());
    found.collect()
}

/// How often each agent's model was asked.
fn asked(server: &ModelServer) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in server.requests() {
        if let Some(task) = request.last_user_text().filter(|text| text.starts_with("find ")) {
            *asked.entry(task).or_default() += 1;
        }
    }
    asked
}

/// All agents, those of agents included.
fn agents(home: &TempHome) -> Vec<Value> {
    let out = run(home.command().args(["agents", "--all", "--json"])).with_code(0).out;
    let mut found = Vec::new();
    let mut open: Vec<Value> =
        parse_lines(&out).iter().flat_map(|line| line["agents"].as_array().unwrap().clone()).collect();
    while let Some(agent) = open.pop() {
        open.extend(agent["agents"].as_array().unwrap().iter().cloned());
        found.push(agent);
    }
    found
}

fn states(home: &TempHome) -> Vec<String> {
    agents(home).iter().map(|agent| agent["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_message_on_the_command_line_waits_for_its_agents() {
    let gate = Gate::new();
    gate.open();
    let server = ModelServer::start(script(&gate));
    let home = Setup::of(&server).home();
    let answer = say(&home, "default", "start: abc").with_code(0);
    assert!(answer.out.contains("summary: a b c"), "{answer}");
    assert_eq!(asked(&server).values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(states(&home), ["done"; 3]);
    let answer = say(&home, "default", "/agents").with_code(0);
    assert!(answer.out.contains("“a” – done"), "{answer}");
}

#[test]
fn agents_nobody_waited_for_are_heard_of_all_the_same() {
    let gate = Gate::new();
    let server = {
        ModelServer::start(Script::by(move |request, _| {
            let text = request.last_user_text().unwrap_or_default();
            if text == "go" && !request.tool_results().is_empty() {
                gate.open();
                return Reply::text("They are at work.");
            }
            if text == "go" {
                return Reply::tool("spawn_agent", json!({"task": "find a"}));
            }
            answer(request, &gate)
        }))
    };
    let home = Setup::of(&server).home();
    let answer = say(&home, "default", "go").with_code(0);
    assert!(answer.out.contains("They are at work.") && answer.out.contains("summary: a"), "{answer}");
}

#[test]
fn a_parent_that_is_killed_with_three_agents_gets_three_results_and_gives_one_summary() {
    let gate = Gate::new();
    let desk = Desk::new(script(&gate));
    let gateway = desk.open();
    desk.say("start: abc");
    until("three agents at work", || (asked(&desk.server).len() == 3).then_some(()));
    gateway.kill9();
    let before = asked(&desk.server);
    assert_eq!(before.values().sum::<usize>(), 3);
    let gateway = desk.open();
    until("the agents to be taken up again", || {
        (asked(&desk.server).values().sum::<usize>() == 6).then_some(())
    });
    gate.open();
    desk.hears("summary: a b c");
    gateway.stop();
    assert_eq!(states(&desk.home), ["done"; 3], "no agent was started twice");
    let summaries = desk.telegram.texts(it::OWNER).iter().filter(|text| text.contains("summary")).count();
    assert_eq!(summaries, 1);
}

#[test]
fn a_stop_ends_a_parent_that_waits_and_all_its_agents() {
    let desk = Desk::new(script(&Gate::new()));
    let gateway = desk.open();
    desk.say("start: abc");
    until("three agents at work", || (asked(&desk.server).len() == 3).then_some(()));
    desk.say("/stop");
    desk.server.wait_for_abandoned(3, PATIENCE).unwrap();
    desk.hears("Stopped.");
    until("the agents' ends", || (states(&desk.home) == ["stopped"; 3]).then_some(()));
    desk.say("hello");
    desk.hears("summary:");
    gateway.stop();
    let requests = desk.server.requests();
    assert!(
        !requests.iter().any(|request| said(request, "has ended: stopped")),
        "nobody asked to hear of it"
    );
}

#[test]
fn an_agent_that_starts_itself_ends_at_the_depth_limit() {
    let server = ModelServer::start(Script::by(|request, _| {
        let results = request.tool_results();
        match results.first() {
            None if request.tools().contains(&"spawn_agent") && !said(request, "has ended") => {
                Reply::tool("spawn_agent", json!({"task": "again", "name": "again"}))
            }
            Some((_, text)) if text.contains("Started") => Reply::tool("wait_agent", json!({})),
            Some((_, text)) if text.contains("limit") => Reply::text("refused at the limit"),
            _ => Reply::text("done"),
        }
    }));
    let home = Setup::of(&server).more("[agents]\ndepth = 2").home();
    drop(say(&home, "default", "again").with_code(0));
    let all = agents(&home);
    assert_eq!(all.len(), 2, "{all:#?}");
    let refused = server.requests().iter().any(|request| {
        request
            .tool_results()
            .iter()
            .any(|(_, text)| text.contains("agents.depth") && text.contains("limit reached"))
    });
    assert!(refused, "the model is told why");
}

/// Whether a message of the user says this.
fn said(request: &Request, text: &str) -> bool {
    request.messages().iter().any(|message| message["role"] == "user" && message.to_string().contains(text))
}

#[test]
fn voters_that_never_agree_end_with_a_result_that_says_so() {
    let server = ModelServer::start(Script::by(|request, n| {
        let text = request.last_user_text().unwrap_or_default();
        let results = request.tool_results();
        if text.starts_with("How many") {
            return Reply::text(&format!("{n}"));
        }
        if said(request, "is undecided") {
            return Reply::text("They could not agree.");
        }
        match results.first() {
            None if text == "go" => Reply::tool(
                "start_pipeline",
                json!({"steps": ["How many?"], "ahead": 2, "voters": 4, "name": "count"}),
            ),
            _ => Reply::tool("wait_agent", json!({})),
        }
    }));
    let home = Setup::of(&server).home();
    let answer = say(&home, "default", "go").with_code(0);
    assert!(answer.out.contains("They could not agree."), "{answer}");
    let votes = server
        .requests()
        .iter()
        .filter(|r| r.last_user_text().is_some_and(|t| t.starts_with("How many")))
        .count();
    assert_eq!(votes, 4);
    let mut found = states(&home);
    found.sort();
    assert_eq!(found, ["done", "done", "done", "done", "failed"], "the pipeline failed, its voters did not");
}

#[test]
fn a_limit_that_an_agent_hits_is_named_and_never_called_done() {
    let server = ModelServer::start(Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        match request.tool_results().first() {
            _ if text == "dig" => Reply::tool("current_datetime", json!({})),
            None if text == "go" => Reply::tool("spawn_agent", json!({"task": "dig", "name": "digger"})),
            Some((_, text)) if text.contains("Started") => Reply::tool("wait_agent", json!({})),
            _ if said(request, "limit reached: 2 model calls") => Reply::text("It ran out of calls."),
            _ => Reply::text("It is done."),
        }
    }));
    let home = Setup::of(&server).more("[agents]\nmodel_calls = 2").home();
    let answer = say(&home, "default", "go").with_code(0);
    assert!(answer.out.contains("It ran out of calls."), "{answer}");
    assert_eq!(states(&home), ["failed"]);
}

#[test]
fn a_profile_narrows_an_agent_and_a_broken_one_stops_no_other() {
    let server = ModelServer::start(Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        let results = request.tool_results();
        match results.first() {
            _ if text == "read" => Reply::text(&format!("tools: {}", request.tools().join(" "))),
            None if text == "go" => {
                let task = |profile: &str| json!({"task": "read", "profile": profile});
                Reply::tool("spawn_agent", task("reader")).and_tool("spawn_agent", task("broken"))
            }
            Some(_) if results.len() == 2 => Reply::tool("wait_agent", json!({})),
            _ => Reply::text("over"),
        }
    }));
    let home = Setup::of(&server).home();
    home.write("factotum/workspace/profiles/reader.yaml", "prompt: Read aloud.\ntools: [grep, read_file]\n");
    home.write("factotum/workspace/profiles/broken.yaml", "promt: x\ntools: [gerp]\n");
    drop(say(&home, "default", "go").with_code(0));
    let requests = server.requests();
    let child = requests.iter().find(|request| request.last_user_text().as_deref() == Some("read")).unwrap();
    assert_eq!(child.tools(), ["grep", "read_file"]);
    assert!(child.messages()[0].to_string().contains("Read aloud."));
    let told = requests
        .iter()
        .flat_map(|r| r.tool_results())
        .any(|(_, text)| text.contains("did you mean `prompt`?"));
    assert!(told, "the model is told what is wrong with the other");
    let checked = run(home.command().args(["profiles", "check"]));
    assert!(checked.code != Some(0) && checked.err.contains("broken.yaml"), "{checked}");
    let list = run(home.command().args(["profiles", "list"])).with_code(0).out;
    assert!(list.contains("reader:") && list.contains("broken: cannot be used"), "{list}");
    let shown = run(home.command().args(["profiles", "show", "reader"])).with_code(0).out;
    assert!(shown.contains("tools: grep, read_file"), "{shown}");
    assert!(
        run(home.command().args(["profiles", "show", "nobody"])).all().contains("there are: broken, reader")
    );
}
