//! The Events API: only what Slack signed is heard.

use agent_core::HookRequest;
use bytes::Bytes;
use serde_json::json;
use servers::slack::{FakeSlack, Say};

use crate::bench::{Bench, FRIEND, NOW, texts};

fn request(headers: Vec<(String, String)>, body: &[u8]) -> HookRequest {
    HookRequest { headers, body: Bytes::copy_from_slice(body) }
}

/// A message as a signed post.
fn message(bench: &Bench, text: &str) -> Vec<u8> {
    let say = Say::new("D1", FRIEND, text);
    let ts = bench.fake.place(&say);
    bench.fake.callback(&bench.fake.event("message", &say, &ts)).to_string().into_bytes()
}

fn with(mut headers: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    headers.retain(|(known, _)| known != name);
    headers.push((name.into(), value.into()));
    headers
}

#[tokio::test]
async fn a_signed_event_is_stored_before_it_is_answered() {
    let bench = Bench::new();
    let body = message(&bench, "hello");
    for _ in 0..2 {
        let answer = bench.channel.hook(&bench.inlet, request(bench.fake.signed(&body, NOW), &body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    let inbox = bench.inbox().await;
    assert_eq!(inbox.len(), 1, "posted twice, heard once");
    assert_eq!(texts(&inbox[0]), ["hello"]);
}

#[tokio::test]
async fn whatever_is_not_proven_gets_401_and_changes_nothing() {
    let bench = Bench::new();
    let body = message(&bench, "hello");
    let good = bench.fake.signed(&body, NOW);
    let mut altered = body.clone();
    altered.push(b' ');
    let signature =
        good.iter().find(|(name, _)| name == "x-slack-signature").expect("it is signed").1.clone();
    let mut wrong = signature.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for (what, headers, body) in [
        ("a wrong signature", with(good.clone(), "x-slack-signature", &wrong), &body),
        ("a short signature", with(good.clone(), "x-slack-signature", "v0=00"), &body),
        ("no hex", with(good.clone(), "x-slack-signature", "v0=zz"), &body),
        ("another version", with(good.clone(), "x-slack-signature", &signature.replace("v0", "v1")), &body),
        ("an altered body", good.clone(), &altered),
        ("another time", with(good.clone(), "x-slack-request-timestamp", &(NOW + 1).to_string()), &body),
        ("no time", with(good.clone(), "x-slack-request-timestamp", "now"), &body),
        ("an old time", bench.fake.signed(&body, NOW - 301), &body),
        ("a future time", bench.fake.signed(&body, NOW + 301), &body),
        ("no headers", Vec::new(), &body),
    ] {
        let answer = bench.channel.hook(&bench.inlet, request(headers, body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{what}");
    }
    assert!(bench.inbox().await.is_empty());
    for at in [NOW - 300, NOW + 300] {
        let answer = bench.channel.hook(&bench.inlet, request(bench.fake.signed(&body, at), &body)).await;
        assert_eq!(answer.status, 200, "five minutes are allowed");
    }
}

#[tokio::test]
async fn a_challenge_is_echoed_when_it_is_signed() {
    let bench = Bench::new();
    let body = json!({"type": "url_verification", "token": "x", "challenge": "3eZbrw1aB"}).to_string();
    let signed = bench.fake.signed(body.as_bytes(), NOW);
    let answer = bench.channel.hook(&bench.inlet, request(signed, body.as_bytes())).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "3eZbrw1aB"));
    let answer = bench.channel.hook(&bench.inlet, request(Vec::new(), body.as_bytes())).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, ""));
}

#[tokio::test]
async fn forms_bring_commands_and_buttons() {
    let bench = Bench::new();
    let slash = "command=%2Ffactotum&text=say+%22hi%22+%26+go&user_id=UFRIEND&channel_id=D1&trigger_id=t1";
    let pressed = "payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22UFRIEND%22%7D%2C%22\
        channel%22%3A%7B%22id%22%3A%22D2%22%7D%2C%22trigger_id%22%3A%22t2%22%2C%22actions%22%3A%5B%7B%22value%22%3A%22\
        %2Fhelp%22%7D%5D%7D";
    for body in [slash, pressed] {
        let signed = with(
            bench.fake.signed(body.as_bytes(), NOW),
            "content-type",
            "application/x-www-form-urlencoded",
        );
        let answer = bench.channel.hook(&bench.inlet, request(signed, body.as_bytes())).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    let inbox = bench.inbox().await;
    let mut heard: Vec<String> = inbox.iter().map(|row| texts(row).join(" ")).collect();
    heard.sort();
    assert_eq!(heard, ["/help", "say \"hi\" & go"]);
}

#[tokio::test]
async fn what_could_not_be_stored_is_asked_for_again() {
    let bench = Bench::new();
    bench.refuse(true);
    let body = message(&bench, "hello");
    let answer = bench.channel.hook(&bench.inlet, request(bench.fake.signed(&body, NOW), &body)).await;
    assert_eq!(answer.status, 503);
    bench.refuse(false);
    let answer = bench.channel.hook(&bench.inlet, request(bench.fake.signed(&body, NOW), &body)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(bench.inbox().await.len(), 1);
}

#[tokio::test]
async fn signed_nonsense_is_refused_and_signed_trifles_are_passed_over() {
    let bench = Bench::new();
    for (body, status) in [
        ("{", 400),
        ("[]", 400),
        (r#"{"type":"event_callback","event":{"type":"team_join"}}"#, 200),
        (r#"{"type":"event_callback"}"#, 200),
    ] {
        let signed = bench.fake.signed(body.as_bytes(), NOW);
        let answer = bench.channel.hook(&bench.inlet, request(signed, body.as_bytes())).await;
        assert_eq!(answer.status, status, "{body}");
    }
    assert!(bench.inbox().await.is_empty());
}

#[tokio::test]
async fn each_way_in_exists_only_with_its_secret() {
    let bench = Bench::over(FakeSlack::start(), |table| {
        table.as_object_mut().expect("a table").remove("signing_secret");
    });
    let body = message(&bench, "hello");
    let answer = bench.channel.hook(&bench.inlet, request(bench.fake.signed(&body, NOW), &body)).await;
    assert_eq!(answer.status, 404);
    let bench = Bench::over(FakeSlack::start(), |table| {
        table.as_object_mut().expect("a table").remove("app_token");
    });
    bench.channel.connect().await.expect("it connects");
    let run = bench.run();
    let body = message(&bench, "hello");
    let answer = bench.channel.hook(&bench.inlet, request(bench.fake.signed(&body, NOW), &body)).await;
    assert_eq!(answer.status, 200);
    bench.end(run).await;
    assert_eq!(bench.fake.read(|world| world.calls("apps.connections.open").len()), 0);
}
