//! Channels, threads, buttons and commands, as they reach the inbox.

use servers::slack::Say;

use crate::bench::{Bench, FRIEND, texts};

#[tokio::test]
async fn a_mention_is_heard_once_whichever_of_its_events_comes_first() {
    for kinds in [["message", "app_mention"], ["app_mention", "message"]] {
        let bench = Bench::new();
        let run = bench.run();
        let (envelopes, ts) = bench.fake.mention(&Say::new("C1", FRIEND, "<@UBOT> what time is it?"), kinds);
        for envelope in &envelopes {
            bench.acked(envelope).await;
        }
        bench.end(run).await;
        let inbox = bench.inbox().await;
        assert_eq!(inbox.len(), 1, "{kinds:?}");
        assert_eq!(texts(&inbox[0]), ["what time is it?"]);
        assert_eq!(inbox[0].reply.thread.as_deref(), Some(ts.as_str()), "it is answered in a thread");
    }
}

#[tokio::test]
async fn a_second_question_in_the_thread_belongs_to_the_same_conversation() {
    let bench = Bench::new();
    let run = bench.run();
    let (first, root) =
        bench.fake.mention(&Say::new("C1", FRIEND, "<@UBOT> one"), ["message", "app_mention"]);
    let second = Say::new("C1", FRIEND, "<@UBOT> two").in_thread(&root);
    let (second, _) = bench.fake.mention(&second, ["app_mention", "message"]);
    let (direct, _) = bench.fake.say(&Say::new("D1", FRIEND, "alone"));
    for envelope in first.iter().chain(&second).chain([&direct]) {
        bench.acked(envelope).await;
    }
    bench.end(run).await;
    let inbox = bench.inbox().await;
    let mut sessions: Vec<String> = inbox.iter().map(|row| row.session.to_string()).collect();
    sessions.sort();
    assert_eq!(
        sessions,
        [format!("slack:T1-UBOT:C1:{root}"), format!("slack:T1-UBOT:C1:{root}"), "slack:T1-UBOT:D1".into()]
    );
}

#[tokio::test]
async fn talk_that_is_not_for_the_bot_is_not_heard() {
    let bench = Bench::new();
    let run = bench.run();
    let (root_envelope, root) = bench.fake.say(&Say::new("C1", FRIEND, "lunch?"));
    let (reply, _) = bench.fake.say(&Say::new("C1", FRIEND, "at noon").in_thread(&root));
    for envelope in [&root_envelope, &reply] {
        bench.acked(envelope).await;
    }
    bench.end(run).await;
    assert!(bench.inbox().await.is_empty());
}

#[tokio::test]
async fn a_button_and_a_command_are_the_words_they_stand_for() {
    let bench = Bench::new();
    let run = bench.run();
    let approval = "00000000-0000-0000-0000-000000000007";
    let pressed = bench.fake.press(FRIEND, "D1", "17.1", &format!("/approve {approval}"));
    let slash = bench.fake.slash(FRIEND, "D2", "/factotum", "how are you?");
    for envelope in [&pressed, &slash] {
        bench.acked(envelope).await;
        bench.fake.redeliver(envelope);
    }
    bench.seen("the repetitions", |world| world.acks().len() == 4).await;
    bench.end(run).await;
    let inbox = bench.inbox().await;
    let mut heard: Vec<String> = inbox.iter().map(|row| texts(row).join(" ")).collect();
    heard.sort();
    assert_eq!(heard, [format!("/approve {approval}"), "how are you?".into()]);
    assert!(inbox.iter().any(|row| format!("{:?}", row.kind).contains("Answer")), "{inbox:?}");
}
