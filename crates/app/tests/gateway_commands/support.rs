//! Runs of the built binary.

use std::process::{Child, Command, Output, Stdio};

use servers::TempHome;

/// A model without a network.
pub(crate) const OFFLINE: &str = "[agent]\nmodel = \"offline\"\n[providers.offline]\nkind = \"offline\"\n";

/// What a command came to.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// This, if it ended with this code and said all of these on either output.
    pub(crate) fn is(self, code: i32, parts: &[&str]) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for part in parts {
            assert!(all.contains(part), "{part:?} is missing in:\n{all}");
        }
        self
    }

    /// Its lines, each a JSON object.
    pub(crate) fn objects(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// `factotum ARGUMENTS`, to its end.
pub(crate) fn factotum(home: &TempHome, arguments: &[&str]) -> Said {
    Said::of(&home.command().args(arguments).stdin(Stdio::null()).output().unwrap())
}

/// A gateway that is ended, whatever becomes of the test.
pub(crate) struct Gateway(pub(crate) Child);

impl Gateway {
    pub(crate) fn start(home: &TempHome) -> Self {
        let mut command: Command = home.command();
        command.arg("gateway").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until the answer is there, for at most a minute.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{what} did not come about");
}
