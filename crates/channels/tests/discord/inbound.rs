//! What people say, and what reaches the inbox of it: acceptance cases 1, 9, 10 and interactions.

use std::time::Duration;

use agent_core::InletPolicy;
use servers::discord::{BOT, FakeDiscord, Saying};
use session_api::{ApprovalId, Decision, InboundKind, Part};

use crate::support::{CHAT, FRIEND, Running, SOON, STRANGER, channel, stores, text};

const ROOM: u64 = 400;
const THREAD: u64 = 410;

#[tokio::test]
async fn a_mention_in_a_server_is_one_message_without_its_markup() {
    let fake = FakeDiscord::start();
    fake.add_channel(ROOM);
    let running = Running::start(&fake).await;
    fake.say(&Saying::guild(ROOM, FRIEND, "just talk"));
    fake.say(&Saying::guild(ROOM, FRIEND, &format!("<@{BOT}> hi")).mentions_bot());
    fake.say(&Saying::guild(ROOM, STRANGER, &format!("<@{BOT}> evil")).mentions_bot());
    fake.say(&Saying::guild(ROOM, FRIEND, &format!("hey <@!{BOT}> you")));
    fake.say(&Saying::guild(ROOM, FRIEND, "and this").reply_to(77, BOT));
    fake.say(&Saying::guild(ROOM, FRIEND, "not this").reply_to(78, STRANGER));
    let id = fake.say(&Saying::guild(ROOM, FRIEND, &format!("<@{BOT}>")).mentions_bot());
    let rows = running.next(4).await;
    let texts: Vec<String> = rows.iter().map(text).collect();
    assert_eq!(texts, ["hi", "hey you", "and this", "[message without text]"]);
    let session = &rows[0].inbound.session;
    assert_eq!((session.channel.as_str(), session.chat.as_str(), &session.thread), ("discord", "400", &None));
    assert_eq!(session.account, BOT.to_string());
    assert_eq!(rows[3].inbound.reply.reply_to, Some(id.to_string()));
    assert_eq!(rows[3].inbound.external_id, format!("message:{id}"));
    running.end().await.unwrap();
}

#[tokio::test]
async fn only_what_people_say_counts() {
    let fake = FakeDiscord::start();
    let running = Running::start(&fake).await;
    for kind in [1, 6, 7, 18, 20, 21, 23, 200] {
        fake.say(&Saying::direct(CHAT, FRIEND, &format!("type {kind}")).of_type(kind));
    }
    fake.say(&Saying::direct(CHAT, FRIEND, "from a bot").by_bot());
    fake.say(&Saying::direct(CHAT, BOT, "my own"));
    fake.say(&Saying::direct(CHAT, FRIEND, "a person"));
    assert_eq!(running.texts(1).await, ["a person"]);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_thread_is_a_conversation_of_its_own() {
    let fake = FakeDiscord::start();
    fake.add_channel(ROOM);
    fake.add_thread(THREAD, ROOM);
    let running = Running::start(&fake).await;
    for n in 0..3 {
        fake.say(&Saying::guild(THREAD, FRIEND, &format!("<@{BOT}> in {n}")).mentions_bot());
    }
    for row in running.next(3).await {
        let session = row.inbound.session;
        assert_eq!((session.chat.as_str(), session.thread.as_deref()), ("400", Some("410")));
        assert_eq!(row.inbound.reply.thread.as_deref(), Some("410"), "the answer goes to the thread");
    }
    let looks = fake.seen(|seen| seen.calls_to("GET", "/channels/410").count());
    assert_eq!(looks, 1, "a channel is looked up once");
    running.end().await.unwrap();
}

#[tokio::test]
async fn an_attachment_is_fetched_once_and_only_for_those_who_may_speak() {
    let fake = FakeDiscord::start();
    let running = Running::start(&fake).await;
    let url = fake.add_file("a.txt", "its bytes", true);
    fake.say(&Saying::direct(CHAT + 1, STRANGER, "look").attach("a.txt", "text/plain", 9, &url));
    let id = fake.say(&Saying::direct(CHAT, FRIEND, "read").attach("../../a.txt", "text/plain", 9, &url));
    let rows = running.next(1).await;
    let [Part::Text { text }, Part::File { blob, mime, name }] = rows[0].inbound.parts.as_slice() else {
        panic!("{:?}", rows[0].inbound.parts)
    };
    assert_eq!((text.as_str(), mime.as_str(), name.as_str()), ("read", "text/plain", "a.txt"));
    let bytes = running.stores.blobs.get_blob(blob).await.unwrap().unwrap();
    assert_eq!(bytes, "its bytes");
    // The same event once more.
    fake.say(&Saying::direct(CHAT, FRIEND, "read").id(id).attach("a.txt", "text/plain", 9, &url));
    fake.say(&Saying::direct(CHAT, FRIEND, "after"));
    assert_eq!(running.texts(1).await, ["after"]);
    assert_eq!(fake.seen(|seen| seen.calls_to("GET", "/cdn/a.txt").count()), 1);
    let leaked = fake.seen(|seen| seen.calls_to("GET", "/cdn/a.txt").any(|call| call.authorized));
    assert!(!leaked, "the file host does not get the token");
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_had_becomes_a_note() {
    let fake = FakeDiscord::start();
    let stores = stores();
    let policy = InletPolicy { media_limit: 100, ..InletPolicy::default() };
    let running = Running::launch(&stores, channel(&fake, &stores), policy).await;
    fake.reached("a session", SOON, |seen| !seen.identifies.is_empty()).await.unwrap();
    let expired = fake.add_file("old.txt", "gone", false);
    let large = fake.add_file("large.bin", vec![0; 5000], true);
    let small = fake.add_file("small.bin", "x", true);
    fake.say(
        &Saying::direct(CHAT, FRIEND, "four")
            .attach("old.txt", "text/plain", 4, &expired)
            .attach("told.bin", "application/zip", 5000, &small)
            .attach("liar.bin", "application/zip", 10, &large)
            .attach("else.txt", "text/plain", 4, "http://127.0.0.1:9/x"),
    );
    insta::assert_snapshot!(running.texts(1).await[0], @r"
    four
    [file old.txt could not be fetched: its link has expired, or it was deleted]
    [file told.bin was not taken in: its 5000 bytes are more than the limit of 100]
    [file liar.bin could not be fetched: it is larger than the limit of 100 bytes]
    [file else.txt could not be fetched: it lies on another server than channels.discord.api_url]
    ");
    let fetched = fake.seen(|seen| seen.calls_to("GET", "/cdn/small.bin").count());
    assert_eq!(fetched, 0, "what is said to be too large is not even asked for");
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_voice_note_is_audio_even_without_a_type() {
    let fake = FakeDiscord::start();
    let running = Running::start(&fake).await;
    let url = fake.add_file("voice-message.ogg", "OggS", true);
    fake.say(&Saying::direct(CHAT, FRIEND, "").attach("voice-message.ogg", "audio/ogg", 4, &url).voice());
    let rows = running.next(1).await;
    let [part @ Part::File { .. }] = rows[0].inbound.parts.as_slice() else {
        panic!("{:?}", rows[0].inbound.parts)
    };
    assert!(agent_core::is_voice(part));
    running.end().await.unwrap();
}

#[tokio::test]
async fn slash_commands_and_buttons_are_commands_and_are_answered() {
    let fake = FakeDiscord::start();
    fake.add_channel(ROOM);
    fake.add_thread(THREAD, ROOM);
    let running = Running::start(&fake).await;
    let approval = ApprovalId(Default::default());
    let button = format!("/approve {approval}");
    fake.slash(THREAD, FRIEND, "model", Some(" offline/echo "));
    let rows = running.next(1).await;
    assert_eq!(text(&rows[0]), "/model offline/echo");
    assert_eq!(rows[0].inbound.kind, InboundKind::Command);
    assert_eq!(rows[0].inbound.session.thread.as_deref(), Some("410"));
    let message = fake.say_unseen(&Saying::direct(CHAT, BOT, "May I?"));
    fake.press(CHAT, FRIEND, message, &button);
    let rows = running.next(1).await;
    assert_eq!(rows[0].inbound.kind, InboundKind::Answer { approval, decision: Decision::Allow });
    fake.slash(CHAT, STRANGER, "stop", None);
    fake.reached("answers", SOON, |seen| seen.calls_to("POST", "/callback").count() == 3).await.unwrap();
    let answers: Vec<String> =
        fake.seen(|seen| seen.calls_to("POST", "/callback").map(|call| call.body.to_string()).collect());
    insta::assert_snapshot!(answers.join("\n"), @r#"
    {"data":{"allowed_mentions":{"parse":[]},"content":"`/model` is on its way.","flags":64},"type":4}
    {"data":{"components":[]},"type":7}
    {"data":{"allowed_mentions":{"parse":[]},"content":"I take no commands from you here.","flags":64},"type":4}
    "#);
    assert!(running.pending().await.is_empty(), "a stranger stops nothing");
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_loses_nothing_and_keeps_the_order() {
    let fake = FakeDiscord::start();
    let running = Running::start(&fake).await;
    // More than the queue between the shard and the inbox holds.
    for n in 0..1500 {
        fake.say(&Saying::direct(CHAT, FRIEND, &format!("{n}")));
    }
    let texts = running.texts(1500).await;
    let wanted: Vec<String> = (0..1500).map(|n| n.to_string()).collect();
    assert_eq!(texts, wanted);
    running.end().await.unwrap();
}

#[tokio::test]
async fn stopping_ends_the_connection_promptly() {
    let fake = FakeDiscord::start();
    let running = Running::start(&fake).await;
    let stopped = tokio::time::timeout(Duration::from_secs(3), running.end()).await;
    stopped.expect("within three seconds").unwrap();
    fake.reached("an ended connection", SOON, |seen| seen.ended == seen.connections).await.unwrap();
}

#[tokio::test]
async fn stopping_is_prompt_while_discord_cannot_be_reached() {
    let fake = FakeDiscord::start();
    let running = Running::start(&fake).await;
    fake.down(true);
    assert!(fake.reset());
    fake.reached("a lost connection", SOON, |seen| seen.ended > 0).await.unwrap();
    // The gateway's thread may be in a tight loop now; nobody waits for that.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), running.end()).await;
    stopped.expect("within five seconds").unwrap();
}
