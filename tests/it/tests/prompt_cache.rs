//! What vendors keep of a request for the next one: everything before its newest message, as long as not a byte of it changes.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::ops::Range;

use it::{PATIENCE, Setup, history, say, valid};
use serde_json::json;
use servers::{ModelServer, Reply, Request, Script};

const KINDS: [&str; 3] = ["openai", "anthropic", "openai-responses"];

/// Where a cache may end, which moves on with every request and is no part of what is cached.
const MARK: &str = r#","cache_control":{"type":"ephemeral"}"#;

/// The request as it was written.
fn text(request: &Request) -> String {
    String::from_utf8(request.raw.to_vec()).unwrap().replace(MARK, "")
}

/// Where each message of the conversation stands: the objects of the one array that holds it.
fn messages(text: &str) -> Vec<Range<usize>> {
    let opening = ["\"messages\":[", "\"input\":["].iter().find_map(|key| Some(text.find(key)? + key.len()));
    let (mut found, mut begin) = (Vec::new(), opening.unwrap());
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate().skip(begin) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                if depth == 0 {
                    begin = at;
                }
                depth += 1;
            }
            b']' if depth == 0 => break,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    found.push(begin..at + 1);
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_bytes_before_the_newest_message_stay_the_same_from_turn_to_turn() {
    for kind in KINDS {
        let server = ModelServer::start(Script::by(|request, _| {
            if request.tool_results().is_empty() {
                Reply::tool("calculate_expression", json!({"expression": "1+1"}))
            } else {
                Reply::text("two")
            }
        }));
        let setup = Setup::of(&server).provider("api_key = \"a-key-of-the-tests\"").exec().text();
        let home = Setup::of(&server).home();
        home.write("factotum/config.toml", setup.replace("kind = \"openai\"", &format!("kind = \"{kind}\"")));
        for word in ["w-one", "w-two", "w-three"] {
            say(&home, "default", word).ends(0);
        }
        let requests = server.wait_for_requests(6, PATIENCE).unwrap();
        for pair in requests.windows(2) {
            let (before, after) = (text(&pair[0]), text(&pair[1]));
            let (old, new) = (messages(&before), messages(&after));
            assert!(new.len() > old.len(), "{kind}: {before}\n{after}");
            let begins = old.last().unwrap().start;
            assert!(begins > 1000, "{kind}: the newest message stands behind the prompt");
            assert!(before[..begins] == after[..begins], "{kind}: the first {begins} bytes changed");
            // Tools that are written behind the conversation belong to what is kept too.
            let behind = (&before[old.last().unwrap().end..], &after[new.last().unwrap().end..]);
            assert_eq!(behind.0, behind.1, "{kind}: what stands behind the conversation changed");
        }
        if kind == "openai" {
            requests.iter().for_each(valid);
        }
        assert_eq!(history(&home, "default").count("w-"), 3, "{kind}");
    }
}
