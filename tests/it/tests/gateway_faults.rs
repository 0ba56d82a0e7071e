//! What fails around the gateway: models, platforms, signals, other gateways.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use it::platform::{Discord, Platform, Slack, Telegram, tables};
use it::talk::{Want, script};
use it::{
    Crowd, Desk, Gateway, InFlight, PATIENCE, Setup, dead_letters, run, sound, talking, until, valid, whole,
    words,
};
use serde_json::json;
use servers::telegram::Say;
use servers::{Gate, ModelServer, Reply, Request, Script, TempHome, refused_url};

fn newest(request: &Request) -> String {
    words(request).last().cloned().unwrap_or_default()
}

/// A model that answers by the newest marked word, while it is not `down`.
fn answering(down: &Arc<AtomicBool>, broken: Reply) -> Script {
    let down = Arc::clone(down);
    Script::by(move |request, _| {
        if down.load(Ordering::SeqCst) {
            broken.clone()
        } else {
            Reply::text(&format!("answer to {}", newest(request)))
        }
    })
}

#[test]
fn a_model_that_is_down_is_told_of_once_and_the_message_can_be_tried_again() {
    for broken in [
        Reply::error(500, "on fire"),
        Reply::status(200, "text/event-stream", "data: {\"cho\n\ndata: nothing that one could read\n\n"),
        Reply::html(502, "<html>Bad Gateway</html>"),
    ] {
        let down = Arc::new(AtomicBool::new(true));
        let desk = Desk::new(answering(&down, broken));
        let gateway = desk.open();
        desk.say("w-one");
        until("the notice", || (!desk.telegram.texts(5).is_empty()).then_some(()));
        down.store(false, Ordering::SeqCst);
        desk.say("w-two");
        desk.hears("answer to w-two");
        let texts = desk.telegram.texts(5);
        assert_eq!(texts.len(), 2, "one notice, one answer: {texts:?}");
        let dead = dead_letters(&desk.home);
        let id = dead[0]["id"].as_str().unwrap();
        run(desk.home.command().args(["dead-letters", "retry", id])).ends(0);
        desk.hears("answer to w-one");
        gateway.stop();
        sound(&desk.home);
    }
}

#[test]
fn a_model_that_hangs_in_one_chat_keeps_no_other_waiting() {
    let gate = Gate::new();
    let telegram = Telegram::start();
    let (home, _server) = talking(&[&telegram], &gate);
    let mut crowd = Crowd::of(&[&telegram], 3);
    let gateway = Gateway::start(&home);
    let held = crowd.say(0, Want::Held);
    for chat in [1, 2] {
        let mark = crowd.say(chat, Want::Tool);
        until("the answer in another chat", || crowd.is_answered(chat, &mark).then_some(()));
    }
    assert!(!crowd.is_answered(0, &held));
    gate.open();
    crowd.wait_answers();
    gateway.stop();
    sound(&home);
}

#[test]
fn what_the_platform_delivers_again_is_not_answered_again() {
    let telegram = Telegram::start();
    let (home, server) = talking(&[&telegram], &Gate::new());
    let mut crowd = Crowd::of(&[&telegram], 4);
    let gateway = Gateway::start(&home);
    for round in 0..8 {
        crowd.say(round % 4, if round % 3 == 0 { Want::Tool } else { Want::Text });
    }
    crowd.wait_answers();
    let (asked, sent) = (server.requests().len(), telegram.0.calls("sendMessage").len());
    telegram.0.redeliver_all(3, 7);
    telegram.0.wait_for("the redelivery to be over", PATIENCE, |seen| seen.pending() == 0).unwrap();
    crowd.say(0, Want::Text);
    crowd.wait_answers();
    gateway.stop();
    assert_eq!((server.requests().len(), telegram.0.calls("sendMessage").len()), (asked + 1, sent + 1));
    crowd.reckon(&InFlight::default(), &home.ledger().lines(), &BTreeSet::new()).assert_clean();
    sound(&home);
}

/// Whether there is such a process that is not merely waiting to be reaped.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    matches!(state, Some(state) if state != "Z" && state != "X")
}

/// A model that runs something long with children, and answers when it is over.
fn running_long() -> Script {
    Script::by(|request, _| {
        if request.tool_results().is_empty() && newest(request) == "w-long" {
            Reply::tool(
                "exec",
                json!({"command": "echo $$ > pids; (setsid sleep 300 & echo $! >> pids; wait) & sleep 300 & \
                                  echo $! >> pids; echo all >> pids; wait"}),
            )
        } else {
            Reply::text(&format!("answer to {}", newest(request)))
        }
    })
}

fn pids(home: &TempHome) -> Vec<String> {
    let text = until("the processes of the tool", || {
        let text = home.read("factotum/workspace/pids")?;
        (text.contains("all") && text.lines().count() == 4).then_some(text)
    });
    text.lines().filter(|line| *line != "all").map(str::to_owned).collect()
}

#[test]
fn a_stop_of_the_gateway_ends_tools_with_their_children_and_the_next_start_goes_on() {
    let desk = Desk::new(running_long()).more("[gateway]\ngrace_seconds = 1");
    let gateway = desk.open();
    desk.say("w-long");
    let pids = pids(&desk.home);
    gateway.stop();
    let left: Vec<_> = pids.iter().filter(|pid| alive(pid)).collect();
    assert!(left.is_empty(), "processes {left:?} of the tool live on");
    let next = desk.open();
    desk.hears("answer to w-long");
    next.stop();
    assert_eq!(desk.telegram.texts(5).len(), 1, "{:?}", desk.telegram.texts(5));
    desk.server.requests().iter().for_each(valid);
    sound(&desk.home);
}

#[test]
fn slash_stop_ends_a_running_tool_with_its_children() {
    let desk = Desk::new(running_long());
    let gateway = desk.open();
    desk.say("w-long");
    let pids = pids(&desk.home);
    desk.say("/stop");
    desk.hears("topped");
    until("the end of the processes", || pids.iter().all(|pid| !alive(pid)).then_some(()));
    desk.say("w-next");
    desk.hears("answer to w-next");
    gateway.stop();
    desk.server.requests().iter().for_each(valid);
    sound(&desk.home);
}

#[test]
fn a_stop_that_becomes_a_kill_loses_nothing() {
    let (telegram, gate) = (Telegram::start(), Gate::new());
    let (home, server) = talking(&[&telegram], &gate);
    let mut crowd = Crowd::of(&[&telegram], 3);
    let gateway = Gateway::start(&home);
    (0..3).for_each(|chat| drop(crowd.say(chat, Want::Held)));
    server.wait_for_requests(3, PATIENCE).unwrap();
    gateway.signal("TERM");
    until("the end to begin", || (gateway.status()?["ready"] == false).then_some(()));
    gateway.kill9();
    let in_flight = InFlight::of(&home);
    gate.open();
    let next = Gateway::start(&home);
    crowd.wait_answers();
    next.stop();
    crowd.reckon(&in_flight, &[], &BTreeSet::new()).assert_clean();
    sound(&home);
}

#[test]
fn a_second_gateway_stands_by_and_takes_over_when_the_first_is_killed() {
    let telegram = Telegram::start();
    let (home, _server) = talking(&[&telegram], &Gate::new());
    let mut crowd = Crowd::of(&[&telegram], 2);
    let first = Gateway::start(&home);
    let second = Gateway::launch(&home, None);
    until("the second to say that it stands by", || second.log().contains("role=standby").then_some(()));
    assert_eq!(second.role(), "standby");
    crowd.say(0, Want::Text);
    crowd.say(1, Want::Tool);
    crowd.wait_answers();
    first.kill9();
    let in_flight = InFlight::of(&home);
    crowd.say(0, Want::Tool);
    second.wait_ready();
    crowd.say(1, Want::Text);
    crowd.wait_answers();
    second.stop();
    crowd.reckon(&in_flight, &home.ledger().lines(), &BTreeSet::new()).assert_clean();
    sound(&home);
}

#[test]
fn a_wrong_token_or_an_unreachable_platform_stops_nobody_else() {
    let (telegram, slack, discord) = (Telegram::start(), Slack::start(), Discord::start());
    telegram.0.revoke_token();
    let home = TempHome::new();
    let server = ModelServer::start(script(&home.ledger(), &Gate::new()));
    let nowhere = slack.table().replace(&slack.0.api_url(), refused_url().trim_end_matches("/v1"));
    let tables = tables(&[&telegram, &slack, &discord]).replace(&slack.table(), &nowhere);
    home.write("factotum/config.toml", Setup::of(&server).exec().more(&tables).text());
    let gateway = Gateway::start(&home);
    let stopped = gateway.wait_channel("telegram", "stopped");
    assert!(stopped["error"].as_str().unwrap().contains("does not know the bot's token"), "{stopped}");
    gateway.wait_channel("slack", "retrying");
    let mut crowd = Crowd::of(&[&discord], 1);
    discord.follow(&gateway);
    crowd.say(0, Want::Tool);
    crowd.wait_answers();
    let status = run(home.command().args(["gateway", "status"])).with_code(0);
    assert!(
        status.out.contains("stopped until it is mended") && status.out.contains("tried again"),
        "{status}"
    );
    assert!(!status.all().contains(telegram.0.token()), "{status}");
    assert!(!gateway.log().contains(telegram.0.token()), "{}", gateway.log());
    gateway.stop();
}

#[test]
fn updates_that_make_no_sense_are_passed_over() {
    let desk = Desk::new(answering(&Arc::default(), Reply::text("never")));
    let gateway = desk.open();
    let odd = [
        json!({"poll": {"id": "1"}}),
        json!({"something_new": {"deep": [1, 2, {"x": null}]}}),
        json!({"message": {"text": 7}}),
        json!({"message": null}),
        json!({"message": {"message_id": "x", "chat": {"id": {}}, "date": -1}}),
        json!({"callback_query": {"id": 1}}),
    ];
    let ids: Vec<i64> = odd.into_iter().map(|update| desk.telegram.push_raw(update)).collect();
    desk.say("w-after");
    desk.hears("answer to w-after");
    desk.telegram
        .wait_for("all of it to be acknowledged", PATIENCE, |seen| {
            ids.iter().all(|id| seen.acknowledged(*id)) && seen.pending() == 0
        })
        .unwrap();
    gateway.stop();
    sound(&desk.home);
}

#[test]
fn a_huge_file_is_refused_before_it_is_fetched() {
    let desk = Desk::new(answering(&Arc::default(), Reply::text("never")));
    let gateway = desk.open();
    let file = Say::private(5, "w-huge").document("huge.bin", "application/zip", b"PK".to_vec());
    desk.telegram.say(file.claiming(100 << 20));
    desk.hears("answer to w-huge");
    assert!(desk.telegram.calls("getFile").is_empty());
    let asked = desk.server.requests()[0].last_user_text().unwrap();
    assert!(asked.contains("huge.bin, 100 MB: too large to take in (limit 20 MB)"), "{asked}");
    gateway.stop();
    sound(&desk.home);
}

#[test]
fn an_answer_that_cannot_be_delivered_is_told_to_the_owner_and_can_be_sent_again() {
    let desk = Desk::new(answering(&Arc::default(), Reply::text("never")))
        .channel("allow = [\"5\", \"6\"]")
        .more("[gateway]\nnotify = \"telegram:5\"");
    desk.telegram.close_chat(6, 403, "Forbidden: bot was blocked by the user");
    let gateway = desk.open();
    desk.telegram.say(Say::private(6, "w-blocked"));
    let told = desk.heard("could not deliver");
    assert!(told.contains("telegram:6") && told.contains("blocked"), "{told}");
    let dead = dead_letters(&desk.home);
    assert_eq!((dead.len(), &dead[0]["kind"]), (1, &json!("out")), "{dead:?}");
    let attempts = desk.telegram.calls("sendMessage").len();
    desk.say("w-fine");
    desk.hears("answer to w-fine");
    assert_eq!(desk.telegram.calls("sendMessage").len(), attempts + 1, "what was refused is not tried again");
    gateway.stop();
    whole(&desk.home);
}

#[test]
fn a_turn_that_is_steered_by_a_crowd_ends() {
    // Every message that comes while the turn runs joins it; each is answered once.
    let telegram = Telegram::start();
    let (home, server) = talking(&[&telegram], &Gate::new());
    let mut crowd = Crowd::of(&[&telegram], 1);
    let gateway = Gateway::start(&home);
    (0..12).for_each(|n| drop(crowd.say(0, if n % 2 == 0 { Want::Tool } else { Want::Text })));
    crowd.wait_answers();
    gateway.stop();
    let found = crowd.reckon(&InFlight::default(), &home.ledger().lines(), &BTreeSet::new());
    found.assert_clean();
    assert_eq!(home.ledger().lines().into_iter().collect::<HashSet<_>>().len(), 6);
    server.requests().iter().for_each(valid);
    sound(&home);
}
