//! TLS as a client of hosts.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::{TlsError, read};

/// Returns the configuration of clients that trust the known authorities, and the certificates in these files.
///
/// # Errors
/// A file cannot be read, or has no certificate that can be trusted.
pub(crate) fn client_config(trusted: &[PathBuf]) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for file in trusted {
        let unusable = |problem: rustls::Error| TlsError::Content {
            file: file.clone(),
            problem: problem.to_string(),
        };
        for certificate in read::certificates(file)? {
            roots.add(certificate).map_err(unusable)?;
        }
    }
    // It has the provider's own versions.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Client)?;
    Ok(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}
