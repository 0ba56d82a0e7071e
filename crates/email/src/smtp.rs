//! Handing a mail to the submission server, step by step: only so is it known how far a failed delivery had come.

use std::time::Duration;

use agent_core::ChannelError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::ExposeSecret;
use session_api::Clock;

use crate::config::{Config, Tls};
use crate::error::{self, Stage, doubtful, permanent, setup, temporary, within};
use crate::outbound::Outgoing;
use crate::tls;

/// Longest wait for greeting, TLS, login and envelope together.
const TALK: Duration = Duration::from_secs(60);
/// Longest wait for the content to go over and to be taken (RFC 5321 wants ten minutes of patience here).
const CONTENT: Duration = Duration::from_secs(600);

/// Whether the server lets us in.
pub(crate) async fn check(config: &Config, clock: &dyn Clock) -> Result<(), ChannelError> {
    let work = async {
        let mut connection = open(config).await?;
        // What it says to the good-bye changes nothing.
        let _ = connection.quit().await;
        Ok(())
    };
    within(clock, TALK, work).await.unwrap_or_else(|| Err(late(config)))
}

/// Delivers a mail.
pub(crate) async fn deliver(config: &Config, clock: &dyn Clock, mail: &Outgoing) -> Result<(), ChannelError> {
    let begin = async {
        let mut connection = open(config).await?;
        if is_foreign(mail) && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(permanent("the mail server cannot send to an address that is not ASCII"));
        }
        envelope(&mut connection, mail).await.map_err(|error| error::smtp(Stage::Envelope, &error))?;
        Ok(connection)
    };
    let mut connection = within(clock, TALK, begin).await.unwrap_or_else(|| Err(late(config)))?;
    match within(clock, CONTENT, connection.message(&mail.bytes)).await {
        Some(Ok(_)) => {}
        Some(Err(error)) => return Err(error::smtp(Stage::Content, &error)),
        None => return Err(doubtful("the mail server did not say whether it took the mail")),
    }
    // It is taken; a server that does not say good-bye is no reason to wait.
    let _ = within(clock, Duration::from_secs(2), connection.quit()).await;
    Ok(())
}

fn late(config: &Config) -> ChannelError {
    temporary(format!("{} did not answer within {} s", config.smtp.host, TALK.as_secs()))
}

async fn open(config: &Config) -> Result<AsyncSmtpConnection, ChannelError> {
    let server = &config.smtp;
    let hello = ClientId::Domain(config.domain().to_owned());
    let implicit = if server.tls == Tls::Implicit { Some(tls::smtp(config)?) } else { None };
    let address = (server.host.as_str(), server.port);
    let lost = |error| error::smtp(Stage::Connect, &error);
    let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(TALK), &hello, implicit, None)
        .await
        .map_err(lost)?;
    if server.tls == Tls::Upgrade {
        if !connection.can_starttls() {
            return Err(setup(format!("{} offers no STARTTLS; check smtp_port and smtp_tls", server.host)));
        }
        connection.starttls(tls::smtp(config)?, &hello).await.map_err(lost)?;
    }
    let mechanisms = [Mechanism::Plain, Mechanism::Login];
    // A relay on this machine may want no login; one that wants it says so later.
    if connection.server_info().get_auth_mechanism(&mechanisms).is_some() {
        let login = Credentials::new(server.user.clone(), server.password.expose_secret().to_owned());
        let done = connection.auth(&mechanisms, &login).await;
        done.map_err(|error| error::smtp(Stage::Login, &error))?;
    }
    Ok(connection)
}

/// Whether an address needs a server that knows SMTPUTF8.
fn is_foreign(mail: &Outgoing) -> bool {
    mail.envelope
        .to()
        .iter()
        .chain(mail.envelope.from())
        .any(|address| !AsRef::<str>::as_ref(address).is_ascii())
}

async fn envelope(
    connection: &mut AsyncSmtpConnection,
    mail: &Outgoing,
) -> Result<(), lettre::transport::smtp::Error> {
    let mut options = Vec::new();
    if is_foreign(mail) {
        options.push(MailParameter::SmtpUtfEight);
    }
    if !mail.bytes.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection.command(Mail::new(mail.envelope.from().cloned(), options)).await?;
    for to in mail.envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
    }
    connection.command(Data).await?;
    Ok(())
}
