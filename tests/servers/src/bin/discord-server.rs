//! The fake Discord as a program, for libraries of other languages: one JSON command a line, one JSON answer a line.
#![expect(clippy::print_stdout, reason = "its answers are its output")]

use std::io::BufRead;

use serde_json::{Value, json};
use servers::discord::{BOT, FakeDiscord, GUILD, Saying};

fn main() {
    let fake = FakeDiscord::start();
    fake.add_channel(400);
    fake.add_thread(410, 400);
    println!(
        "{}",
        json!({"url": fake.url(), "gateway": fake.gateway(), "token": fake.token(), "bot": BOT, "guild": GUILD})
    );
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let command: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        println!("{}", obey(&fake, &command));
    }
}

fn obey(fake: &FakeDiscord, command: &Value) -> Value {
    let number = |key: &str| command[key].as_u64().unwrap_or(0);
    let text = command["text"].as_str().unwrap_or_default();
    match command["do"].as_str().unwrap_or_default() {
        "say" => {
            let (channel, user) = (number("channel"), number("user"));
            let mut saying = match channel {
                400 | 410 => Saying::guild(channel, user, text),
                _ => Saying::direct(channel, user, text),
            };
            if text.contains(&format!("<@{BOT}>")) {
                saying = saying.mentions_bot();
            }
            if let Some(name) = command["file"].as_str() {
                let url = fake.add_file(name, name.to_owned(), true);
                saying = saying.attach(name, "text/plain", name.len(), &url);
            }
            json!({"id": fake.say(&saying).to_string()})
        }
        "slash" => json!({"id": fake.slash(number("channel"), number("user"), text, None).to_string()}),
        "reset" => json!({"done": fake.reset()}),
        "reconnect" => json!({"done": fake.reconnect()}),
        "invalidate" => json!({"done": fake.invalidate(false)}),
        "archive" => {
            fake.archive(number("channel"));
            json!({})
        }
        "shown" => {
            let shown = fake.shown(number("channel"));
            shown.iter().map(|shown| json!({"text": shown.text, "files": shown.files, "reply_to": shown.reply_to})).collect()
        }
        "seen" => fake.seen(|seen| {
            json!({"identifies": seen.identifies.len(), "resumes": seen.resumes.len(), "calls": seen.calls.len(),
                "heartbeats": seen.heartbeats, "commands": fake_commands(seen)})
        }),
        other => json!({"error": format!("no command `{other}`")}),
    }
}

fn fake_commands(seen: &servers::discord::Seen) -> usize {
    seen.calls_to("PUT", "/commands").last().and_then(|call| call.body.as_array()).map_or(0, Vec::len)
}
