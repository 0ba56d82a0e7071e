//! What goes wrong on the REST side, once for each order.

use serde_json::{Value, json};

/// What happens to the next call that fits.
#[derive(Debug, Clone, PartialEq)]
pub enum RestFault {
    /// This status and JSON error; nothing is done.
    Status {
        /// The HTTP status.
        status: u16,
        /// Discord's own code.
        code: u64,
        /// Its text.
        message: String,
    },
    /// 429; nothing is done.
    Limited {
        /// Seconds to wait.
        after: f64,
        /// Whether it holds for all routes.
        global: bool,
    },
    /// The call is carried out, and its connection closed without an answer.
    DoneThenCut,
    /// The call is carried out, and never answered.
    DoneThenSilent,
    /// The connection is closed before anything is done.
    Cut,
    /// This status and body, whatever it is.
    Garbage {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}

impl RestFault {
    /// A status with Discord's code.
    #[must_use]
    pub fn status(status: u16, code: u64, message: &str) -> Self {
        Self::Status { status, code, message: message.to_owned() }
    }

    /// The JSON of an error.
    pub(super) fn error(code: u64, message: &str) -> Value {
        json!({"code": code, "message": message})
    }
}

/// A fault that waits for its call.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) fault: RestFault,
}
