//! Mail servers: a real dovecot, a scripted IMAP server, and an SMTP server with faults.
