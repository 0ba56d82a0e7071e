//! A running gateway.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::PATIENCE;
use crate::machine::{Stopwatch, cpu_of_all, memory_of};

/// How often to look. Small beside what is measured, and long enough to leave the cores to the gateway.
const LOOK: Duration = Duration::from_micros(200);

/// A gateway; dropped, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    home: PathBuf,
    started: Stopwatch,
}

impl Running {
    pub(super) fn start(binary: &Path, home: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(home.join("gateway.log"))?;
        let mut command = Command::new(binary);
        command.arg("gateway").env_clear().env("FACTOTUM_HOME", home).env("HOME", home);
        command.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let started = Stopwatch::start();
        let child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        Ok(Self { child, home: home.to_owned(), started })
    }

    /// Waits until it takes messages and serves HTTP; gives how long that took from before its start.
    pub(super) fn ready(&mut self) -> Result<Duration> {
        self.until("to be ready", |status| status["ready"] == true && status["http"].is_string())?;
        Ok(self.started.elapsed())
    }

    /// Waits until these channels are connected.
    pub(super) fn connected(&mut self, kinds: &[&str]) -> Result<()> {
        let all = |status: &Value| kinds.iter().all(|kind| status["channels"][kind]["state"] == "connected");
        self.until("to have all channels connected", all)
    }

    /// The time since its start.
    pub(super) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Where it serves HTTP.
    pub(super) fn http(&self) -> Result<SocketAddr> {
        let status = self.status().context("the gateway wrote no status")?;
        Ok(status["http"].as_str().context("the gateway serves no HTTP")?.parse()?)
    }

    /// CPU it has used, in milliseconds.
    pub(super) fn cpu(&self) -> Result<f64> {
        cpu_of_all(self.child.id())
    }

    /// The memory it holds, in MiB.
    pub(super) fn memory(&self) -> Result<f64> {
        memory_of(&self.child.id().to_string())
    }

    /// Asks it to end, and waits for that.
    pub(super) fn end(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let watch = Stopwatch::start();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the gateway ended with {status}: {}", self.log_tail());
                return Ok(());
            }
            ensure!(watch.elapsed() < PATIENCE, "the gateway does not end: {}", self.log_tail());
            sleep(LOOK * 10);
        }
    }

    /// `kill -9`; it is gone when this returns.
    pub(super) fn kill9(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn status(&self) -> Option<Value> {
        let file = self.home.join(format!("run/gateway-{}.json", self.child.id()));
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    fn until(&mut self, what: &str, enough: impl Fn(&Value) -> bool) -> Result<()> {
        let watch = Stopwatch::start();
        loop {
            let status = self.status();
            if status.as_ref().is_some_and(&enough) {
                return Ok(());
            }
            if let Some(ended) = self.child.try_wait()? {
                bail!("the gateway ended with {ended}: {}", self.log_tail());
            }
            if watch.elapsed() > PATIENCE {
                bail!("waited {PATIENCE:?} for the gateway {what}; {status:?}; {}", self.log_tail());
            }
            sleep(LOOK);
        }
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.home.join("gateway.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
