//! A running gateway, seen and steered from outside.

use std::time::Duration;

use servers::{
    TempHome,
    telegram::{FakeTelegram, Say},
};

use crate::support::{Gateway, OFFLINE, factotum, until};

const PATIENCE: Duration = Duration::from_secs(60);

fn home(telegram: &FakeTelegram, more: &str) -> TempHome {
    TempHome::with_config(&format!(
        "{OFFLINE}[http]\nbind = \"127.0.0.1:0\"\n[channels.telegram]\nenabled = true\nallow = [\"5\"]\n\
         token = \"{}\"\napi_url = \"{}\"\n{more}",
        telegram.token(),
        telegram.url()
    ))
}

fn connected(home: &TempHome) {
    until("a connected channel", || {
        let states = factotum(home, &["channels", "status", "--json"]).objects();
        states.iter().any(|state| state["state"] == "connected").then_some(())
    });
}

#[test]
fn who_is_let_in_and_why_can_be_asked_and_changed() {
    let telegram = FakeTelegram::start();
    let home = home(&telegram, "");
    factotum(&home, &["channels", "status"]).is(0, &["telegram", "the gateway does not run"]);
    factotum(&home, &["gateway", "status"]).is(66, &["no gateway runs"]);
    let gateway = Gateway::start(&home);
    connected(&home);
    let own = telegram.say(Say::private(5, "what is 2 + 3?"));
    let strange = telegram.say(Say::private(6, "a-strangers-words"));
    telegram
        .wait_for("an answer and a code", PATIENCE, |seen| {
            !seen.shown(5).is_empty() && !seen.shown(6).is_empty()
        })
        .unwrap();

    factotum(&home, &["status"]).is(0, &["Gateway:    works", "connected to telegram", "1 ask to be let in"]);
    factotum(&home, &["gateway", "status"]).is(0, &["works", "telegram:", "http://127.0.0.1:"]);
    factotum(&home, &["doctor"]).is(0, &["logs in as", "1 ask to be let in", "silent turns   none"]);

    let told = factotum(&home, &["why", &format!("update:{own}"), "--json"]).is(0, &[]).objects();
    assert_eq!((&told[0]["verdict"], &told[0]["state"]), (&"accepted".into(), &"answered".into()));
    assert_eq!(told[0]["let_in_by"][0]["set_in"], "channels.telegram.allow");
    let (message, turn) = (told[0]["id"].as_str().unwrap(), told[0]["turn"].as_str().unwrap());
    for id in [message, turn] {
        factotum(&home, &["turn", "show", id]).is(0, &["what is 2 + 3?", "answer to telegram:5"]);
        factotum(&home, &["turn", "replay", id]).is(0, &["the same: "]);
    }
    factotum(&home, &["why", turn]).is(0, &["No tool call"]);

    let subject = format!("telegram:{}:update:{strange}", telegram.bot_id());
    for name in [subject.clone(), strange.to_string()] {
        let refused = factotum(&home, &["why", &name]).is(
            0,
            &[
                "passed: trusted by the channel",
                "refused: sender is known (channels.telegram.allow)",
                "told a pairing code",
            ],
        );
        assert!(!refused.out.contains("a-strangers-words"), "{}", refused.out);
    }

    let asking = factotum(&home, &["pairing", "list", "--json"]).is(0, &[]).objects();
    assert_eq!((&asking[0]["state"], &asking[0]["sender"]), (&"asks".into(), &"6".into()));
    let code = asking[0]["code"].as_str().unwrap();
    factotum(&home, &["pairing", "approve", code, "--as", "guest"]).is(0, &["telegram:6", "let in as guest"]);
    factotum(&home, &["pairing", "approve", code]).is(66, &["no open request"]);
    factotum(&home, &["pairing", "list"]).is(0, &["telegram:6", "guest"]);
    factotum(&home, &["why", &subject]).is(0, &["today", "passed: sender is known (factotum pairing list)"]);
    factotum(&home, &["pairing", "revoke", "telegram:6"]).is(0, &["stranger again"]);
    factotum(&home, &["pairing", "revoke", "telegram:6"]).is(66, &[]);
    factotum(&home, &["pairing", "revoke", "nobody"]).is(65, &[]);
    factotum(&home, &["pairing", "list"]).is(0, &["Nobody asks"]);

    factotum(&home, &["gateway", "stop"]).is(0, &["has ended"]);
    drop(gateway);
    factotum(&home, &["channels", "status"]).is(0, &["the gateway does not run"]);
}

#[test]
fn a_denied_code_is_gone() {
    let telegram = FakeTelegram::start();
    let home = home(&telegram, "");
    let _gateway = Gateway::start(&home);
    connected(&home);
    telegram.say(Say::private(6, "hello"));
    let code = until("a request", || {
        let asking = factotum(&home, &["pairing", "list", "--json"]).objects();
        asking.first().and_then(|one| one["code"].as_str().map(str::to_owned))
    });
    factotum(&home, &["pairing", "deny", &code]).is(0, &["telegram:6 is refused"]);
    factotum(&home, &["pairing", "deny", &code]).is(66, &[]);
}

#[test]
fn a_log_in_says_as_whom_or_what_to_mend() {
    let telegram = FakeTelegram::start();
    let at = home(&telegram, "");
    let account = telegram.bot_id().to_string();
    factotum(&at, &["channels", "login", "telegram"]).is(0, &["logged in as", &account]);
    factotum(&at, &["channels", "login", "telegrm"]).is(66, &["did you mean `telegram`?"]);
    factotum(&at, &["channels", "login", "discord"])
        .is(66, &["[channels.discord]", "docs/channels/discord.md"]);
    factotum(&at, &["channels", "list"]).is(0, &["telegram", "email", "websocket"]);
    telegram.revoke_token();
    let refused = factotum(&at, &["channels", "login", "telegram"]).is(78, &["telegram"]);
    assert!(!refused.err.contains(telegram.token()), "{}", refused.err);
    factotum(&at, &["doctor"]).is(1, &["BAD  channel"]);
    drop(telegram);
    factotum(&at, &["channels", "login", "telegram"]).is(69, &["telegram"]);
}

#[test]
fn a_channel_without_its_secret_stays_off_and_the_rest_works() {
    let telegram = FakeTelegram::start();
    let home = home(
        &telegram,
        "[channels.discord]\nenabled = true\n[channels.slack]\nenabled = true\nbot_token = \"env:LOST\"\napp_token = \"env:LOST\"\n",
    );
    factotum(&home, &["config", "check"]).is(0, &["channels.discord.token", "stays off"]);
    factotum(&home, &["channels", "login", "slack"]).is(78, &["LOST"]);
    let _gateway = Gateway::start(&home);
    connected(&home);
    factotum(&home, &["channels", "status"])
        .is(0, &["discord    stopped", "slack      stopped", "telegram   connected"]);
    telegram.say(Say::private(5, "what is 2 + 3?"));
    telegram.wait_for("an answer", PATIENCE, |seen| !seen.shown(5).is_empty()).unwrap();
}
