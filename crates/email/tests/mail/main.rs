//! The channel against a real IMAP server and a faulty SMTP server.

mod contract;
mod desk;
