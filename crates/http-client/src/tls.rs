//! The TLS configuration that all clients share.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

use crate::error::HttpError;

/// A copy of the shared configuration; it costs a few reference counts, except the first time.
///
/// reqwest builds its own configuration from the process-wide provider and the system's certificates, which needs a
/// global side effect and tens of milliseconds. So it is handed a finished one.
///
/// # Errors
/// [`HttpError::Tls`] when ring does not support the default protocol versions, which a build with other features
/// of rustls might bring about.
pub(crate) fn client_config() -> Result<ClientConfig, HttpError> {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = SHARED.get() {
        return Ok(config.clone());
    }
    let fresh = fresh_config()?;
    // Two threads may both come here at the start; one copy is then thrown away.
    Ok(SHARED.get_or_init(|| fresh).clone())
}

/// The configuration for a WebSocket: the same roots, but HTTP/1.1 alone, since the upgrade does not exist in HTTP/2.
///
/// # Errors
/// As for a client.
pub fn websocket_tls() -> Result<Arc<ClientConfig>, HttpError> {
    let mut config = client_config()?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn fresh_config() -> Result<ClientConfig, HttpError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // reqwest leaves ALPN of a preconfigured backend alone; without this line HTTP/2 would never be chosen.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::client_config;

    #[test]
    fn a_config_needs_and_leaves_no_process_wide_provider() {
        let config = client_config().unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }
}
