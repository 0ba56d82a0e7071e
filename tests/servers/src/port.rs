//! Ports where nobody listens: one that never will, and one for a server that is about to start.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// The base URL (`http://127.0.0.1:PORT/v1`) of a port that refuses every connection.
///
/// The port stays bound, without listening, until the process ends, so that no other program can be given it meanwhile.
///
/// # Panics
/// When no port is to be had.
#[must_use]
#[expect(clippy::panic, reason = "a test without its port has nothing to say")]
pub fn refused_url() -> String {
    let bound = tokio::net::TcpSocket::new_v4().and_then(|socket| {
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let address = socket.local_addr()?;
        // Never closed on purpose: closing it would free the port.
        std::mem::forget(socket);
        Ok(address)
    });
    match bound {
        Ok(address) => format!("http://{address}/v1"),
        Err(error) => panic!("no port to refuse connections on: {error}"),
    }
}

/// A free port for a server that binds it itself, later.
///
/// It lies below those that the kernel hands out by itself (from 32,768 on): a port of those may be given to any other
/// test's server or connection before this one's server comes up, and the test then talks to a stranger. Tests that run at
/// the same time begin to look at different places, by their process's id.
///
/// # Errors
/// When none is free.
pub fn free_port() -> io::Result<u16> {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    /// Ports that one process may take before it reaches those of the next.
    const EACH: u32 = 8;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(EACH);
    for _ in 0..COUNT {
        let place = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + place).map_err(io::Error::other)?;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free between 10000 and 29999"))
}
