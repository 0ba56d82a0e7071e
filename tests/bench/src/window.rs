//! Reading the newest part of a history, short and long.

use std::sync::Arc;

use anyhow::Result;
use factotum::{SystemClock, SystemIds};
use session_api::{
    Message, MessageId, Part, Principal, Role, Scope, SessionKey, SessionStore, Timestamp, TurnId,
    WindowBudget, WorkerId,
};
use sqlite_store::{Durability, OpenOptions, SqliteStore};

use crate::Setting;
use crate::embedded::{runtime, session};
use crate::figure::{Figure, Goal, Samples};
use crate::machine::Stopwatch;

const SHORT: usize = 100;
/// Fewer than the short history has, so that both windows are equally long.
const BUDGET: WindowBudget = WindowBudget { messages: 64, bytes: 1 << 20 };
/// Messages that are imported by one call.
const BATCH: usize = 1_000;

/// `COUNT` is the length of the long history.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let home = tempfile::Builder::new().prefix("window-").tempdir_in(&setting.dir)?;
    runtime()?.block_on(async {
        let worker = WorkerId::new(&SystemIds);
        let mut options = OpenOptions::new(home.path(), worker);
        options.durability = Durability::Process;
        let (store, writer) =
            SqliteStore::open(options, Arc::new(SystemClock::new()), Arc::new(SystemIds)).await?;
        let mut writing = tokio::task::JoinSet::new();
        writing.spawn(writer.run());
        let (short, long) = (session("short"), session("long"));
        fill(&store, &short, SHORT).await?;
        fill(&store, &long, setting.count).await?;
        let (mut few, mut many) = (Samples::default(), Samples::default());
        for round in 0..550 {
            for (key, samples) in [(&short, &mut few), (&long, &mut many)] {
                let watch = Stopwatch::start();
                let window = store.window(&Scope::All, key, BUDGET).await?;
                let took = watch.elapsed();
                anyhow::ensure!(window.messages.len() == BUDGET.messages, "the window is too short");
                // The first ones fill caches.
                if round >= 50 {
                    samples.add(took);
                }
            }
        }
        drop(store);
        while let Some(ended) = writing.join_next().await {
            ended??;
        }
        let what = format!("`window` of {} messages at message {}", BUDGET.messages, setting.count);
        let figure = Figure::millis(what, &many).beside(format!("at message {SHORT}"), few.median());
        Ok(vec![figure.goal(Goal::AtMost(few.median() * 1.1))])
    })
}

pub(crate) async fn fill(store: &dyn SessionStore, key: &SessionKey, count: usize) -> Result<()> {
    let owner = Principal::owner().id;
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        let messages = (0..batch).map(|n| message(n.is_multiple_of(2))).collect();
        store.import_session(key, &owner, messages).await?;
        left -= batch;
    }
    Ok(())
}

fn message(asks: bool) -> Message {
    Message {
        id: MessageId::new(&SystemIds),
        role: if asks { Role::User } else { Role::Assistant },
        principal: asks.then(|| Principal::owner().id),
        turn: TurnId::new(&SystemIds),
        at: Timestamp(1_763_700_000_000),
        parts: vec![Part::text(servers::quick::TEXT)],
    }
}
