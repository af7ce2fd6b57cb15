//! Clients that speak TLS, and the certificates of their servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::{DEADLINE, Host};

/// The files of a certificate for localhost that nobody else has signed.
pub struct Certificate {
    /// The certificate.
    pub file: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes a certificate and its files, whose names begin with `name`.
    pub fn make(folder: &Path, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let write = |suffix: &str, content: String| {
            let file = folder.join(format!("{name}{suffix}"));
            std::fs::write(&file, content).expect("a file");
            file
        };
        Certificate {
            file: write(".pem", made.cert.pem()),
            key: write(".key", made.signing_key.serialize_pem()),
        }
    }
}

/// Connects with TLS, as a client that trusts only the certificate in this file and offers these protocols.
///
/// # Errors
/// The handshake failed.
pub async fn connect(
    host: &Host,
    trusted: &Path,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(host.address())
        .await
        .expect("the host listens");
    // What is sent arrives.
    stream.set_nodelay(true).expect("a TCP socket");
    let handshake = TlsConnector::from(config(trusted, protocols)).connect(name(), stream);
    timeout(DEADLINE, handshake).await.expect("in time")
}

/// Connects with TLS, as a client that trusts only the certificate in this file.
pub fn connect_blocking(host: &Host, trusted: &Path) -> StreamOwned<ClientConnection, std::net::TcpStream> {
    let stream = std::net::TcpStream::connect(host.address()).expect("the host listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    let connection = ClientConnection::new(config(trusted, &[]), name()).expect("valid");
    StreamOwned::new(connection, stream)
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

fn config(trusted: &Path, protocols: &[&str]) -> Arc<ClientConfig> {
    let trusted = CertificateDer::from_pem_file(trusted).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(trusted).expect("a certificate");
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Sends these bytes as HTTP/1 and returns all that comes until the host closes the connection.
pub async fn exchange(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    read.expect("in time").expect("closed in the way of TLS");
    String::from_utf8_lossy(&answer).into_owned()
}
