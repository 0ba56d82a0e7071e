//! `/stop` while others talk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use servers::telegram::{FakeTelegram, Say};
use servers::{Gate, Reply, Script};

use super::reply::{CHATS, PAUSE};
use super::{PATIENCE, Running, TEXT, chat_id, greet, home, telegram};
use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::machine::{Stopwatch, fsync, load_average};

/// Chats that stop something, beside those that only talk.
const STOPPING: usize = 10;

/// A message with this is not answered.
const HOLD: &str = "Please think about this for ever.";

/// `COUNT` is the number of stops.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let never = Gate::new();
    let held = Arc::new(AtomicUsize::new(0));
    let server = servers::ModelServer::start(Script::by({
        let held = held.clone();
        move |request, _| {
            let reply = Reply::text(servers::quick::TEXT);
            if request.last_user_text().is_some_and(|text| text.contains(HOLD)) {
                held.fetch_add(1, Ordering::SeqCst);
                return reply.held_by(&never);
            }
            reply
        }
    }));
    let fake = FakeTelegram::start();
    let home = home(&setting.dir, &server.base_url(), &telegram(&fake, CHATS + STOPPING))?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    greet(&fake, CHATS + STOPPING)?;

    let mut disk = fsync(&setting.dir, 100)?;
    let over = AtomicBool::new(false);
    let samples = std::thread::scope(|scope| {
        let talking = scope.spawn(|| talk(&fake, &over));
        let samples = stops(&fake, &held, setting.count);
        over.store(true, Ordering::SeqCst);
        talking.join().map_err(|_| anyhow!("the thread that talks panicked"))?;
        samples
    })?;
    disk.append(&fsync(&setting.dir, 100)?);
    gateway.kill9()?;

    let tail = samples.percentile(99);
    let note = format!(
        "{} stops, p50 {:.1} ms, slowest {:.1} ms; load average {:.1}",
        samples.len(),
        samples.median(),
        samples.percentile(100),
        load_average()?
    );
    let figure = Figure::new("`/stop` until `Stopped.` at 20 messages/s, p99", "ms", tail);
    Ok(vec![figure.beside("2 x fsync p50", 2.0 * disk.median()).goal(Goal::AtMost(500.0)).note(note)])
}

/// The others, until it is over.
fn talk(fake: &FakeTelegram, over: &AtomicBool) {
    let watch = Stopwatch::start();
    let mut due = Duration::ZERO;
    for chat in (0..CHATS).cycle() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        sleep(due.saturating_sub(watch.elapsed()));
        fake.say(Say::private(chat_id(chat), TEXT));
        due += PAUSE;
    }
}

/// One stop after the other, each of a turn that waits for the model.
fn stops(fake: &FakeTelegram, held: &AtomicUsize, count: usize) -> Result<Samples> {
    let mut samples = Samples::default();
    for n in 0..count {
        let chat = chat_id(CHATS + n % STOPPING);
        let told = fake.texts(chat).len();
        let before = held.load(Ordering::SeqCst);
        fake.say(Say::private(chat, HOLD));
        let watch = Stopwatch::start();
        while held.load(Ordering::SeqCst) == before {
            ensure!(watch.elapsed() < PATIENCE, "the turn to be stopped does not begin");
            sleep(Duration::from_millis(1));
        }
        let watch = Stopwatch::start();
        fake.say(Say::private(chat, "/stop"));
        fake.wait_for("the end of the turn", PATIENCE, |seen| {
            let shown = seen.shown(chat);
            shown.iter().skip(told).any(|shown| shown.text.starts_with("Stopped."))
        })?;
        samples.add(watch.elapsed());
    }
    Ok(samples)
}
