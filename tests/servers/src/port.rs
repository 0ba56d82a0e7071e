//! A port where nobody listens.

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
