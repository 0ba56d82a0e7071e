//! Signals, and what systemd wants to hear.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::Environment;

/// What somebody outside wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT: end. A second one: end at once.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals of the process.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    /// Tells systemd, where it asked for that, that the gateway works.
    pub(crate) fn ready(&self, environment: &Environment) {
        notify(environment, "READY=1\nSTATUS=working");
    }

    /// Tells systemd that the gateway ends.
    pub(crate) fn stopping(&self, environment: &Environment) {
        notify(environment, "STOPPING=1\nSTATUS=finishing what runs");
    }
}

/// Sends one datagram to the socket that systemd named: its whole protocol (`sd_notify(3)`).
fn notify(environment: &Environment, text: &str) {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(path) = environment.get("NOTIFY_SOCKET") else { return };
    let told = UnixDatagram::unbound().and_then(|socket| match path.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            socket.send_to_addr(text.as_bytes(), &SocketAddr::from_abstract_name(name)?)
        }
        _ => socket.send_to_addr(text.as_bytes(), &SocketAddr::from_pathname(path)?),
    });
    if let Err(error) = told {
        tracing::warn!(%error, "systemd could not be told");
    }
}
