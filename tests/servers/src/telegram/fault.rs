//! Faults that a test orders for coming calls.

use std::time::Duration;

use serde_json::{Value, json};

/// What happens to a call instead of, or around, its answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The API's own error, with this code, description and `parameters`. Nothing is done.
    Api(u16, String, Option<Value>),
    /// This HTTP status with this body, as a proxy in between would answer. Nothing is done.
    Status(u16, String),
    /// The connection closes without an answer. Nothing is done.
    Cut,
    /// The call is done, and the connection closes without an answer.
    CutAfter,
    /// The call is done, and the answer is half of its JSON.
    Truncate,
    /// Nothing is done and nothing comes for this long; then the connection closes.
    Hang(Duration),
    /// The call is done after this time.
    Delay(Duration),
}

impl Fault {
    /// Flood control: try again after so many seconds.
    #[must_use]
    pub fn retry_after(seconds: u64) -> Self {
        let text = format!("Too Many Requests: retry after {seconds}");
        Self::Api(429, text, Some(json!({"retry_after": seconds})))
    }

    /// An error of the API without parameters.
    #[must_use]
    pub fn api(code: u16, description: &str) -> Self {
        Self::Api(code, description.to_owned(), None)
    }

    /// A gateway's page in place of the API's JSON.
    #[must_use]
    pub fn bad_gateway() -> Self {
        Self::Status(502, "<html><head><title>502 Bad Gateway</title></head></html>".into())
    }
}

/// Faults that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Ordered>);

#[derive(Debug)]
struct Ordered {
    method: String,
    left: u32,
    fault: Fault,
}

impl Faults {
    pub(super) fn order(&mut self, method: &str, times: u32, fault: Fault) {
        self.0.push(Ordered { method: method.to_lowercase(), left: times, fault });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault for a call of `method` (lower case), used up by that; `*` stands for all methods.
    pub(super) fn take(&mut self, method: &str) -> Option<Fault> {
        let at = self.0.iter().position(|ordered| ordered.method == method || ordered.method == "*")?;
        let ordered = &mut self.0[at];
        ordered.left -= 1;
        let fault = ordered.fault.clone();
        if ordered.left == 0 {
            self.0.remove(at);
        }
        Some(fault)
    }
}
