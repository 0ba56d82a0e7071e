//! What can go wrong with the server as a whole.

use std::{io, net::SocketAddr};

/// Why the server is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Others than this machine could reach it, and nothing would ask them who they are.
    #[error(
        "`http.bind` = {0} can be reached from other machines; set `http.token` first, or bind to 127.0.0.1"
    )]
    PublicWithoutToken(SocketAddr),
    /// The WebSocket channel lets its callers speak as the owner.
    #[error("the WebSocket channel needs `http.token`: whoever presents it speaks as the owner")]
    WebSocketWithoutToken,
    /// A token that everybody knows.
    #[error(
        "`http.token` is empty: write one, for instance from `openssl rand -hex 32`, or take the line out"
    )]
    EmptyToken,
    /// A host or an origin that the configuration allows makes no sense.
    #[error("`http.{key}`: `{entry}` {wrong}")]
    Allowed {
        /// Which list.
        key: &'static str,
        /// The entry.
        entry: String,
        /// What is wrong and how it should look.
        wrong: &'static str,
    },
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
