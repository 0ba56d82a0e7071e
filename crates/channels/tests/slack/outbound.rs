//! Sending, editing, deleting, files, and the sign that an answer is being written.

use std::time::Duration;

use agent_core::{ChannelError, contract::channel::claim};
use bytes::Bytes;
use servers::slack::{ApiFault, Say};
use session_api::{OutboxKind, Part, PartClaim};

use crate::bench::{ACCOUNT, Bench, FRIEND};

fn part(bench: &Bench, chat: &str, id: u128, text: &str) -> PartClaim {
    claim(bench.channel.as_ref(), ACCOUNT, chat, id, text)
}

async fn send(bench: &Bench, claim: &PartClaim) -> Option<String> {
    bench.channel.send(claim).await.expect("it is sent").platform_id
}

#[tokio::test]
async fn an_answer_goes_where_its_route_leads() {
    let bench = Bench::new();
    let root = bench.fake.place(&Say::new("C1", FRIEND, "question"));
    let mut answer = part(&bench, "C1", 1, "in the *thread*");
    answer.route.thread = Some(root.clone());
    send(&bench, &answer).await;
    send(&bench, &part(&bench, "D1", 2, "**direct** & <plain>")).await;
    let shown = bench.fake.read(|world| (world.answers("C1"), world.answers("D1")));
    assert_eq!(shown.0[0].thread_ts.as_deref(), Some(root.as_str()));
    assert_eq!(shown.0[0].text, "in the _thread_");
    assert_eq!(shown.1[0].thread_ts, None, "a direct chat needs no thread");
    assert_eq!(shown.1[0].text, "*direct* &amp; &lt;plain&gt;");
    let call = bench.fake.read(|world| world.calls("chat.postMessage")[1].arguments.clone());
    insta::assert_json_snapshot!(call);
}

#[tokio::test]
async fn a_thread_that_is_gone_is_left_out() {
    let bench = Bench::new();
    let mut answer = part(&bench, "C1", 1, "hello");
    answer.route.thread = Some("1.000001".into());
    send(&bench, &answer).await;
    assert_eq!(bench.fake.read(|world| world.answers("C1")[0].thread_ts.clone()), None);
}

#[tokio::test]
async fn a_wait_that_slack_asks_for_is_named_and_nothing_was_posted() {
    let bench = Bench::new();
    bench.fake.fail_next("chat.postMessage", ApiFault::Limited(2));
    let answer = part(&bench, "D1", 1, "hello");
    let error = bench.channel.send(&answer).await.expect_err("it must wait");
    let wanted = Some(Duration::from_secs(2));
    assert!(matches!(error, ChannelError::Temporary { after, .. } if after == wanted), "{error:?}");
    assert!(bench.fake.read(|world| world.answers("D1").is_empty()), "the channel itself never tries again");
    send(&bench, &answer).await;
    assert_eq!(bench.fake.read(|world| world.answers("D1").len()), 1);
}

#[tokio::test]
async fn a_post_without_an_answer_is_in_doubt_and_an_edit_is_not() {
    for fault in [ApiFault::CutAfter, ApiFault::CutBefore, ApiFault::Status(502), ApiFault::Html] {
        let bench = Bench::new();
        bench.fake.fail_next("chat.postMessage", fault.clone());
        let mut answer = part(&bench, "D1", 1, "hello");
        let error = bench.channel.send(&answer).await.expect_err("no answer");
        assert!(matches!(error, ChannelError::Doubtful { .. }), "{fault:?}: {error:?}");
        answer.part.platform_id = send(&bench, &answer).await;
        bench.fake.fail_next("chat.update", fault.clone());
        let error = bench.channel.send(&answer).await.expect_err("no answer");
        assert!(matches!(error, ChannelError::Temporary { .. }), "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn refusals_say_whether_a_retry_helps() {
    let bench = Bench::new();
    for (word, class) in [
        ("channel_not_found", "Permanent"),
        ("is_archived", "Permanent"),
        ("not_in_channel", "Permanent"),
        ("token_revoked", "Setup"),
        ("service_unavailable", "Temporary"),
        ("fatal_error", "Doubtful"),
    ] {
        bench.fake.fail_next("chat.postMessage", ApiFault::Error(word.into()));
        let error = bench.channel.send(&part(&bench, "C1", 1, "x")).await.expect_err("it is refused");
        assert!(format!("{error:?}").starts_with(class), "{word}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_grows_ends_complete_and_long_texts_move_into_blocks() {
    let bench = Bench::new();
    let mut answer = part(&bench, "D1", 1, "a");
    answer.part.platform_id = send(&bench, &answer).await;
    let id = answer.part.platform_id.clone();
    // Every `&` takes five characters in Slack, so that the last text is far longer than what an edit may hold.
    let texts = ["a b", "a b c", &format!("a b c {}", "& ".repeat(1900))];
    for text in texts {
        answer.part.body = Some(Part::text(text));
        assert_eq!(send(&bench, &answer).await, id, "an edit keeps the id");
    }
    let shown = bench.fake.read(|world| world.answers("D1"));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].earlier, ["a", "a b", "a b c"]);
    let whole: String = shown[0].blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect();
    assert_eq!(whole.matches("&amp;").count(), 1900, "nothing is lost");
    answer.part.body = Some(Part::text("short again"));
    send(&bench, &answer).await;
    let shown = bench.fake.read(|world| world.answers("D1"));
    assert_eq!((shown[0].text.as_str(), shown[0].blocks.len()), ("short again", 0));
}

#[tokio::test]
async fn a_post_that_slack_calls_too_long_goes_in_blocks() {
    let bench = Bench::new();
    bench.fake.fail_next("chat.postMessage", ApiFault::Error("msg_too_long".into()));
    let text = "word ".repeat(700);
    send(&bench, &part(&bench, "D1", 1, &text)).await;
    let shown = bench.fake.read(|world| world.answers("D1"));
    let whole: String = shown[0].blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect();
    assert_eq!(whole.matches("word").count(), 700);
}

#[tokio::test]
async fn what_can_no_longer_be_edited_goes_as_a_new_message() {
    let bench = Bench::new();
    let mut answer = part(&bench, "D1", 1, "final");
    for word in ["message_not_found", "cant_update_message", "edit_window_closed"] {
        answer.part.platform_id = Some("1.000001".into());
        bench.fake.fail_next("chat.update", ApiFault::Error(word.into()));
        let id = send(&bench, &answer).await;
        assert!(id.is_some() && id != answer.part.platform_id, "{word}");
    }
    assert_eq!(bench.fake.read(|world| world.answers("D1").len()), 3);
}

#[tokio::test]
async fn a_text_that_no_edit_can_hold_replaces_the_draft() {
    let bench = Bench::new();
    let mut answer = part(&bench, "D1", 1, "draft");
    answer.part.platform_id = send(&bench, &answer).await;
    answer.part.body = Some(Part::text("final"));
    for word in ["msg_too_long", "msg_blocks_too_long"] {
        bench.fake.fail_next("chat.update", ApiFault::Error(word.into()));
    }
    let id = send(&bench, &answer).await;
    assert_ne!(id, answer.part.platform_id);
    let shown = bench.fake.read(|world| world.answers("D1"));
    assert_eq!(shown.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["final"]);
}

#[tokio::test]
async fn a_question_has_buttons_and_does_without_where_slack_refuses_them() {
    let bench = Bench::new();
    let mut question = part(&bench, "D1", 1, "May I? Answer `/approve 7` or `/deny 7`.");
    let approval = "00000000-0000-0000-0000-000000000007".parse().expect("an id");
    question.kind = OutboxKind::Question { approval };
    send(&bench, &question).await;
    bench.fake.fail_next("chat.postMessage", ApiFault::Error("invalid_blocks".into()));
    send(&bench, &question).await;
    let shown = bench.fake.read(|world| world.answers("D1"));
    assert_eq!(shown[0].blocks[1]["elements"][0]["value"], format!("/approve {approval}"));
    assert_eq!(shown[0].blocks[1]["elements"][1]["value"], format!("/deny {approval}"));
    assert!(shown[1].blocks.is_empty() && shown[1].text.contains("/approve 7"));
}

#[tokio::test]
async fn a_message_to_a_person_can_be_edited_in_the_channel_that_slack_chose() {
    let bench = Bench::new();
    let mut note = part(&bench, "UFRIEND", 1, "one");
    note.part.platform_id = send(&bench, &note).await;
    note.part.body = Some(Part::text("two"));
    send(&bench, &note).await;
    assert_eq!(bench.fake.read(|world| world.answers("DFRIEND")[0].text.clone()), "two");
    note.part.body = None;
    send(&bench, &note).await;
    assert!(bench.fake.read(|world| world.answers("DFRIEND").is_empty()));
}

#[tokio::test]
async fn a_file_is_uploaded_into_its_thread_and_replaces_a_draft() {
    let bench = Bench::new();
    let root = bench.fake.place(&Say::new("C1", FRIEND, "question"));
    let blob = bench.stores.blobs.put_blob(Bytes::from_static(b"a,b\n")).await.expect("it is stored");
    let mut file = part(&bench, "C1", 1, "soon");
    file.route.thread = Some(root.clone());
    file.part.platform_id = send(&bench, &file).await;
    file.part.body = Some(Part::File { blob, mime: "text/csv".into(), name: "table.csv".into() });
    let id = send(&bench, &file).await.expect("it has an id");
    assert_eq!(bench.fake.read(|world| world.file(&id)), Some(("table.csv".into(), b"a,b\n".to_vec())));
    let shown = bench.fake.read(|world| world.answers("C1"));
    assert_eq!(shown.len(), 1, "the draft is gone");
    assert_eq!(shown[0].thread_ts.as_deref(), Some(root.as_str()));
    file.part.platform_id = Some(id);
    file.part.body = None;
    send(&bench, &file).await;
    send(&bench, &file).await;
    assert!(bench.fake.read(|world| world.answers("C1").is_empty()), "a file can be deleted, twice");
}

#[tokio::test]
async fn a_file_is_in_doubt_only_once_it_was_shared() {
    let bench = Bench::new();
    let blob = bench.stores.blobs.put_blob(Bytes::from_static(b"x")).await.expect("it is stored");
    let mut file = part(&bench, "D1", 1, "");
    file.part.body = Some(Part::File { blob, mime: "text/plain".into(), name: "x.txt".into() });
    for (method, fault, class) in [
        ("files.getUploadURLExternal", ApiFault::CutAfter, "Temporary"),
        ("upload", ApiFault::Status(500), "Temporary"),
        ("files.completeUploadExternal", ApiFault::CutAfter, "Doubtful"),
        ("files.getUploadURLExternal", ApiFault::Error("missing_scope".into()), "Permanent"),
    ] {
        bench.fake.fail_next(method, fault);
        let error = bench.channel.send(&file).await.expect_err("it fails");
        assert!(format!("{error:?}").starts_with(class), "{method}: {error:?}");
    }
}

#[tokio::test]
async fn the_sign_of_work_is_a_reaction_that_can_be_renewed_and_taken_away() {
    let bench = Bench::new();
    let ts = bench.fake.place(&Say::new("D1", FRIEND, "question"));
    let mut route = part(&bench, "D1", 1, "x").route;
    bench.channel.working(&route, true).await.expect("without a message there is nothing to do");
    route.reply_to = Some(ts.clone());
    for _ in 0..2 {
        bench.channel.working(&route, true).await.expect("it is shown");
    }
    let eyes = vec![("D1".to_owned(), ts, "eyes".to_owned())];
    assert_eq!(bench.fake.read(|world| world.reactions()), eyes);
    for _ in 0..2 {
        bench.channel.working(&route, false).await.expect("it is taken away");
    }
    assert!(bench.fake.read(|world| world.reactions().is_empty()));
    bench.fake.fail_next("reactions.add", ApiFault::Error("missing_scope".into()));
    bench.channel.working(&route, true).await.expect("without the scope there is no sign");
}
