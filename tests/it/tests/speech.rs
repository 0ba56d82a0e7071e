//! Voice messages: what the assistant says is read aloud by a server and goes out as a recording, once.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use it::{Desk, Setup, run, say, sound};
use serde_json::{Value, json};
use servers::{ModelServer, Reply, Script};

const SOUND: &[u8] = b"OggS good morning";

/// A server that reads one text aloud: its base URL, and what it was asked.
fn speech_server() -> (String, JoinHandle<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("POST /v1/audio/speech "), "{line}");
        while line.trim() != "" || length == 0 {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: audio/ogg\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            SOUND.len()
        );
        stream.write_all(&[head.as_bytes(), SOUND].concat()).unwrap();
        serde_json::from_slice(&body).unwrap()
    };
    (url, std::thread::spawn(serve))
}

fn speech(url: &str) -> String {
    format!(
        "[speech]\nenabled = true\nbase_url = \"{url}\"\napi_key = \"a-key-of-the-tests\"\nvoice = \"nova\""
    )
}

fn speaking() -> Script {
    Script::by(|request, _| match request.tool_results().is_empty() {
        true => Reply::tool("speak", json!({"text": "Good morning."})),
        false => Reply::text("done"),
    })
}

#[test]
fn what_is_said_aloud_arrives_as_a_voice_message() {
    let (url, asked) = speech_server();
    let desk = Desk::new(speaking()).more(&speech(&url));
    let gateway = desk.open();
    desk.say("w-speak");
    desk.hears("done");
    gateway.stop();
    let body = asked.join().unwrap();
    assert_eq!((&body["input"], &body["voice"]), (&json!("Good morning."), &json!("nova")));
    let sent = desk.telegram.calls("sendVoice");
    assert_eq!(sent.len(), 1, "{sent:?}");
    sound(&desk.home);
}

#[test]
fn without_the_section_there_is_no_such_tool_and_on_the_command_line_the_model_is_told() {
    let quiet = ModelServer::start(Reply::text("hi"));
    let _ = say(&Setup::of(&quiet).home(), "default", "speak").with_code(0);
    assert!(!quiet.requests()[0].tools().contains(&"speak"));
    let server = ModelServer::start(speaking());
    let told = say(&Setup::of(&server).more(&speech("http://127.0.0.1:9/v1")).home(), "default", "speak");
    let _ = told.with_code(0);
    let last = server.requests().pop().unwrap();
    assert!(
        last.tool_results()[0].1.contains("nothing can be sent to a chat of the kind `cli`"),
        "{:?}",
        last.body
    );
}

#[test]
fn a_section_that_cannot_work_is_named() {
    let server = ModelServer::start(Reply::text("hi"));
    let home =
        Setup::of(&server).more(&format!("{}\nformat = \"vinyl\"", speech("http://127.0.0.1:9/v1"))).home();
    let refused = run(home.command().args(["agent", "-m", "hi"])).with_code(78);
    assert!(refused.err.contains("format"), "{refused}");
}
