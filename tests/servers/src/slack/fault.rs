//! What can be made to go wrong.

/// What the next call of one method gets instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiFault {
    /// `{"ok":false,"error":…}`; nothing is done.
    Error(String),
    /// HTTP 429 with `Retry-After` in seconds; nothing is done.
    Limited(u64),
    /// This HTTP status and a page of text; nothing is done.
    Status(u16),
    /// HTTP 200 with a page of HTML; nothing is done.
    Html,
    /// The connection closes without an answer; nothing is done.
    CutBefore,
    /// It is done, and then the connection closes without an answer.
    CutAfter,
}

/// How the next socket misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// It is accepted and says nothing at first: no hello, no envelopes.
    NoHello,
    /// It says hello and is then dead without being closed: it reads nothing, not even pings.
    HalfOpen,
    /// It overlooks acknowledgements, so that everything on it is delivered again.
    Deaf,
}
