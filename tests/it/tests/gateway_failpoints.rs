//! `kill -9` of the gateway at each place that a message passes: nothing is lost, nothing unsafe runs twice, and an
//! answer comes twice at most where it was being sent.

use it::kill_at;
use it::platform::Telegram;
use it::talk::Want;

fn kills_at(site: &str, want: Want) {
    for moment in ["before", "after"] {
        for n in [1, 2] {
            kill_at(&Telegram::start(), &format!("{site}.{moment}:{n}"), want);
        }
    }
}

#[test]
fn around_the_inbox_commit() {
    kills_at("inbox", Want::Text);
}

#[test]
fn around_the_acknowledgement() {
    kills_at("ack", Want::Text);
}

#[test]
fn around_the_lease() {
    kills_at("lease", Want::Text);
}

#[test]
fn around_a_journal_write() {
    kills_at("journal", Want::Tool);
}

#[test]
fn around_a_model_call() {
    kills_at("model", Want::Tool);
}

#[test]
fn around_a_draft() {
    kills_at("draft", Want::Slow);
}

#[test]
fn around_the_start_of_a_tool() {
    kills_at("tool_start", Want::Tool);
}

#[test]
fn around_the_end_of_a_tool() {
    kills_at("tool_end", Want::Tool);
}

#[test]
fn around_the_commit_of_a_turn() {
    kills_at("commit", Want::Text);
}

#[test]
fn around_a_send() {
    kills_at("send", Want::Text);
}

#[test]
fn around_the_note_that_something_was_sent() {
    kills_at("sent", Want::Text);
}
