//! A running `factotum gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;
use servers::TempHome;

use crate::process::{Output, Proc};
use crate::wait::until;

/// A gateway on a home. Dropped, it is killed; when its test fails, it says what it logged.
#[derive(Debug)]
pub struct Gateway {
    proc: Option<Proc>,
    pid: u32,
    root: PathBuf,
}

impl Gateway {
    /// Starts one and waits until it works.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(home: &TempHome) -> Self {
        let gateway = Self::launch(home, None);
        gateway.wait_ready();
        gateway
    }

    /// Starts one without waiting; `failpoint` is `SITE:N`, where it kills itself.
    #[must_use]
    pub fn launch(home: &TempHome, failpoint: Option<&str>) -> Self {
        let mut command = home.command();
        command.arg("gateway");
        if let Some(site) = failpoint {
            command.env("FACTOTUM_FAILPOINT", format!("{site}:kill"));
        }
        Self::of(home, Proc::start(&mut command))
    }

    /// Around a gateway on this home that was started otherwise.
    #[must_use]
    pub fn of(home: &TempHome, proc: Proc) -> Self {
        let pid = proc.pid();
        Self { proc: Some(proc), pid, root: home.path() }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it wrote down about itself; `None` before it did and after its end.
    #[must_use]
    pub fn status(&self) -> Option<Value> {
        let text = std::fs::read(self.root.join(format!("run/gateway-{}.json", self.pid))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Waits until it works and, where it serves HTTP, until that is there.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn wait_ready(&self) {
        until(&format!("the gateway to work; {}", self.log_tail()), || {
            (self.status()?["ready"] == true || !self.lives()).then_some(())
        });
        assert!(self.lives(), "the gateway ended: {}", self.log());
    }

    /// Waits until a channel is in this state: `connecting`, `connected`, `retrying` or `stopped`. Returns the channel's
    /// health.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn wait_channel(&self, kind: &str, state: &str) -> Value {
        until(&format!("{kind} to be {state}"), || {
            let channel = self.status()?["channels"][kind].clone();
            (channel["state"] == state).then_some(channel)
        })
    }

    /// Waits until its HTTP server listens.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        let Some(addr) = self.http_or_end() else { panic!("the gateway ended: {}", self.log()) };
        addr
    }

    /// As [`http`](Self::http), for a gateway that is to be killed: `None` when it ended before.
    ///
    /// # Panics
    /// When it comes to neither.
    #[must_use]
    pub fn http_or_end(&self) -> Option<SocketAddr> {
        let listens = || self.status()?["http"].as_str()?.parse().ok();
        until("the HTTP server", || match listens() {
            Some(addr) => Some(Some(addr)),
            None => (!self.lives()).then_some(None),
        })
    }

    /// The role: `primary` or `standby`.
    #[must_use]
    pub fn role(&self) -> String {
        let role = self.status().and_then(|status| status["role"].as_str().map(str::to_owned));
        role.unwrap_or_default()
    }

    /// Whether it runs.
    #[must_use]
    pub fn lives(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
        matches!(state, Some(state) if state != "Z" && state != "X")
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.proc.as_ref().map(Proc::err_so_far).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Sends it a signal by name.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        if let Some(proc) = &self.proc {
            proc.signal(name);
        }
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub fn stop(self) {
        self.signal("TERM");
        self.wait().ends(0);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use = "look at how it ended, or drop it openly"]
    #[expect(clippy::expect_used, reason = "taken here alone")]
    pub fn wait(mut self) -> Output {
        self.proc.take().expect("it was started").wait()
    }

    /// `kill -9`, and waits until it is gone.
    #[expect(clippy::expect_used, reason = "taken here alone")]
    pub fn kill9(mut self) {
        drop(self.proc.take().expect("it was started").kill9());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() && self.proc.is_some() {
            use std::io::Write as _;
            let log = self.log_tail();
            let _ = writeln!(std::io::stderr(), "-- the end of the log of gateway {}\n{log}", self.pid);
        }
    }
}
