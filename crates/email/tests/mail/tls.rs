//! TLS, and whose certificates are believed.

use serde_json::json;
use servers::mail::Dovecot;

use crate::desk::{Desk, reply};
use crate::office::Office;

#[tokio::test(flavor = "multi_thread")]
async fn tls_of_both_kinds_works_with_the_owners_certificate_and_not_without() {
    let Some(dovecot) = Dovecot::with_tls() else { return };
    let Some(desk) = Desk::open() else { return };
    for (kind, port) in [("implicit", dovecot.tls_port()), ("starttls", dovecot.port())] {
        let table = |trusted: bool| {
            let mut table = desk.table.clone();
            table["imap_tls"] = kind.into();
            table["imap_port"] = port.into();
            if trusted {
                table["ca_file"] = dovecot.certificate().to_str().into();
            }
            table
        };
        desk.channel_of(table(true)).connect().await.expect(kind);
        let error = desk.channel_of(table(false)).connect().await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

/// A mail server that greets in the wrong language, behind a certificate: whether SMTP believes the certificate shows in
/// what it complains about.
#[tokio::test(flavor = "multi_thread")]
async fn smtp_believes_the_owners_certificate_too() {
    let Some(dovecot) = Dovecot::with_tls() else { return };
    let Some(desk) = Desk::with(|table| {
        table["smtp_tls"] = "implicit".into();
        table["smtp_port"] = dovecot.tls_port().into();
    }) else {
        return;
    };
    let stranger = desk.channel().send(&reply("x", 1)).await.unwrap_err();
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
    let mut table = desk.table.clone();
    table["ca_file"] = json!(dovecot.certificate());
    let known = desk.channel_of(table).send(&reply("x", 1)).await.unwrap_err();
    assert!(!known.to_string().contains("certificate"), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_file_that_is_none_is_a_mistake_of_the_configuration() {
    let Some(dovecot) = Dovecot::with_tls() else { return };
    let home = servers::TempHome::new();
    for (path, says) in [
        (home.root().join("nowhere.pem"), "cannot be read"),
        (
            home.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "no certificate",
        ),
    ] {
        let mut table = Office::new(dovecot.tls_port(), 1).table;
        table["imap_tls"] = "implicit".into();
        table["ca_file"] = json!(path);
        let error = Office::new(0, 0).channel_of(table).connect().await.unwrap_err();
        assert!(matches!(error, agent_core::ChannelError::Setup { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
