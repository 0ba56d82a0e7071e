//! A start with very much to do.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use servers::telegram::{FakeTelegram, Say};

use super::{PATIENCE, Running, TEXT, chat_id, configure, home, telegram};
use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::machine::{Stopwatch, fsync, load_average};
use crate::model_server::ModelServer;

/// Messages that wait, all of them acknowledged to the platform.
const WAITING: usize = 10_000;

/// The chats that they wait in.
const CHATS: usize = 500;

/// What is seen of one crash.
#[derive(Default)]
struct Seen {
    accepted: Samples,
    ready: Samples,
    first: Samples,
    all: Samples,
}

/// `COUNT` is the number of crashes.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let mut seen = Seen::default();
    let mut disk = Samples::default();
    for _ in 0..setting.count {
        disk.append(&fsync(&setting.dir, 50)?);
        crash(setting, &server, &mut seen)?;
    }
    let what = format!("first reply after a kill with {WAITING} messages in {CHATS} chats waiting");
    let note = format!(
        "{} crashes; ready after {:.1} ms; every chat has its answer after {:.0} ms; taking all in had taken {:.0} ms; load \
         average {:.1}",
        seen.first.len(),
        seen.ready.median(),
        seen.all.median(),
        seen.accepted.median(),
        load_average()?
    );
    let figure = Figure::millis(what, &seen.first).beside("2 x fsync p50", 2.0 * disk.median());
    Ok(vec![figure.goal(Goal::AtMost(500.0)).note(note)])
}

fn crash(setting: &Setting, server: &ModelServer, seen: &mut Seen) -> Result<()> {
    // It takes connections, and nobody ever answers there.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let fake = FakeTelegram::start();
    let channels = telegram(&fake, CHATS);
    let home = home(&setting.dir, &format!("http://{}/v1", silent.local_addr()?), &channels)?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    let watch = Stopwatch::start();
    fake.say_all((0..WAITING).map(|n| Say::private(chat_id(n % CHATS), TEXT)));
    fake.wait_for("everything to be taken in", PATIENCE, |seen| seen.pending() == 0)?;
    seen.accepted.add(watch.elapsed());
    gateway.kill9()?;
    ensure!(fake.latencies().is_empty(), "something was answered without a model");
    drop(silent);

    configure(home.path(), server.base_url(), &channels)?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    let ready = gateway.ready()?;
    fake.wait_for("the first answer", PATIENCE, |seen| seen.answered() > 0)?;
    seen.first.add(gateway.age());
    seen.ready.add(ready);
    fake.wait_for("an answer in every chat", PATIENCE, |seen| seen.answered() >= CHATS)?;
    seen.all.add(gateway.age());
    gateway.kill9()
}
