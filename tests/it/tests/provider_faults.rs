//! Model servers that refuse, hang, break off, or send nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use it::{Output, Setup, dead_letters, history, run, say, valid, words};
use serde_json::Value;
use servers::{End, ModelServer, Reply, Request, Script, TempHome, entries, refused_url};

/// Ill until it is told to be well; then it answers every message. Results of tools are always answered.
fn ill(reply: Reply) -> (ModelServer, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let server = ModelServer::start(Script::by(move |request, _| {
        let word = words(request).last().cloned().unwrap_or_default();
        if is_well.load(Ordering::SeqCst) || !request.tool_results().is_empty() {
            Reply::text(&format!("answer to {word}"))
        } else {
            reply.clone()
        }
    }));
    (server, well)
}

/// What the product promises after a message that got no answer: told once and clearly, kept, and answered when tried
/// again with the server well.
fn kept_and_tried_again(home: &TempHome, failed: &Output, make_well: &dyn Fn()) {
    assert!(failed.code == Some(69), "{failed}");
    assert!(!failed.all().contains("panicked"), "{failed}");
    assert!(failed.err.trim().lines().count() <= 2, "told once, in a sentence and the way out: {failed}");
    assert_eq!(failed.all().matches("I could not answer").count(), 1, "told once: {failed}");
    assert!(failed.all().contains("`test`") && failed.all().contains("dead-letters retry"), "{failed}");
    let letters = dead_letters(home);
    assert_eq!(letters.len(), 1, "{letters:?}");
    let id = letters[0]["id"].as_str().unwrap_or_default();
    assert!(failed.all().contains(id), "the id is named: {failed}");
    let shown = run(home.command().args(["dead-letters", "show", id])).with_code(0);
    assert!(shown.out.contains("w-ill"), "{shown}");
    let doctor = run(home.command().arg("doctor"));
    assert!(doctor.all().contains("dead-letters"), "{doctor}");

    make_well();
    let next = say(home, "default", "w-next").with_code(0);
    assert!(next.out.contains("answer to w-next"), "{next}");
    let again = run(home.command().args(["dead-letters", "retry", id])).with_code(0);
    assert!(again.out.contains("answer to w-ill"), "{again}");
    assert!(dead_letters(home).is_empty());
    let history = history(home, "default");
    assert_eq!((history.count("w-ill"), history.count("w-next")), (1, 1), "{history:?}");
}

fn short(server: &ModelServer) -> Setup {
    Setup::of(server).provider("idle_timeout_seconds = 1")
}

#[test]
fn faults_of_a_server_are_told_once_and_the_message_is_kept() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"half of an answer\"}}]}\n\n";
    for (what, reply, part) in [
        ("hangs", Reply::raw::<&str>([], End::Hang), "1 s"),
        ("hangs in the middle", Reply::raw([stream], End::Hang), "1 s"),
        ("breaks off at once", Reply::raw::<&str>([], End::Cut), ""),
        ("breaks off in the middle", Reply::raw([stream], End::Cut), ""),
        ("resets", Reply::raw([stream], End::Reset), ""),
        ("sends nonsense", Reply::raw(["data: \u{fffd}{]\n\n", "data: [DONE]\n\n"], End::Close), ""),
        ("sends bytes", Reply::raw([b"\xff\xfe\x00\x01garbage".as_slice(), b"\n\n"], End::Close), ""),
        ("sends a page", Reply::html(200, "<html><body>Welcome!</body></html>"), ""),
        ("sends nothing", Reply::raw::<&str>([], End::Close), ""),
        ("says 500", Reply::error(500, "something broke"), "500"),
        ("says 503 with a page", Reply::html(503, "<html><h1>Bad day</h1></html>"), "503"),
        ("says 429", Reply::rate_limited(3600), "429"),
        ("says 401", Reply::error(401, "bad key"), "key"),
        ("says 403", Reply::error(403, "not yours"), "403"),
        ("says 404", Reply::error(404, "no such model"), "scripted"),
        ("says 400", Reply::error(400, "odd request"), "odd request"),
        ("says 402", Reply::error(402, "pay first"), "credit"),
        (
            "has moved",
            Reply::status(301, "text/html", "moved").header("location", "http://127.0.0.1:9/v1"),
            "base_url",
        ),
    ] {
        let (server, well) = ill(reply);
        let home = short(&server).home();
        let failed = say(&home, "default", "w-ill");
        assert!(failed.all().contains(part), "{what}: {part} is missing: {failed}");
        kept_and_tried_again(&home, &failed, &|| well.store(true, Ordering::SeqCst));
        server.requests().iter().for_each(valid);
    }
}

#[test]
fn what_a_retry_cannot_mend_is_asked_once_and_the_rest_a_bounded_number_of_times() {
    for (reply, expected) in [
        (Reply::error(401, "bad key"), 1),
        (Reply::error(404, "no such model"), 1),
        (Reply::error(400, "odd"), 1),
        (Reply::rate_limited(3600), 1),
        (Reply::error(500, "broken"), 3),
        (Reply::rate_limited(0), 3),
    ] {
        let (server, _) = ill(reply);
        let home = Setup::of(&server).home();
        let failed = say(&home, "default", "w-ill").with_code(69);
        assert_eq!(server.requests().len(), expected, "{failed}");
    }
}

#[test]
fn a_server_that_recovers_while_it_is_asked_again_goes_unnoticed() {
    let server =
        ModelServer::start([Reply::error(503, "busy"), Reply::rate_limited(0), Reply::text("here I am")]);
    let home = Setup::of(&server).home();
    let answer = say(&home, "default", "hello").with_code(0);
    assert_eq!(answer.out.trim(), "here I am");
    assert!(dead_letters(&home).is_empty());
}

#[test]
fn a_server_that_refuses_connections_is_named() {
    let home = Setup::at(refused_url()).home();
    let failed = say(&home, "default", "w-ill");
    let (server, well) = ill(Reply::error(500, "never"));
    well.store(true, Ordering::SeqCst);
    assert!(failed.all().contains("127.0.0.1"), "{failed}");
    kept_and_tried_again(&home, &failed, &|| {
        home.write("factotum/config.toml", Setup::of(&server).text());
    });
}

#[test]
fn a_first_model_that_cannot_be_found_out_fails_like_any_other() {
    let server = ModelServer::with_models(Reply::text("hi"), &[]);
    let home = TempHome::new();
    let mut command = it::agent(&home, "default", "w-ill");
    let failed = run(command.env("OPENAI_API_KEY", "sk-x").env("OPENAI_BASE_URL", server.base_url()));
    assert!(matches!(failed.code, Some(69 | 78)), "{failed}");
    assert!(failed.err.contains("no models"), "{failed}");
    let kept = dead_letters(&home).len();
    assert_eq!(failed.all().contains("is kept"), kept == 1, "{failed}");
}

#[test]
fn dead_letters_can_be_given_up() {
    let (server, _) = ill(Reply::error(401, "bad key"));
    let home = Setup::of(&server).home();
    say(&home, "default", "w-ill").ends(69);
    let letters = dead_letters(&home);
    let id = letters[0]["id"].as_str().unwrap_or_default();
    let failed = run(home.command().args(["dead-letters", "retry", id])).with_code(69);
    assert!(failed.all().contains("could not answer"), "a second failure is told as the first: {failed}");
    assert_eq!(dead_letters(&home).len(), 1);
    run(home.command().args(["dead-letters", "drop", id])).ends(0);
    assert!(dead_letters(&home).is_empty());
    run(home.command().args(["dead-letters", "drop", id])).ends(66);
}

#[test]
fn every_entry_of_the_corpus_of_streams_ends_as_it_says() {
    let entries = entries("malformed_sse");
    if entries.is_empty() {
        return it::skip("there is no corpus malformed_sse here");
    }
    for entry in entries.iter().filter(|entry| entry["input"]["api"] == "openai_chat") {
        check_entry(entry);
    }
}

fn check_entry(entry: &Value) {
    let what = format!("{} ({})", entry["id"], entry["why"]);
    let Some(reply) = Reply::of_corpus(&entry["input"]) else {
        return it::skip(&format!("{what}: an input that the server cannot play"));
    };
    let (server, well) = ill(reply);
    let home = short(&server).exec().home();
    let output = say(&home, "default", "w-ill");
    let outcome = entry["expect"]["outcome"].as_str().unwrap_or_default();
    let codes: &[i32] = match outcome {
        "retry_then_error" | "error_no_retry" | "error_timeout" | "error" => &[69],
        "ok" | "tool_error_to_model" => &[0],
        // What is documented is one of both.
        _ => &[0, 69],
    };
    assert!(output.code.is_some_and(|code| codes.contains(&code)), "{what}, {outcome}: {output}");
    assert!(!output.all().contains("panicked"), "{what}: {output}");
    if outcome == "error_no_retry" {
        assert_eq!(server.requests().len(), 1, "{what}");
    }
    if outcome == "tool_error_to_model" {
        let requests = server.requests();
        let results = requests.last().map(Request::tool_results).unwrap_or_default();
        assert!(!results.is_empty(), "{what}: {output}");
        assert_eq!(history(&home, "default").parts("tool_result")[0]["status"], "error", "{what}");
    }
    if output.code == Some(69) {
        kept_and_tried_again(&home, &output, &|| well.store(true, Ordering::SeqCst));
    } else {
        assert!(dead_letters(&home).is_empty(), "{what}: {output}");
        well.store(true, Ordering::SeqCst);
        let next = say(&home, "default", "w-next").with_code(0);
        assert!(next.out.contains("answer to w-next"), "{what}: {next}");
    }
    server.requests().iter().for_each(valid);
}
