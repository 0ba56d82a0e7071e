//! The channel against a real IMAP server and a faulty SMTP server. Numbers in names are those of the acceptance cases
//! in the protocol notes.

mod answers;
mod contract;
mod desk;
mod login;
mod mailbox;
mod outages;
mod refusals;
