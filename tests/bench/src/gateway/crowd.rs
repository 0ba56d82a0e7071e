//! How many turns the gateway manages.

use anyhow::Result;
use servers::telegram::{FakeTelegram, Say};

use super::{PATIENCE, Running, TEXT, chat_id, greet, home, telegram};
use crate::Setting;
use crate::figure::{Figure, Goal};
use crate::machine::{Stopwatch, fsync, load_average, own_cpu};
use crate::model_server::ModelServer;

/// Chats that talk at the same time.
const CHATS: usize = 64;

/// Each chat says its next word when it is answered: messages that wait together would share a turn, and it is turns that
/// are counted. `COUNT` is their number.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let fake = FakeTelegram::start();
    let home = home(&setting.dir, server.base_url(), &telegram(&fake, CHATS))?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    greet(&fake, CHATS)?;
    let disk = fsync(&setting.dir, 100)?.median();

    let (mut answered, begun) = (fake.latencies().len(), fake.latencies().len());
    let before = (gateway.cpu()?, server.cpu()?, own_cpu()?);
    let watch = Stopwatch::start();
    fake.say_all((0..CHATS).map(|chat| Say::private(chat_id(chat), TEXT)));
    while answered < begun + setting.count {
        fake.wait_for("the next answer", PATIENCE, |seen| seen.answered() > answered)?;
        let new = fake.latencies().split_off(answered);
        answered += new.len();
        fake.say_all(new.into_iter().map(|latency| Say::private(latency.chat, TEXT)));
    }
    let seconds = watch.elapsed().as_secs_f64();
    let turns = (answered - begun) as f64;
    let cpu = (
        (gateway.cpu()? - before.0) / turns,
        (server.cpu()? - before.1) / turns,
        (own_cpu()? - before.2) / turns,
    );
    let memory = gateway.memory()?;
    gateway.kill9()?;

    let what = format!("turns/s of the gateway at `power`, {CHATS} chats, {turns} turns");
    let note = format!(
        "a turn takes {:.2} ms CPU of the gateway, {:.2} ms of the model server, {:.2} ms of the fake Telegram; {memory:.1} MiB \
         (PSS) at the end; load average {:.1}",
        cpu.0,
        cpu.1,
        cpu.2,
        load_average()?
    );
    let figure =
        Figure::new(what, "/s", turns / seconds).beside("fsyncs/s, one after the other", 1_000.0 / disk);
    Ok(vec![figure.goal(Goal::AtLeast(500.0)).note(note)])
}
