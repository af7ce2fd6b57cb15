//! What can be wrong with a certificate.

use std::io;
use std::path::PathBuf;

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file is not PEM, or damaged.
    #[error("{}: {problem}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Certificate and key cannot be used together.
    #[error("the certificate in {} with the key in {}: {problem}", certificate.display(), key.display())]
    Use {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// The reason, and what was expected.
        problem: String,
    },
    /// A client cannot speak TLS.
    #[error("cannot speak TLS: {0}")]
    Client(rustls::Error),
    /// No certificate for this machine can be made.
    #[error("cannot make a certificate for localhost in {}: {problem}", folder.display())]
    Make {
        /// The folder of the file.
        folder: PathBuf,
        /// The reason.
        problem: String,
    },
}
