//! Mail servers: a real dovecot, a proxy in front of it that breaks things, a scripted IMAP server, and an SMTP server
//! with faults.

mod dovecot;
mod maildir;
mod proxy;
mod script;
mod smtp;
mod smtp_session;

pub use dovecot::{Dovecot, PASSWORD, USER};
pub use proxy::ImapProxy;
pub use script::{Act, ImapScript};
pub use smtp::{Fault, SmtpServer, TakenMail};
