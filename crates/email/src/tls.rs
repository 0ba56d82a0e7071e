//! Whom we believe that they are our mail server.

use std::sync::Arc;

use agent_core::ChannelError;
use lettre::transport::smtp::client::{Certificate, TlsParameters, TlsParametersBuilder};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::Config;
use crate::error::setup;

/// The owner's own certificates, as PEM; nothing where none are set.
fn extra(config: &Config) -> Result<Option<Vec<u8>>, ChannelError> {
    let Some(path) = &config.ca_file else { return Ok(None) };
    match std::fs::read(path) {
        Ok(pem) => Ok(Some(pem)),
        Err(error) => Err(setup(format!("ca_file {} cannot be read: {error}", path.display()))),
    }
}

fn bad(error: impl std::fmt::Display) -> ChannelError {
    setup(format!("ca_file holds no certificate in PEM format: {error}"))
}

/// For IMAP: the built-in roots (Mozilla's) and the owner's.
pub(crate) fn connector(config: &Config) -> Result<TlsConnector, ChannelError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra(config)? {
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.map_err(bad)?).map_err(bad)?;
        }
    }
    // Named here rather than taken from the process: nobody has to install a default first.
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}

/// The server's name as TLS wants it.
pub(crate) fn name(host: &str) -> Result<ServerName<'static>, ChannelError> {
    ServerName::try_from(host.to_owned()).map_err(|_| setup(format!("`{host}` is no host name")))
}

/// For SMTP: the same.
pub(crate) fn smtp(config: &Config) -> Result<TlsParameters, ChannelError> {
    let mut builder = TlsParametersBuilder::new(config.smtp.host.clone());
    if let Some(pem) = extra(config)? {
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(bad)?);
    }
    builder.build_rustls().map_err(|error| setup(format!("TLS cannot be set up: {error}")))
}
