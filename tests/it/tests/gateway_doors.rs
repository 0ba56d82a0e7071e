//! Who is let in: webhooks, strangers, groups, the lock.

use it::platform::{Platform, Slack};
use it::{Crowd, Desk, PATIENCE, Setup, post, run, sound, until, words};
use serde_json::json;
use servers::slack::SIGNING_SECRET;
use servers::telegram::Say;
use servers::{Reply, Request, Script};

fn newest(request: &Request) -> String {
    words(request).last().cloned().unwrap_or_default()
}

fn echo() -> Script {
    Script::by(|request, _| Reply::text(&format!("answer to {}", newest(request))))
}

const SECRET: &str = "a-secret-of-the-webhook";

#[test]
fn a_webhook_without_the_right_secret_changes_nothing() {
    let port = servers::free_port().unwrap();
    let desk = Desk::new(echo())
        .channel(&format!(
            "webhook_url = \"http://127.0.0.1:{port}/hooks/telegram\"\nwebhook_secret = \"{SECRET}\""
        ))
        .more(&format!("[http]\nbind = \"127.0.0.1:{port}\"\ntoken = \"token-of-the-tests\""));
    let gateway = desk.open();
    let addr = gateway.http();
    let update = json!({"update_id": 5, "message": {
        "message_id": 1, "date": 1_750_000_000, "text": "w-forged",
        "chat": {"id": 5, "type": "private", "first_name": "A"}, "from": {"id": 5, "is_bot": false, "first_name": "A"},
    }})
    .to_string();
    let name = "X-Telegram-Bot-Api-Secret-Token";
    for headers in
        [&[][..], &[(name, "")], &[(name, "a-secret-of-the-webhooK")], &[("Authorization", SECRET)]]
    {
        let answer = post(addr, "/hooks/telegram", headers, &update).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{headers:?}");
    }
    let answer = post(addr, "/hooks/nobody", &[(name, SECRET)], &update).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (404, ""));
    for garbage in ["", "{", "[1, 2]", "{\"update_id\": \"x\"}"] {
        let answer = post(addr, "/hooks/telegram", &[(name, SECRET)], garbage).unwrap();
        assert!(answer.status < 500, "{garbage:?}: {answer:?}");
    }
    // The real platform, with the right secret.
    desk.say("w-real");
    desk.hears("answer to w-real");
    let asked: Vec<String> = desk.server.requests().iter().map(newest).collect();
    assert_eq!(asked, ["w-real"]);
    gateway.stop();
    let listed = run(desk.home.command().args(["sessions", "list", "--json"])).with_code(0);
    assert_eq!(listed.out.lines().count(), 1, "{listed}");
    sound(&desk.home);
}

#[test]
fn a_slack_event_without_the_right_signature_changes_nothing() {
    let slack = Slack::start();
    let table = format!("{}\nsigning_secret = \"{SIGNING_SECRET}\"", slack.table());
    let desk = Desk::new(echo()).more(&format!("[channels.slack]\nenabled = true\n{table}"));
    let gateway = desk.open();
    gateway.wait_channel("slack", "connected");
    let addr = gateway.http();
    let say = servers::slack::Say::new("D0001", "U0001", "w-forged");
    let ts = slack.0.place(&say);
    let body = slack.0.callback(&slack.0.event("message", &say, &ts)).to_string();
    let old = slack.0.signed(body.as_bytes(), 1_600_000_000);
    let signed: Vec<(&str, &str)> = old.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let wrong = [("x-slack-request-timestamp", "1600000000"), ("x-slack-signature", "v0=00")];
    for headers in [&[][..], &wrong, &signed] {
        let answer = post(addr, "/hooks/slack", headers, &body).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{headers:?}");
    }
    let good =
        slack.0.post(&format!("http://{addr}/hooks/slack"), body.replace("w-forged", "w-good").as_bytes());
    assert_eq!(good.unwrap().status, 200);
    until("the answer", || slack.texts(1).iter().any(|text| text.contains("answer to w-good")).then_some(()));
    assert_eq!(desk.server.requests().len(), 1);
    gateway.stop();
    sound(&desk.home);
}

#[test]
fn a_stranger_is_let_in_by_a_code_and_unheard_before() {
    let desk = Desk::new(echo()).more("[gateway]\nnotify = \"telegram:5\"");
    let gateway = desk.open();
    desk.telegram.say(Say::private(77, "w-stranger let me in"));
    until("the code", || (!desk.telegram.texts(77).is_empty()).then_some(()));
    let listed = run(desk.home.command().args(["pairing", "list", "--json"])).with_code(0);
    let asking: serde_json::Value = serde_json::from_str(listed.out.lines().next().unwrap()).unwrap();
    let code = asking["code"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned();
    let told = desk.telegram.texts(77).join("\n");
    assert!(told.contains(&code), "{code}: {told}");
    // The owner hears of it, and nothing of what the stranger wrote.
    let owner = desk.heard("77");
    assert!(!owner.contains("w-stranger"), "{owner}");
    run(desk.home.command().args(["pairing", "approve", &code])).ends(0);
    until("the welcome", || (desk.telegram.texts(77).len() >= 2).then_some(()));
    desk.telegram.say(Say::private(77, "w-friend"));
    drop(desk.heard_in(77, "answer to w-friend"));
    let requests = desk.server.requests();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].body.to_string().contains("w-stranger"));
    run(desk.home.command().args(["pairing", "revoke", "telegram:77"])).ends(0);
    desk.telegram.say(Say::private(77, "w-again"));
    desk.say("w-owner");
    desk.hears("answer to w-owner");
    assert!(!desk.server.requests().iter().any(|request| request.body.to_string().contains("w-again")));
    gateway.stop();
    sound(&desk.home);
}

#[test]
fn the_owner_lets_somebody_in_from_the_chat() {
    let desk = Desk::new(echo());
    let gateway = desk.open();
    desk.telegram.say(Say::private(78, "hello"));
    until("the code", || (!desk.telegram.texts(78).is_empty()).then_some(()));
    desk.say("/pairing");
    let list = desk.heard("telegram:78");
    let code = list.split(':').next().unwrap().trim().to_owned();
    // A stranger cannot do it.
    desk.telegram.say(Say::private(79, &format!("/pairing approve {code}")));
    desk.say(&format!("/pairing approve {code}"));
    desk.hears("is let in as member");
    desk.telegram.say(Say::private(78, "w-in"));
    drop(desk.heard_in(78, "answer to w-in"));
    desk.telegram.say(Say::private(78, "/lock"));
    drop(desk.heard_in(78, "Only the owner may lock me"));
    gateway.stop();
    sound(&desk.home);
}

#[test]
fn in_a_group_it_answers_who_mentions_it() {
    let desk = Desk::new(echo());
    let gateway = desk.open();
    desk.telegram.say(Say::group(-200, 5, "w-among-people"));
    desk.telegram.say(Say::group(-200, 77, "@factotum_bot w-stranger"));
    desk.telegram.say(Say::group(-200, 5, "@factotum_bot w-mention"));
    drop(desk.heard_in(-200, "answer to w-mention"));
    let requests = desk.server.requests();
    let asked: Vec<String> = requests.iter().map(newest).collect();
    assert_eq!(asked, ["w-mention"]);
    assert!(!requests[0].body.to_string().contains("w-stranger"));
    gateway.stop();
    sound(&desk.home);
}

#[test]
fn a_locked_assistant_answers_nobody_until_it_is_unlocked() {
    let desk = Desk::new(echo());
    let gateway = desk.open();
    desk.say("/lock");
    desk.hears("Locked:");
    desk.say("w-locked");
    desk.hears("I am locked");
    gateway.kill9();
    let next = desk.open();
    desk.say("/unlock");
    desk.hears("Unlocked.");
    desk.say("w-unlocked");
    desk.hears("answer to w-unlocked");
    assert_eq!(desk.server.requests().len(), 1, "no model was asked while it was locked");
    next.stop();
}

#[test]
fn a_reload_adds_a_channel_and_changes_the_model_while_a_turn_runs() {
    let gate = servers::Gate::new();
    let held = gate.clone();
    let desk = Desk::new(Script::by(move |request, _| {
        let reply = Reply::text(&format!("answer to {} by {}", newest(request), request.body["model"]));
        if newest(request) == "w-first" { reply.held_by(&held) } else { reply }
    }));
    let gateway = desk.open();
    desk.say("w-first");
    desk.server.wait_for_requests(1, PATIENCE).unwrap();
    let slack = Slack::start();
    let http = "[http]\nbind = \"127.0.0.1:0\"\ntoken = \"token-of-the-tests\"\n";
    let more = format!("{http}{}[channels.slack]\nenabled = true\n{}", desk.table(), slack.table());
    let setup = Setup::of(&desk.server).agent("model = \"test/second\"").exec().more(&more);
    desk.home.write("factotum/config.toml", setup.text());
    gateway.signal("HUP");
    gateway.wait_channel("slack", "connected");
    gate.open();
    desk.hears("answer to w-first by \"scripted\"");
    desk.say("w-second");
    desk.hears("answer to w-second by \"second\"");
    let crowd = Crowd::of(&[&slack], 1);
    slack.0.say(&servers::slack::Say::new("D0000", "U0000", "w-third"));
    until("the answer on Slack", || {
        crowd.texts(0).iter().any(|text| text.contains("answer to w-third")).then_some(())
    });
    // A configuration that makes no sense changes nothing.
    desk.home.write("factotum/config.toml", "[nonsense");
    gateway.signal("HUP");
    until("the refusal in the log", || gateway.log().contains("was not reloaded").then_some(()));
    slack.0.say(&servers::slack::Say::new("D0000", "U0000", "w-fourth"));
    until("the answer on Slack", || {
        crowd.texts(0).iter().any(|text| text.contains("answer to w-fourth")).then_some(())
    });
    gateway.stop();
}
