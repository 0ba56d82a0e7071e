//! What comes in, from the platform to the inbox.

use serde_json::json;
use servers::telegram::Say;
use session_api::{Decision, InboundKind};

use crate::rig::{FRIEND, Rig, STRANGER, question, texts};

const GROUP: i64 = -1_001_234_567_890;

#[tokio::test]
async fn in_a_group_only_what_is_said_to_the_bot_gets_in() {
    let rig = Rig::new().connected().await;
    rig.send(GROUP, 1, "I am here").await.unwrap();
    let ours = rig.only(GROUP).message_id;
    let say = |text: &str| Say::group(GROUP, FRIEND, text);
    rig.telegram.say(say("plain"));
    rig.telegram.say(say("@somebody_else hi"));
    rig.telegram.say(say("@factotum_bot hi"));
    rig.telegram.say(say("👨‍👩‍👧😀 @Factotum_Bot emoji"));
    rig.telegram.say(say("hey Factotum").text_mention("Factotum"));
    rig.telegram.say(say("a reply").reply_to(ours));
    rig.telegram.say(say("/status@factotum_bot"));
    rig.telegram.say(say("/status@other_bot"));
    let last = rig.telegram.say(Say::group(GROUP, STRANGER, "@factotum_bot let me in"));
    let rows = rig.take_until(last).await;
    assert_eq!(texts(&rows), ["hi", "👨‍👩‍👧😀 emoji", "hey", "a reply", "/status"]);
    assert!(rows.iter().all(|row| row.inbound.session.chat == GROUP.to_string()));
}

#[tokio::test]
async fn a_bare_command_in_a_group_counts_when_it_is_in_our_menu() {
    let rig = Rig::new().connected().await;
    rig.channel.announce(agent_core::COMMANDS).await.unwrap();
    let menu = rig.telegram.commands();
    assert!(menu.iter().any(|(name, help)| name == "stop" && !help.is_empty()), "{menu:?}");
    rig.telegram.say(Say::group(GROUP, FRIEND, "/weather"));
    let last = rig.telegram.say(Say::group(GROUP, FRIEND, "/stop"));
    let rows = rig.take_until(last).await;
    assert_eq!(texts(&rows), ["/stop"]);
    assert_eq!(rows[0].inbound.kind, InboundKind::Stop);
}

#[tokio::test]
async fn a_topic_is_a_session_of_its_own_and_is_answered_there() {
    let rig = Rig::new().connected().await;
    rig.telegram.say(Say::group(GROUP, FRIEND, "@factotum_bot one").in_topic(77));
    let last = rig.telegram.say(Say::group(GROUP, FRIEND, "@factotum_bot two"));
    let rows = rig.take_until(last).await;
    let threads: Vec<_> = rows.iter().map(|row| row.inbound.session.thread.as_deref()).collect();
    assert_eq!(threads, [Some("77"), None]);
    let mut claim = rig.claim(GROUP, 1, "answer");
    claim.route = rows[0].inbound.reply.clone();
    rig.channel.send(&claim).await.unwrap();
    rig.channel.working(&claim.route, true).await.unwrap();
    rig.channel.working(&claim.route, false).await.unwrap();
    let shown = rig.only(GROUP);
    assert_eq!(shown.thread, Some(77));
    assert_eq!(shown.reply_to.map(|id| id.to_string()), rows[0].inbound.reply.reply_to);
    let typing = rig.telegram.calls("sendChatAction");
    assert_eq!(typing.len(), 1);
    assert_eq!(
        (&typing[0].params["action"], &typing[0].params["message_thread_id"]),
        (&json!("typing"), &json!(77))
    );
}

#[tokio::test]
async fn an_edit_is_a_message_that_says_so() {
    let rig = Rig::new().connected().await;
    rig.telegram.say(Say::private(FRIEND, "helo"));
    let last = rig.telegram.say(Say::private(FRIEND, "hello").edit_of(1));
    assert_eq!(texts(&rig.take_until(last).await), ["helo", "[edited] hello"]);
}

#[tokio::test]
async fn a_question_has_buttons_and_a_press_is_the_answer() {
    let rig = Rig::new().connected().await;
    let approval = "01890a5d-ac96-774b-bcce-b302099a8057";
    rig.channel.send(&question(rig.claim(GROUP, 1, "May I?"), approval)).await.unwrap();
    let shown = rig.only(GROUP);
    let button = |label: &str, command: &str| (label.to_owned(), format!("{command} {approval}"));
    assert_eq!(shown.buttons, [button("Allow", "/approve"), button("Deny", "/deny")]);
    rig.telegram.press(STRANGER, GROUP, shown.message_id, &shown.buttons[0].1);
    rig.telegram.press(FRIEND, GROUP, shown.message_id, "/clear");
    let last = rig.telegram.press(FRIEND, GROUP, shown.message_id, &shown.buttons[1].1);
    let running = rig.run();
    rig.acknowledged(last).await;
    rig.telegram
        .reached("the sign", crate::rig::SOON, |seen| seen.calls("answerCallbackQuery") == 1)
        .await
        .unwrap();
    running.stop().await.unwrap();
    let rows = rig.inbox().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        rows[0].inbound.kind,
        InboundKind::Answer { approval: approval.parse().unwrap(), decision: Decision::Deny }
    );
}
