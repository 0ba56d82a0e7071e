use super::*;
use serde_json::json;

const SOON: Duration = Duration::from_secs(10);

fn call(fake: &FakeTelegram, method: &str, params: &Value) -> u16 {
    let url = format!("{}/bot{TOKEN}/{method}", fake.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(FakeTelegram::forge(&url, None, params)).unwrap()
}

#[test]
fn an_update_stays_until_a_poll_asks_beyond_it() {
    let fake = FakeTelegram::start();
    let updates = fake.say_all([Say::private(5, "one"), Say::private(5, "two")]);
    for offset in [0, updates[0], updates[0] + 1, updates[0] + 1] {
        assert_eq!(call(&fake, "GetUpdates", &json!({"offset": offset, "timeout": 0})), 200);
    }
    assert_eq!(fake.acknowledged(), [updates[0]]);
    assert_eq!(fake.pending(), 1);
}

#[test]
fn an_answer_ends_the_wait_of_the_message_that_it_replies_to() {
    let fake = FakeTelegram::start();
    let updates = fake.say_all([Say::private(5, "one"), Say::private(5, "two"), Say::private(6, "three")]);
    let reply = json!({"message_id": 2, "allow_sending_without_reply": true});
    call(&fake, "sendMessage", &json!({"chat_id": 5, "text": "to two", "reply_parameters": reply}));
    call(&fake, "sendMessage", &json!({"chat_id": 5, "text": "to one"}));
    call(&fake, "editMessageText", &json!({"chat_id": 5, "message_id": 4, "text": "to two, again"}));
    fake.wait_for("two answers", SOON, |seen| seen.answered() == 2).unwrap();
    let latencies = fake.latencies();
    assert_eq!(latencies.iter().map(|one| one.update_id).collect::<Vec<_>>(), [updates[1], updates[0]]);
    assert!(latencies[0].last > latencies[0].first && latencies[1].last == latencies[1].first);
    assert_eq!(fake.texts(5), ["to two, again", "to one"]);
}

#[test]
fn waiting_in_vain_says_what_there_was() {
    let fake = FakeTelegram::start();
    fake.say(Say::private(5, "one"));
    let late = fake.wait_for("an answer", Duration::from_millis(10), |seen| seen.answered() > 0).unwrap_err();
    assert!(late.to_string().contains("for an answer; there is: 1 updates pending"), "{late}");
}

#[test]
fn a_call_with_a_wrong_token_or_an_unknown_method_is_refused() {
    let fake = FakeTelegram::start();
    assert_eq!(call(&fake, "getMe", &json!({})), 200);
    assert_eq!(call(&fake, "getYou", &json!({})), 400);
    fake.revoke_token();
    assert_eq!(call(&fake, "getMe", &json!({})), 401);
}
