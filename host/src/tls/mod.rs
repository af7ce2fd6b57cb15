//! TLS: the server's certificate, from files to what each connection uses.
//!
//! The supervisor reads the files once (`read`), or makes a certificate for this machine (`localhost`), and checks that
//! certificate and key belong together. Workers get both by the control channel: one that is started later serves with the
//! same, and a file that was changed meanwhile is read when the whole host reads its app again.

mod client;
mod error;
mod localhost;
mod read;

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

pub(crate) use client::client_config;
pub use error::TlsError;

/// The protocols that a client may choose from, as ALPN names them, the best first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// HTTP/2 as ALPN names it.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// A certificate with its private key, which belong together. Not printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The certificate, and those that lead from it to one that clients know; DER.
    chain: Vec<Vec<u8>>,
    /// The private key; DER, in one of the forms that `rustls` tells apart by itself.
    key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<Self, rustls::Error> {
        let identity = Identity {
            chain: chain
                .into_iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
            key: key.secret_der().to_vec(),
        };
        identity.server_config().map(|_| identity)
    }

    /// Returns what the connections of a server share: TLS 1.2 and 1.3, and HTTP/2 for clients that can.
    ///
    /// # Errors
    /// The key is not one that `rustls` can use, or it is not the certificate's.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let chain = self.chain.iter().cloned().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(self.key.clone())
            // A form that is not recognised may be PKCS #8 nevertheless.
            .unwrap_or_else(|_| PrivatePkcs8KeyDer::from(self.key.clone()).into());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}
