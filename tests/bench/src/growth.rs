//! Whether a long conversation is slower than a short one.

use anyhow::Result;

use crate::Setting;
use crate::embedded::{Durability, assistant, home, runtime, say, session};
use crate::figure::{Figure, Goal, Samples};
use crate::machine::Stopwatch;
use crate::model_server::ModelServer;

/// Turns on each side of the one that is looked at: one turn alone says little.
const AROUND: usize = 5;
const EARLY: usize = 10;
const LATE: usize = 500;

/// Messages of history that a request carries at most by default.
const WINDOW: usize = 200;

/// `COUNT` conversations, one after the other, at `process`: a disk's moods would hide what is looked for.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let home = home(&setting.dir, server.base_url(), Durability::Process)?;
    let (mut early, mut late) = (Samples::default(), Samples::default());
    runtime()?.block_on(async {
        let assistant = assistant(home.path()).await?;
        // Caches, connections, threads.
        for _ in 0..2 * EARLY {
            say(&assistant, &session("warm"), "Hello there, how are you today?").await?;
        }
        for n in 0..setting.count {
            let session = session(format!("s{n}"));
            for turn in 1..=LATE + AROUND {
                let watch = Stopwatch::start();
                say(&assistant, &session, "Hello there, how are you today?").await?;
                if turn.abs_diff(EARLY) <= AROUND {
                    early.add(watch.elapsed());
                } else if turn.abs_diff(LATE) <= AROUND {
                    late.add(watch.elapsed());
                }
            }
        }
        assistant.shutdown().await?;
        anyhow::Ok(())
    })?;
    let bare = (server.bare_exchange(2 * EARLY, 300)?.median(), server.bare_exchange(WINDOW, 300)?.median());
    let (early, late) = (early.median(), late.median());
    let (own_early, own_late) = (early - bare.0, late - bare.1);
    let what = format!("turn {LATE} against turn {EARLY}, our own time, {} conversations", setting.count);
    let note = format!(
        "turn {EARLY}: {early:.2} ms, of it {:.2} the model server's with {} messages; turn {LATE}: {late:.2} ms, of it \
         {:.2} with {WINDOW} messages, where the history's budget ends; 2 x {AROUND} turns around each",
        bare.0,
        2 * EARLY,
        bare.1
    );
    let figure = Figure::new(what, "x", own_late / own_early).beside("whole turns", late / early);
    Ok(vec![figure.goal(Goal::AtMost(1.05)).note(note)])
}
