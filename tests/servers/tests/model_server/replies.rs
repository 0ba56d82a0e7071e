//! Which reply follows which request, and its wire format.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use servers::{ModelServer, Reply, Script, Usage};

use crate::client::{Answer, DEADLINE, ask, plain, receive, send, streamed, with_tools};

#[test]
fn models_are_listed_and_other_paths_are_not_found() {
    let server = ModelServer::with_models(Reply::text("x"), &["a", "b"]);
    let list = receive(send(&server, "GET", "/v1/models", "")).json();
    assert_eq!((&list["data"][0]["id"], &list["data"][1]["id"]), (&json!("a"), &json!("b")));
    assert_eq!(receive(send(&server, "GET", "/v2/x", "")).status, 404);
    assert_eq!(server.other_requests().len(), 2);
    assert!(server.requests().is_empty());
}

#[test]
fn a_text_comes_whole_or_in_the_wanted_number_of_deltas() {
    let server = ModelServer::start(Reply::text("Grüße aus Köln").in_deltas(5).reasoning(["thin", "king"]));
    let whole = ask(&server, &plain()).json();
    assert_eq!(whole["choices"][0]["message"]["content"], "Grüße aus Köln");
    assert_eq!(whole["choices"][0]["message"]["reasoning_content"], "thinking");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["total_tokens"], 120);

    let stream = ask(&server, &streamed());
    assert!(stream.head.contains("content-type: text/event-stream"), "{}", stream.head);
    assert!(stream.complete);
    let deltas = stream.deltas("content");
    assert_eq!((deltas.len(), deltas.concat().as_str()), (5, "Grüße aus Köln"));
    assert_eq!(stream.deltas("reasoning_content"), ["thin", "king"]);
    assert_eq!(stream.events().last(), Some(&json!("[DONE]")));
}

#[test]
fn usage_is_streamed_only_when_asked_for() {
    let usage = Usage { prompt: 7, completion: 3, cached: 2 };
    let server = ModelServer::start(Reply::text("x").usage(usage));
    let counts = |answer: &Answer| answer.events().into_iter().find_map(|event| event.get("usage").cloned());
    assert_eq!(counts(&ask(&server, &streamed())), None);
    let mut body = streamed();
    body["stream_options"] = json!({"include_usage": true});
    let got = counts(&ask(&server, &body)).unwrap();
    assert_eq!((&got["prompt_tokens"], &got["total_tokens"]), (&json!(7), &json!(10)));
    assert_eq!(got["prompt_tokens_details"]["cached_tokens"], 2);
}

#[test]
fn parallel_calls_stream_their_arguments_in_pieces() {
    let reply = Reply::tool("read_file", json!({"path": "a.txt"}))
        .with_call_id("mine")
        .and_tool("list_dir", json!({"path": "."}))
        .arguments_in(3);
    let server = ModelServer::start(reply);
    let answer = ask(&server, &with_tools(&["read_file", "list_dir"]));
    let mut arguments = [String::new(), String::new()];
    let mut ids = Vec::new();
    for event in answer.events() {
        for call in event["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index].push_str(call["function"]["arguments"].as_str().unwrap());
            ids.extend(call["id"].as_str().map(str::to_owned));
        }
    }
    assert_eq!(arguments, [r#"{"path":"a.txt"}"#, r#"{"path":"."}"#]);
    assert_eq!(ids, ["mine", "call_0_1"]);
    let finish = answer
        .events()
        .iter()
        .rev()
        .find_map(|event| event["choices"][0]["finish_reason"].as_str().map(str::to_owned));
    assert_eq!(finish.as_deref(), Some("tool_calls"));
}

#[test]
fn a_call_that_the_request_does_not_offer_is_a_mistake_unless_it_is_meant() {
    let server =
        ModelServer::start([Reply::tool("exec", json!({})), Reply::tool("exec", json!({})).unoffered()]);
    let refused = ask(&server, &with_tools(&["read_file"]));
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["error"]["message"],
        "the script calls `exec`, but the request offers only [read_file]"
    );
    assert_eq!(ask(&server, &with_tools(&["read_file"])).status, 200);
}

#[test]
fn scripts_end_repeat_or_look_at_the_request() {
    let ended = ModelServer::start(Script::in_order([Reply::text("one")]));
    assert_eq!(ask(&ended, &plain()).status, 200);
    assert_eq!(ask(&ended, &plain()).status, 400);

    let repeating = ModelServer::start([Reply::text("one"), Reply::text("two")]);
    let texts: Vec<Value> =
        (0..3).map(|_| ask(&repeating, &plain()).json()["choices"][0]["message"]["content"].take()).collect();
    assert_eq!(texts, ["one", "two", "two"]);

    let by = ModelServer::start(Script::by(|request, n| {
        Reply::text(&format!("{n}: {}", request.last_user_text().unwrap_or_default()))
    }));
    assert_eq!(ask(&by, &plain()).json()["choices"][0]["message"]["content"], "0: hello");
}

#[test]
fn a_tool_call_is_followed_by_the_text_once_its_result_is_there() {
    let server = ModelServer::start(Script::tool_then_text("now", json!({}), "It is noon."));
    let mut body = with_tools(&["now"]);
    body["stream"] = false.into();
    for _ in 0..2 {
        assert_eq!(ask(&server, &body).json()["choices"][0]["finish_reason"], "tool_calls");
    }
    body["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "tool_calls": [{"id": "call_1_0"}]}),
        json!({"role": "tool", "tool_call_id": "call_1_0", "content": "12:00"}),
    ]);
    assert_eq!(ask(&server, &body).json()["choices"][0]["message"]["content"], "It is noon.");
    let last = server.requests().pop().unwrap();
    assert_eq!(last.tool_results(), [("call_1_0".to_owned(), "12:00".to_owned())]);
    assert_eq!(last.roles(), ["user", "assistant", "tool"]);
}

#[test]
fn everything_about_a_request_is_recorded() {
    let server = ModelServer::start(Reply::text("x"));
    ask(&server, &with_tools(&["a", "b"]));
    receive(send(&server, "POST", "/v1/chat/completions?x=1", "not json"));
    let requests = server.requests();
    assert_eq!((requests[0].n, requests[0].bearer(), requests[0].tools()), (0, Some("k"), vec!["a", "b"]));
    assert!(requests[0].wants_stream() && !requests[0].wants_usage());
    assert_eq!(
        (requests[1].n, requests[1].query.as_deref(), &requests[1].body),
        (1, Some("x=1"), &Value::Null)
    );
    assert_eq!(requests[1].raw, "not json");
}

#[test]
fn errors_carry_status_body_and_headers() {
    let server = ModelServer::start([
        Reply::rate_limited(3),
        Reply::html(502, "<h1>Bad Gateway</h1>"),
        Reply::error(401, "wrong key").header("x-request-id", "r1"),
        Reply::text("x").header("Content-Type", "text/plain"),
    ]);
    let limited = ask(&server, &streamed());
    assert_eq!(limited.status, 429);
    assert!(limited.head.contains("retry-after: 3"), "{}", limited.head);
    let page = ask(&server, &streamed());
    assert_eq!((page.status, page.body.as_slice()), (502, b"<h1>Bad Gateway</h1>".as_slice()));
    let denied = ask(&server, &plain());
    assert_eq!((denied.status, &denied.json()["error"]["message"]), (401, &json!("wrong key")));
    assert!(denied.head.contains("x-request-id: r1"), "{}", denied.head);
    let odd = ask(&server, &plain());
    assert!(odd.head.contains("content-type: text/plain") && !odd.head.contains("json"), "{}", odd.head);
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = ModelServer::start(Reply::text("x").in_deltas(1));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    for n in 1..=3 {
        let body = plain().to_string();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") || serde_json::from_slice::<Value>(tail(&seen)).is_err() {
            let mut byte = [0; 1];
            stream.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        assert_eq!(server.requests().len(), n);
    }
    assert_eq!(server.connections(), 1);
}

/// What stands after the head, as far as it has come.
fn tail(seen: &[u8]) -> &[u8] {
    seen.windows(4).position(|four| four == b"\r\n\r\n").map_or(&[], |end| &seen[end + 4..])
}
