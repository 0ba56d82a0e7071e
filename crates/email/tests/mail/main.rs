//! The channel against a real IMAP server and a faulty SMTP server. Numbers in names are those of the acceptance cases
//! in the protocol notes.

#![expect(clippy::expect_used, reason = "a set-up that fails fails its test, with a sentence")]

mod answers;
mod contract;
mod desk;
mod login;
mod mailbox;
mod office;
mod outages;
mod refusals;
mod scripted;
mod tls;
