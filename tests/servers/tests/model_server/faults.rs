//! Cuts, resets, holds and hangs, and seeing what the client does about them.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use servers::{End, Gate, Hold, ModelServer, Reply, Script, entries, refused_url};

use crate::client::{DEADLINE, ask, dechunk, plain, receive, send, streamed};

#[test]
fn raw_bytes_arrive_as_given_and_end_as_told() {
    let chunks: [&[u8]; 3] = [b"data: {\"a\"", b"\xff\xfe", b"\r\n"];
    let whole = chunks.concat();
    let server = ModelServer::start([
        Reply::raw(chunks, End::Close),
        Reply::raw(chunks, End::Cut),
        Reply::raw(chunks, End::Reset),
        Reply::raw::<&[u8]>([], End::Close),
    ]);
    let closed = ask(&server, &streamed());
    assert_eq!((&closed.body, closed.complete, closed.error), (&whole, true, None));
    let cut = ask(&server, &streamed());
    assert_eq!((&cut.body, cut.complete, cut.error), (&whole, false, None));
    let reset = ask(&server, &streamed());
    assert_eq!((reset.complete, reset.error), (false, Some(io::ErrorKind::ConnectionReset)));
    let empty = ask(&server, &streamed());
    assert_eq!((empty.body.len(), empty.complete), (0, true));
    assert_eq!(server.finished(), 4);
}

#[test]
fn a_message_can_be_cut_at_every_byte() {
    let whole = ask(&ModelServer::start(Reply::text("hello").in_deltas(2)), &streamed()).body;
    let server = ModelServer::start(Script::by(|_, n| Reply::text("hello").in_deltas(2).cut_at(n, End::Cut)));
    // Every envelope holds the number of its request, so only the length can be compared.
    for at in 0..whole.len() {
        let cut = ask(&server, &streamed());
        assert_eq!(cut.body.len(), at);
        assert!(!cut.complete);
    }
}

#[test]
fn a_large_body_is_cut_where_it_should_be() {
    let big = vec![b'x'; 300_000];
    let server = ModelServer::start(Reply::raw([&big, &big], End::Cut));
    let answer = ask(&server, &streamed());
    assert_eq!((answer.body.len(), answer.complete), (600_000, false));
}

#[test]
fn a_held_reply_waits_for_its_gate_and_the_test_for_the_request() {
    let gate = Gate::new();
    let server = ModelServer::start(Reply::text("x").held_by(&gate));
    let stream = send(&server, "POST", "/v1/chat/completions", &plain().to_string());
    assert_eq!(server.wait_for_requests(1, DEADLINE).unwrap().len(), 1);
    assert_eq!(server.finished(), 0);
    assert!(!gate.is_open());
    gate.open();
    assert_eq!(receive(stream).status, 200);
}

#[test]
fn a_reply_can_be_held_in_the_middle() {
    let gate = Gate::new();
    let reply =
        Reply::raw(["data: 1\n\n", "data: 2\n\n"], End::Close).hold_after(1, Hold::Until(gate.clone()));
    let server = ModelServer::start(reply);
    let mut stream = send(&server, "POST", "/v1/chat/completions", &streamed().to_string());
    let mut seen = Vec::new();
    while !seen.ends_with(b"data: 1\n\n\r\n") {
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    gate.open();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(dechunk(&rest), (b"data: 2\n\n".to_vec(), true));
}

#[test]
fn a_client_that_goes_away_is_noticed_before_and_within_the_answer() {
    let server =
        ModelServer::start([Reply::text("x").held_by(&Gate::new()), Reply::raw(["data: 1\n\n"], End::Hang)]);
    for n in 1..=2 {
        let stream = send(&server, "POST", "/v1/chat/completions", &streamed().to_string());
        server.wait_for_requests(n, DEADLINE).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
        drop(stream);
        server.wait_for_abandoned(n, DEADLINE).unwrap();
    }
    assert_eq!(server.finished(), 0);
}

#[test]
fn dropping_the_server_ends_what_hangs_and_frees_the_port() {
    let server = ModelServer::start(Reply::raw(["data: 1\n\n"], End::Hang));
    let address = server.address();
    let stream = send(&server, "POST", "/v1/chat/completions", &streamed().to_string());
    server.wait_for_requests(1, DEADLINE).unwrap();
    let (sender, received) = mpsc::channel();
    let reader = std::thread::spawn(move || sender.send(receive(stream).complete).unwrap());
    drop(server);
    assert!(!received.recv_timeout(DEADLINE).unwrap());
    reader.join().unwrap();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn waiting_for_more_than_comes_says_how_much_came() {
    let server = ModelServer::start(Reply::text("x"));
    let error = server.wait_for_requests(2, Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.to_string(), "waited 1ms for 2 requests, saw 0");
}

#[test]
fn a_refusing_url_refuses() {
    let url = refused_url();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn every_entry_of_the_sse_corpus_can_be_played() {
    let entries = entries("malformed_sse");
    if entries.is_empty() {
        eprintln!("SKIPPED: the corpus malformed_sse is not here");
        return;
    }
    for entry in entries {
        let reply = Reply::of_corpus(&entry["input"]).unwrap();
        if entry["input"]["end"] == "hang" {
            continue;
        }
        let answer = ask(&ModelServer::start(reply), &streamed());
        let chunks: String =
            entry["input"]["chunks"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(
            u64::from(answer.status),
            entry["input"]["status"].as_u64().unwrap_or(200),
            "{}",
            entry["id"]
        );
        assert_eq!(String::from_utf8(answer.body).unwrap(), chunks, "{}", entry["id"]);
    }
}

#[tokio::test]
async fn an_asynchronous_test_can_wait_without_blocking() {
    let server = ModelServer::start(Reply::text("x").held_by(&Gate::new()));
    assert!(server.requests_arrived(1, Duration::from_millis(1)).await.is_err());
    let stream = send(&server, "POST", "/v1/chat/completions", &plain().to_string());
    assert_eq!(server.requests_arrived(1, DEADLINE).await.unwrap().len(), 1);
    drop(stream);
    server.answers_abandoned(1, DEADLINE).await.unwrap();
}
