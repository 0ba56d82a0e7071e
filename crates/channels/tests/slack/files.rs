//! Files that people share.

use std::time::Duration;

use serde_json::json;
use servers::slack::Say;
use session_api::Part;

use crate::bench::{Bench, FRIEND, STRANGER, texts};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot really";

#[tokio::test]
async fn a_private_file_is_fetched_with_the_token() {
    let bench = Bench::new();
    let image = bench.fake.add_file("../a cat.png", "image/png", PNG);
    let page = bench.fake.add_file("page.html", "text/html", b"<html>mine</html>");
    let run = bench.run();
    let say = Say::new("D1", FRIEND, "look").with_file(&image).with_file(&page);
    let (envelope, _) = bench.fake.say(&say);
    bench.acked(&envelope).await;
    bench.end(run).await;
    assert_eq!(bench.fake.read(|world| world.downloads().to_vec()), [(image, true), (page, true)]);
    let inbox = bench.inbox().await;
    let [Part::Text { text }, Part::Image { blob, mime }, Part::File { name, mime: html, .. }] =
        inbox[0].parts.as_slice()
    else {
        panic!("{inbox:?}")
    };
    assert_eq!(
        (text.as_str(), mime.as_str(), name.as_str(), html.as_str()),
        ("look", "image/png", "page.html", "text/html")
    );
    let bytes = bench.stores.blobs.get_blob(blob).await.expect("the store answers").expect("it is there");
    assert_eq!(bytes.as_ref(), PNG);
}

#[tokio::test]
async fn a_login_page_is_not_kept_and_the_missing_scope_is_named() {
    let bench = Bench::new();
    bench.fake.serve_login_page(true);
    let image = bench.fake.add_file("cat.png", "image/png", PNG);
    let page = bench.fake.add_file("page.html", "text/html", b"<html>mine</html>");
    let run = bench.run();
    let (envelope, _) = bench.fake.say(&Say::new("D1", FRIEND, "").with_file(&image).with_file(&page));
    bench.acked(&envelope).await;
    bench.end(run).await;
    let inbox = bench.inbox().await;
    let why = "could not be fetched: Slack showed its login page; the app needs the scope files:read";
    assert_eq!(texts(&inbox[0]), [format!("[file cat.png: {why}]"), format!("[file page.html: {why}]")]);
    assert_eq!(inbox[0].parts.len(), 2, "no file was kept");
}

#[tokio::test]
async fn a_slow_file_does_not_hold_up_the_acknowledgement() {
    let bench = Bench::new();
    bench.fake.hold_files(true);
    let slow = bench.fake.add_file("slow.pdf", "application/pdf", b"%PDF");
    let run = bench.run();
    let (envelope, _) =
        bench.fake.say(&Say::new("D1", FRIEND, "read this").with_file(&slow).with_file(&slow));
    bench.seen("the download", |world| !world.downloads().is_empty()).await;
    bench.clock.advance(Duration::from_secs(2));
    bench.acked(&envelope).await;
    bench.fake.hold_files(false);
    bench.end(run).await;
    let note = "[file slow.pdf: could not be fetched in time]";
    assert_eq!(texts(&bench.inbox().await[0]), ["read this", note, note]);
}

#[tokio::test]
async fn nothing_of_a_stranger_is_fetched() {
    let bench = Bench::new();
    let file = bench.fake.add_file("a.txt", "text/plain", b"hello");
    let run = bench.run();
    let (envelope, _) = bench.fake.say(&Say::new("D1", STRANGER, "take it").with_file(&file));
    bench.acked(&envelope).await;
    bench.end(run).await;
    assert!(bench.fake.read(|world| world.downloads().is_empty()));
}

#[tokio::test]
async fn files_that_cannot_be_had_are_named_with_the_reason() {
    let bench = Bench::new();
    let elsewhere = servers::slack::FakeSlack::start();
    let run = bench.run();
    let say = Say::new("D1", FRIEND, "many");
    let ts = bench.fake.place(&say);
    let mut event = bench.fake.event("message", &say, &ts);
    event["subtype"] = json!("file_share");
    let here = |path: &str| format!("{}/files-pri/{path}", bench.fake.api_url());
    let hidden = bench.fake.add_file("asked.txt", "text/plain", b"asked");
    event["files"] = json!([
        {"id": "F91", "name": "huge.bin", "size": 99_999_999_999_u64, "url_private": here("F91")},
        {"id": "F92", "name": "gone.txt", "mimetype": "text/plain", "url_private": here("F92")},
        {"id": "F93", "name": "other.txt", "url_private": format!("{}/files-pri/F93", elsewhere.api_url())},
        {"id": "F94", "name": "drive.doc", "is_external": true, "url_private": "https://drive.example/x"},
        {"id": "F95", "name": "old.txt", "mode": "tombstone"},
        {"id": "F96"},
        {"id": hidden, "file_access": "check_file_info"},
    ]);
    let envelope = bench.fake.put_event(&event);
    bench.acked(&envelope).await;
    bench.end(run).await;
    let inbox = bench.inbox().await;
    insta::assert_snapshot!(texts(&inbox[0]).join("\n"));
    assert!(
        matches!(inbox[0].parts.last(), Some(Part::File { name, .. }) if name == "asked.txt"),
        "{inbox:?}"
    );
    assert!(elsewhere.read(|world| world.downloads().is_empty()), "the token goes to Slack alone");
}
