//! Wrappers around ports: written once, run through the port's contract suite.

mod retry;

pub use retry::{RetryPolicy, RetryingProvider};
