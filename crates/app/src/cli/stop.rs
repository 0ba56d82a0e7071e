//! Ctrl-C, and being asked to end, for commands that hold no conversation. From the first wait on, neither ends the
//! process by itself: whoever works on must listen.

use std::io;

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Over when the user has pressed Ctrl-C or the process was asked to end. Clones are over together, so that none is
/// late for a signal that came before it was awaited.
pub(super) type Stop = Shared<BoxFuture<'static, ()>>;

/// From the first poll on.
pub(super) fn asked() -> Stop {
    once().boxed().shared()
}

/// Over when that has happened twice: what is under way is not waited for any longer.
pub(super) async fn insisted() {
    let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
    signals.next().await;
    signals.next().await;
}

async fn once() {
    // Without signals there is nothing to wait for.
    let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
    signals.next().await;
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
