//! The gateway as it is shipped: the release binary in a process of its own, and fake platforms in this one.

pub(crate) mod agents;
pub(crate) mod backlog;
pub(crate) mod crowd;
pub(crate) mod idle;
pub(crate) mod jobs;
mod peers;
pub(crate) mod reply;
mod running;
pub(crate) mod stop;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use servers::telegram::{FakeTelegram, Say};
use tempfile::TempDir;

use self::running::Running;

/// The token of the gateway's HTTP server.
const TOKEN: &str = "token-of-the-benchmark";

/// The longest that anything may take before a benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What people say, about as long as a short question.
const TEXT: &str = "Hello there, how are you today?";

/// A data directory on the disk that is measured, with a configuration for these channels.
fn home(dir: &Path, model: &str, channels: &str) -> Result<TempDir> {
    let home = tempfile::Builder::new().prefix("gateway-").tempdir_in(dir)?;
    configure(home.path(), model, channels)?;
    Ok(home)
}

/// Writes the configuration: as durable as can be, everything else at its default. `model` is the base URL of the model
/// server.
fn configure(home: &Path, model: &str, channels: &str) -> Result<()> {
    let config = format!(
        "[agent]\nmodel = \"bench/quick\"\n\n[providers.bench]\nkind = \"openai\"\nbase_url = \"{model}\"\n\n\
         [storage]\ndurability = \"power\"\n\n[http]\nbind = \"127.0.0.1:0\"\ntoken = \"{TOKEN}\"\n\n{channels}"
    );
    std::fs::write(home.join("config.toml"), config)?;
    Ok(())
}

/// The section of a fake Telegram where so many private chats are the owner's.
fn telegram(fake: &FakeTelegram, chats: usize) -> String {
    let own: Vec<String> = (0..chats).map(|chat| format!("\"{}\"", chat_id(chat))).collect();
    format!(
        "[channels.telegram]\nenabled = true\ntoken = \"{}\"\napi_url = \"{}\"\nallow = [{}]\n\n",
        fake.token(),
        fake.url(),
        own.join(", ")
    )
}

/// The id of a private chat and of the person in it.
fn chat_id(chat: usize) -> i64 {
    1_000 + i64::try_from(chat).unwrap_or_default()
}

/// Each of these chats says something once and has its answer: sessions, connections and caches are there afterwards.
fn greet(telegram: &FakeTelegram, chats: usize) -> Result<()> {
    let before = telegram.latencies().len();
    telegram.say_all((0..chats).map(|chat| Say::private(chat_id(chat), TEXT)));
    telegram.wait_for("the first answers", PATIENCE, |seen| seen.answered() >= before + chats)?;
    Ok(())
}
