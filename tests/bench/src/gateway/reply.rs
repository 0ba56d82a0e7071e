//! How long a person waits for an answer while others talk too.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use servers::telegram::{FakeTelegram, Latency, Say};

use super::{PATIENCE, Running, TEXT, chat_id, greet, home, telegram};
use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::machine::{Stopwatch, fsync, load_average};
use crate::model_server::ModelServer;

/// Chats that talk.
pub(super) const CHATS: usize = 50;

/// The time between two messages: 20 a second, whatever becomes of the ones before.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// `COUNT` is the number of messages.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let fake = FakeTelegram::start();
    let home = home(&setting.dir, server.base_url(), &telegram(&fake, CHATS))?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    greet(&fake, CHATS)?;
    let warm = fake.latencies().len();

    // Before and after, so that a disk that changes its mind meanwhile is noticed.
    let mut disk = fsync(&setting.dir, 200)?;
    let before = gateway.cpu()?;
    let watch = Stopwatch::start();
    for n in 0..setting.count {
        sleep((PAUSE * u32::try_from(n)?).saturating_sub(watch.elapsed()));
        fake.say(Say::private(chat_id(n % CHATS), TEXT));
    }
    fake.wait_for("all answers", PATIENCE, |seen| seen.answered() >= warm + setting.count)?;
    let cpu = (gateway.cpu()? - before) / setting.count as f64;
    disk.append(&fsync(&setting.dir, 200)?);
    gateway.end()?;

    let mut samples = Samples::default();
    fake.latencies().iter().skip(warm).for_each(|Latency { last, .. }| samples.add(*last));
    let (syncs, slow) = (2.0 * disk.median(), disk.percentile(99));
    let what = format!("Telegram update in, reply out at `power`, 20/s over {CHATS} chats");
    let note =
        format!("{} messages, {cpu:.2} ms CPU each; load average {:.1}", samples.len(), load_average()?);
    let tail = Figure::new("the slowest hundredth of them", "ms", samples.percentile(99));
    Ok(vec![
        Figure::millis(what, &samples)
            .beside("2 x fsync p50", syncs)
            .goal(Goal::AtMost(syncs + 4.0))
            .note(note),
        tail.beside("fsync p99", slow).goal(Goal::AtMost(40.0)),
    ])
}
