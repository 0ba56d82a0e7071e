//! Why a connection ends.

/// Why, from the server's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed it or vanished.
    Gone,
    /// The client closed it and waits for the answer.
    Closed,
    /// The server is being stopped.
    Stopping,
    /// The token is wrong.
    WrongToken,
    /// No token came in time.
    NoToken,
    /// The client speaks another version.
    Version,
    /// There are too many clients.
    Full,
    /// A frame is larger than allowed.
    TooLarge,
    /// What came was no WebSocket frame, or far larger than allowed.
    Protocol,
    /// Far too many frames.
    Flood,
    /// The client does not read what is sent.
    Slow,
    /// The client gives no sign of life.
    Silent,
    /// A fault of ours.
    Internal,
}

impl End {
    /// The code and the reason that the client is told; `None` where nobody listens.
    pub(super) fn close_frame(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Gone => return None,
            Self::Closed => (1000, ""),
            Self::Stopping => (1001, "the server is being stopped; connect again and attach"),
            Self::WrongToken => (4401, "wrong token"),
            Self::NoToken => (4401, "no token came in time"),
            Self::Version => (4400, "this server speaks version 1 of the protocol"),
            Self::Full => (1013, "too many clients; try again later"),
            Self::TooLarge => (1009, "the frame is too large"),
            Self::Protocol => (1002, "the frame was far too large or broke the WebSocket protocol"),
            Self::Flood => (1008, "too many frames"),
            Self::Slow => (4408, "the client reads too slowly; connect again and attach"),
            Self::Silent => (4408, "no answer to pings; connect again and attach"),
            Self::Internal => (1011, "internal error; connect again and attach"),
        })
    }
}
