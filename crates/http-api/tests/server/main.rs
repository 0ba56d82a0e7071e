//! The server from outside, over real sockets, with a store in memory and a model that follows a script.

#![expect(clippy::expect_used, clippy::panic, reason = "what should be there and is not fails the test")]

mod support;

mod approvals;
mod auth;
mod bad_frames;
mod chat;
mod corpus;
mod faithful;
mod files;
mod hooks;
mod http;
mod limits;
mod resume;
