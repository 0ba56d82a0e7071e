//! The webhook: what proves a request, and when it is answered.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use agent_core::{HookRequest, HookResponse};
use serde_json::{Value, json};
use servers::telegram::{FakeTelegram, Say};

use crate::rig::{FRIEND, Rig, SOON, STRANGER, channel, texts};

const SECRET: &str = "a-secret-of-some-length";
const HEADER: &str = "x-telegram-bot-api-secret-token";

fn hooked(url: &str) -> Rig {
    Rig::with(json!({"webhook_url": url, "webhook_secret": SECRET}))
}

fn request(secret: Option<&str>, body: &str) -> HookRequest {
    let headers = secret.map(|secret| (HEADER.to_owned(), secret.to_owned())).into_iter().collect();
    HookRequest { headers, body: body.to_owned().into() }
}

fn message(update: u64, text: &str) -> String {
    json!({"update_id": update, "message": {"message_id": update, "date": 1, "text": text,
        "from": {"id": FRIEND, "first_name": "Ann"}, "chat": {"id": FRIEND, "type": "private"}}})
    .to_string()
}

#[tokio::test]
async fn only_the_right_secret_gets_anything_in_and_a_replay_is_taken_once() {
    let rig = hooked("https://example.com/hook").connected().await;
    let inlet = rig.inlet();
    for secret in [
        None,
        Some(""),
        Some("a-secret-of-some-lengtx"),
        Some("a-secret-of-some-length "),
        Some("A-SECRET-OF-SOME-LENGTH"),
    ] {
        // Neither good nor broken bodies are looked at.
        for body in [message(1, "forged"), "{".to_owned()] {
            let answer = rig.channel.hook(&inlet, request(secret, &body)).await;
            assert_eq!(answer, HookResponse::status(401), "{secret:?}");
        }
    }
    assert!(rig.inbox().await.is_empty());
    for _ in 0..3 {
        assert_eq!(rig.channel.hook(&inlet, request(Some(SECRET), &message(1, "real"))).await.status, 200);
    }
    assert_eq!(texts(&rig.inbox().await), ["real"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_taken_off_telegrams_hands() {
    let rig = hooked("https://example.com/hook").connected().await;
    for body in ["", "{", "[]", "{}", r#"{"update_id":1,"message":7}"#, r#"{"update_id":2,"new_kind":{}}"#] {
        let answer = rig.channel.hook(&rig.inlet(), request(Some(SECRET), body)).await;
        assert_eq!(answer.status, 200, "{body}");
    }
    assert!(rig.inbox().await.is_empty());
}

#[tokio::test]
async fn without_a_webhook_there_is_no_such_path() {
    let rig = Rig::new().connected().await;
    assert_eq!(rig.channel.hook(&rig.inlet(), request(Some(SECRET), &message(1, "x"))).await.status, 404);
}

#[tokio::test]
async fn connecting_sets_the_webhook_and_running_waits_for_the_stop() {
    let rig = hooked("https://example.com/hook").connected().await;
    let expected = ("https://example.com/hook".to_owned(), Some(SECRET.to_owned()));
    assert_eq!(rig.telegram.webhook(), Some(expected));
    assert_eq!(rig.telegram.allowed_updates(), json!(["message", "edited_message", "callback_query"]));
    rig.run().stop().await.unwrap();
    assert!(rig.telegram.calls("getUpdates").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn telegram_delivers_again_until_it_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/telegram", listener.local_addr().unwrap());
    let rig = Arc::new(hooked(&url).connected().await);
    let bridge = Arc::clone(&rig);
    let handle = tokio::runtime::Handle::current();
    // Answers the first request with 503, as when the store is full, and passes all others on. Ends with the fake, whose
    // last connection is refused.
    let thread = std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let Some(request) = read(&stream) else { return };
            let answer = match n {
                0 => HookResponse::status(503),
                _ => handle.block_on(bridge.channel.hook(&bridge.inlet(), request)),
            };
            write!(stream, "HTTP/1.1 {} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", answer.status)
                .unwrap();
        }
    });
    let updates = rig.telegram.say_all([
        Say::private(FRIEND, "one"),
        Say::private(STRANGER, "no"),
        Say::private(FRIEND, "two").photo("x"),
    ]);
    rig.acknowledged(updates[2]).await;
    let forged: Value = serde_json::from_str(&message(77, "forged")).unwrap();
    assert_eq!(FakeTelegram::forge(&url, Some("wrong"), &forged).await.unwrap(), 401);
    assert_eq!(FakeTelegram::forge(&url, None, &forged).await.unwrap(), 401);
    let rows = rig.inbox().await;
    assert_eq!(texts(&rows), ["one", "two"]);
    assert_eq!(rows[1].inbound.parts.len(), 2);
    let statuses: Vec<Option<u16>> =
        rig.telegram.hook_attempts().iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(503), Some(200), Some(200), Some(200)]);
    // A connection without a request ends the bridge.
    drop(TcpStream::connect(url.trim_start_matches("http://").split('/').next().unwrap()).unwrap());
    tokio::time::timeout(SOON, tokio::task::spawn_blocking(|| thread.join().unwrap()))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn polling_after_a_webhook_knows_what_came_through_it() {
    let mut rig = hooked("http://127.0.0.1:9/x").connected().await;
    let update = rig.telegram.say(Say::private(FRIEND, "once"));
    let body = message(u64::try_from(update).unwrap(), "once");
    assert_eq!(rig.channel.hook(&rig.inlet(), request(Some(SECRET), &body)).await.status, 200);
    assert_eq!(texts(&rig.inbox().await), ["once"]);
    rig.channel = channel(&rig.telegram, &rig.stores, json!({}));
    let rig = rig.connected().await;
    assert!(rig.take_until(update).await.is_empty());
}

/// One HTTP request; `None` where the connection closes without one.
fn read(stream: &TcpStream) -> Option<HookRequest> {
    let mut reader = BufReader::new(stream);
    let (mut headers, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some((name, value)) = line.split_once(": ") {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        line.clear();
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(HookRequest { headers, body: body.into() })
}
