//! What a chat is like: messages in a running turn, voice, pictures, files, answers that grow.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use it::{Desk, PATIENCE, sound, valid, words};
use serde_json::json;
use servers::telegram::Say;
use servers::whisper::{Heard, WhisperServer};
use servers::{Gate, Reply, Request, Script};

fn newest(request: &Request) -> String {
    words(request).last().cloned().unwrap_or_default()
}

fn echo() -> Script {
    Script::by(|request, _| Reply::text(&format!("answer to {}", newest(request))))
}

/// Waits for a file with a tool, then answers every marked word of the conversation.
fn working(desk_root: &str) -> Script {
    let line = format!("n=0; while [ ! -e {desk_root} ] && [ $n -lt 400 ]; do n=$((n+1)); sleep 0.05; done");
    Script::by(move |request, _| {
        if request.tool_results().is_empty() && newest(request) == "w-one" {
            return Reply::tool("exec", json!({"command": line}));
        }
        let said: Vec<String> = request
            .messages()
            .iter()
            .filter(|message| message["role"] == "user")
            .map(|message| message["content"].to_string())
            .flat_map(|text| text.split(['"', ' ', '\\', '\n']).map(str::to_owned).collect::<Vec<_>>())
            .filter(|word| word.starts_with("w-"))
            .collect();
        Reply::text(&format!("answer to {}", said.join(" ")))
    })
}

/// A file that a tool waits for.
fn gate_file() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gate").display().to_string();
    (dir, path)
}

/// Says a second thing while a tool of the first one's turn runs, waits for the last answer and ends the gateway. `busy` is
/// what the channel is told to do with it.
fn second_while_the_first_runs(busy: &str) -> Desk {
    let (_dir, gate) = gate_file();
    let desk = Desk::new(working(&gate)).channel(&format!("busy = \"{busy}\""));
    let gateway = desk.open();
    desk.say("w-one");
    desk.server.wait_for_requests(1, PATIENCE).unwrap();
    let second = desk.say("w-two");
    desk.telegram.wait_for("the second", PATIENCE, |seen| seen.acknowledged(second)).unwrap();
    std::fs::write(&gate, "").unwrap();
    desk.hears("answer to w-one w-two");
    gateway.stop();
    desk
}

#[test]
fn a_message_in_a_running_turn_joins_it_at_the_next_tool_call() {
    let desk = second_while_the_first_runs("steer");
    assert_eq!(desk.telegram.texts(5).len(), 1, "{:?}", desk.telegram.texts(5));
    assert_eq!(desk.server.requests().len(), 2);
    desk.server.requests().iter().for_each(valid);
    sound(&desk.home);
}

#[test]
fn a_message_in_a_running_turn_waits_for_its_own_where_that_is_wanted() {
    let desk = second_while_the_first_runs("queue");
    let texts = desk.telegram.texts(5);
    assert_eq!(texts, ["answer to w-one", "answer to w-one w-two"]);
    sound(&desk.home);
}

#[test]
fn a_message_ends_the_running_turn_where_that_is_wanted() {
    let never = Gate::new();
    let desk = Desk::new(Script::by(move |request, _| {
        let reply = Reply::text(&format!("answer to {}", newest(request)));
        if newest(request) == "w-one" { reply.held_by(&never) } else { reply }
    }))
    .channel("busy = \"interrupt\"");
    let gateway = desk.open();
    desk.say("w-one");
    desk.server.wait_for_requests(1, PATIENCE).unwrap();
    desk.say("w-two");
    desk.hears("answer to w-two");
    desk.server.wait_for_abandoned(1, PATIENCE).unwrap();
    gateway.stop();
    desk.server.requests().iter().for_each(valid);
    sound(&desk.home);
}

#[test]
fn two_quick_messages_become_one_turn_and_commands_of_others_do_not_wait_for_it() {
    let desk = Desk::new(echo()).channel("coalesce_ms = 3000\nallow = [\"5\", \"6\"]");
    let gateway = desk.open();
    desk.telegram.say_all([Say::private(5, "w-one"), Say::private(5, "w-two"), Say::private(6, "/status")]);
    drop(desk.heard_in(6, "Model: test/scripted"));
    assert!(desk.server.requests().is_empty(), "the first chat still waits for more");
    desk.hears("answer to w-two");
    gateway.stop();
    let requests = desk.server.requests();
    assert_eq!(requests.len(), 1, "one turn");
    let said = requests[0].body["messages"].to_string();
    assert!(said.contains("w-one") && said.contains("w-two") && said.contains("[+"), "{said}");
    assert_eq!(desk.telegram.texts(5), ["answer to w-two"]);
    sound(&desk.home);
}

#[test]
fn a_voice_note_is_heard() {
    let whisper = WhisperServer::start([Heard::text("w-spoken what time is it")]);
    let desk = Desk::new(echo()).more(&format!(
        "[transcription]\nenabled = true\nbase_url = \"{}\"\napi_key = \"a-key-of-the-tests\"",
        whisper.base_url()
    ));
    let gateway = desk.open();
    desk.telegram.say(Say::private(5, "").voice(b"OggS some sound".to_vec()));
    desk.hears("answer to w-spoken");
    gateway.stop();
    assert_eq!(whisper.requests()[0].file.as_ref().unwrap().bytes, b"OggS some sound");
    sound(&desk.home);
}

#[test]
fn a_picture_reaches_the_model() {
    const PNG: &[u8] = &[
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0,
        0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89,
    ];
    let desk = Desk::new(echo());
    let gateway = desk.open();
    desk.telegram.say(Say::private(5, "w-picture").photo(PNG.to_vec()));
    desk.hears("answer to w-picture");
    gateway.stop();
    let body = desk.server.requests()[0].body.to_string();
    assert!(body.contains("image_url") && body.contains(";base64,"), "{body}");
    sound(&desk.home);
}

#[test]
fn an_answer_is_shown_while_it_is_written_and_ends_as_one_message() {
    let gate = Gate::new();
    let held = servers::Hold::Until(gate.clone());
    let desk = Desk::new(Script::by(move |_, _| {
        Reply::deltas(["Once upon a time ", "there was ", "an end."]).hold_after(2, held.clone())
    }));
    let gateway = desk.open();
    desk.say("w-tell");
    let draft = desk.heard("Once upon a time");
    assert!(!draft.contains("an end"), "{draft}");
    gate.open();
    desk.hears("Once upon a time there was an end.");
    gateway.stop();
    let shown = desk.telegram.shown(5);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].edits > 0, "{shown:?}");
    sound(&desk.home);
}

#[test]
fn a_file_is_sent_before_the_answer() {
    let desk = Desk::new(Script::by(|request, _| match () {
        () if request.tool_results().is_empty() => {
            Reply::tool("write_file", json!({"path": "out/report.txt", "content": "all is well"}))
        }
        () if !request.body["messages"].to_string().contains("here it is") => {
            Reply::tool("message", json!({"text": "here it is", "files": ["out/report.txt"]}))
        }
        () => Reply::text("That was the report."),
    }));
    let gateway = desk.open();
    desk.say("w-report");
    desk.hears("That was the report.");
    gateway.stop();
    let shown = desk.telegram.shown(5);
    let file = shown.iter().find_map(|shown| shown.file.clone()).unwrap();
    assert_eq!((file.name.as_str(), &file.bytes[..]), ("report.txt", &b"all is well"[..]));
    let texts: Vec<&str> = shown.iter().map(|shown| shown.text.as_str()).collect();
    assert!(texts.last().unwrap().contains("That was the report."), "{texts:?}");
    assert!(texts.iter().filter(|text| text.contains("here it is")).count() == 1, "{texts:?}");
    sound(&desk.home);
}
