//! The fake Slack for programs in other languages: it prints where it is as one line of JSON, then carries out one JSON
//! command a line from standard input and answers each with a line. It ends with its standard input.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use servers::slack::{APP_TOKEN, ApiFault, BOT_TOKEN, BOT_USER, FakeSlack, SIGNING_SECRET, Say};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "slack-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let fake = FakeSlack::start();
    let mut out = io::stdout();
    let about = json!({
        "api_url": fake.api_url(), "bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "bot_user": BOT_USER,
        "signing_secret": SIGNING_SECRET,
    });
    writeln!(out, "{about}")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line?).unwrap_or_default();
        writeln!(out, "{}", carry_out(&fake, &command))?;
        out.flush()?;
    }
    Ok(())
}

fn carry_out(fake: &FakeSlack, command: &Value) -> Value {
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    match text("do") {
        "say" => {
            let mut say = Say::new(text("channel"), text("user"), text("text"));
            say.files = command["file"].as_str().map(str::to_owned).into_iter().collect();
            let (envelope, ts) = fake.say(&say);
            json!({"envelope": envelope, "ts": ts})
        }
        "slash" => {
            let envelope = fake.slash(text("user"), text("channel"), text("command"), text("text"));
            json!({"envelope": envelope})
        }
        "press" => json!({"envelope": fake.press(text("user"), text("channel"), text("ts"), text("value"))}),
        "file" => json!({"id": fake.add_file(text("name"), text("mime"), text("content").as_bytes())}),
        "limit" => {
            fake.fail_next(text("method"), ApiFault::Limited(1));
            json!({})
        }
        "disconnect" => {
            fake.disconnect(text("reason"));
            json!({})
        }
        "signed" => {
            let headers = fake.signed(text("body").as_bytes(), command["at"].as_i64().unwrap_or_default());
            json!(headers)
        }
        "acked" => {
            let waited = fake.wait_for("an acknowledgement", Duration::from_secs(10), |world| {
                world.acked(text("envelope"))
            });
            json!({"acked": waited.is_ok(), "repeated": fake.read(|world| world.redeliveries(text("envelope")))})
        }
        "shown" => {
            let shown = fake.read(|world| world.shown(text("channel")));
            let texts: Vec<Value> = shown
                .into_iter()
                .map(|one| json!({"ts": one.ts, "text": one.text, "thread_ts": one.thread_ts, "files": one.files}))
                .collect();
            json!(texts)
        }
        "content" => {
            let file = fake.read(|world| world.file(text("id")));
            json!(file.map(|(name, bytes)| json!({"name": name, "text": String::from_utf8_lossy(&bytes)})))
        }
        other => json!({"error": format!("there is no command `{other}`")}),
    }
}
