//! Certificates for a receiver and its clients, signed by the test's own authority.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The files of an authority and of the certificates that it signed.
pub struct Certificates {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// A client's certificate.
    pub client_certificate: PathBuf,
    /// The client's key.
    pub client_key: PathBuf,
    /// The configuration of a receiver at `localhost` that accepts only this client.
    pub server: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes certificates and writes them into a folder.
    pub fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let certified = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new([name.to_owned()]).expect("a name");
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            (certificate, key)
        };
        let (server, server_key) = certified("localhost");
        let (client, client_key) = certified("client");

        let mut trusted = RootCertStore::empty();
        trusted.add(authority.der().clone()).expect("an authority");
        let clients = WebPkiClientVerifier::builder(Arc::new(trusted))
            .build()
            .expect("an authority");
        let key = PrivateKeyDer::from_pem_slice(server_key.serialize_pem().as_bytes());
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![CertificateDer::from(server.der().to_vec())],
                key.expect("PEM"),
            )
            .expect("the key is the certificate's");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

        let write = |name: &str, pem: String| {
            let path = folder.join(name);
            std::fs::write(&path, pem).expect("a file");
            path
        };
        Certificates {
            authority: write("authority.pem", authority.pem()),
            client_certificate: write("client.pem", client.pem()),
            client_key: write("client.key", client_key.serialize_pem()),
            server: Arc::new(config),
        }
    }
}
