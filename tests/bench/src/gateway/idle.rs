//! A gateway that nobody talks to.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use servers::socket::SocketClient;

use super::{Running, TOKEN, home, peers::Peers};
use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::machine::{Stopwatch, load_average};
use crate::model_server::ModelServer;

/// Starts whose time is taken.
const STARTS: usize = 20;

/// How long after the last channel has connected everything has come to rest.
const SETTLE: Duration = Duration::from_secs(5);

/// `COUNT` is for how many seconds it is watched.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let peers = Peers::start();
    let kinds = peers.kinds();
    let home = home(&setting.dir, server.base_url(), &peers.channels())?;

    let (mut ready, mut connected) = (Samples::default(), Samples::default());
    // The first one makes the database.
    for round in 0..=STARTS {
        let mut gateway = Running::start(&setting.binary, home.path())?;
        let took = gateway.ready()?;
        gateway.connected(&kinds)?;
        if round > 0 {
            ready.add(took);
            connected.add(gateway.age());
        }
        gateway.end()?;
    }

    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    gateway.connected(&kinds)?;
    let _client = SocketClient::start(gateway.http()?, TOKEN);
    sleep(SETTLE);
    let before = gateway.cpu()?;
    let watch = Stopwatch::start();
    sleep(Duration::from_secs(u64::try_from(setting.count)?));
    let millis = gateway.cpu()? - before;
    let share = millis / watch.elapsed().as_secs_f64() / 10.0;
    let memory = gateway.memory()?;
    gateway.end()?;

    // The one for WebSocket clients has no peer to connect to.
    let channels = kinds.len() + 1;
    let note = format!(
        "all have reached their platforms after {:.1} ms; slowest start: {:.1} ms; load average {:.1}",
        connected.median(),
        ready.percentile(100),
        load_average()?
    );
    let ready = Figure::millis(format!("gateway, {channels} channels: ready, {STARTS} starts"), &ready);
    let memory = Figure::new(format!("idle gateway, {channels} channels: memory (PSS)"), "MiB", memory);
    let cpu =
        Figure::new(format!("idle gateway, {channels} channels: CPU over {} s", setting.count), "%", share);
    Ok(vec![
        ready.goal(Goal::AtMost(30.0)).note(note),
        memory.goal(Goal::AtMost(20.0)),
        cpu.goal(Goal::AtMost(0.1)).note(format!("{millis:.1} ms of CPU")),
    ])
}
