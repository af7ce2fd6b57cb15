//! Reads a certificate and its key from PEM files.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Identity, TlsError};
use crate::sys;

/// How the files of Windows and of Azure, which have both in one, become the one that is read here.
const CONVERT: &str = "openssl pkcs12 -in FILE.pfx -out FILE.pem -nodes";

impl Identity {
    /// Reads the certificate, with those that follow it in the file, and the key, which may be in the same file.
    ///
    /// # Errors
    /// A file cannot be read or is not PEM, there is no certificate or no key in it, the key is encrypted, or it is not the
    /// certificate's.
    pub fn read(certificate: &Path, key: Option<&Path>) -> Result<Self, TlsError> {
        let key_file = key.unwrap_or(certificate);
        let chain = chain(certificate, &read(certificate)?)?;
        let key = private_key(key_file, &read(key_file)?)?;
        Identity::new(chain, &key).map_err(|error| TlsError::Use {
            certificate: certificate.to_owned(),
            key: key_file.to_owned(),
            problem: match error {
                rustls::Error::InconsistentKeys(_) => "the key is not the certificate's".to_owned(),
                error => format!(
                    "{error}; expected a key of P-256, P-384, Ed25519, or RSA with 2048 bits at least"
                ),
            },
        })
    }
}

/// Reads the certificates in a file.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    chain(file, &read(file)?)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    sys::read_regular(file).map_err(|source| TlsError::Read {
        file: file.to_owned(),
        source,
    })
}

fn chain(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain = chain.map_err(|error| content(file, &error.to_string()))?;
    if chain.is_empty() {
        return Err(content(
            file,
            &missing("certificate (BEGIN CERTIFICATE)", "", bytes),
        ));
    }
    Ok(chain)
}

fn private_key(file: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    if memchr::memmem::find(bytes, b"ENCRYPTED").is_some() {
        return Err(content(
            file,
            "the private key is encrypted; decrypt it: openssl pkey -in FILE -out FILE.key",
        ));
    }
    match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(content(
            file,
            &missing(
                "private key (BEGIN PRIVATE KEY)",
                "; name its file with --key",
                bytes,
            ),
        )),
        Err(error) => Err(content(file, &error.to_string())),
    }
}

fn missing(what: &str, advice: &str, bytes: &[u8]) -> String {
    match bytes.first() {
        // The beginning of a sequence in DER, which PEM cannot have.
        Some(0x30) => format!(
            "not a PEM file; convert a .pfx file with {CONVERT}, and a certificate in DER with openssl x509 -inform der -in FILE \
             -out FILE.pem"
        ),
        _ => format!("there is no {what} in this file{advice}"),
    }
}

fn content(file: &Path, problem: &str) -> TlsError {
    TlsError::Content {
        file: file.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn mistakes_with_files_say_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let other = rcgen::KeyPair::generate().expect("a key");
        let certificate = made.cert.pem();
        let own_key = made.signing_key.serialize_pem();
        let both = format!("{certificate}{own_key}");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("written");
            path
        };
        let certificate = file("certificate.pem", certificate.as_bytes());
        let own_key = file("own.key", own_key.as_bytes());
        let both = file("both.pem", both.as_bytes());
        let other = file("other.key", other.serialize_pem().as_bytes());
        let encrypted = file("encrypted.key", encrypted.as_bytes());
        let pfx = file("windows.pfx", b"\x30\x82\x01\x00");
        let damaged = file(
            "damaged.pem",
            b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        );
        let absent = folder.path().join("absent.pem");
        let text = |certificate: &Path, key: Option<&Path>| {
            Identity::read(certificate, key).map_or_else(|error| error.to_string(), |_| "ok".to_owned())
        };

        assert_eq!(text(&certificate, Some(&own_key)), "ok");
        assert_eq!(text(&both, None), "ok");
        for (certificate, key, expected) in [
            (&absent, None, "cannot read"),
            (&certificate, None, "in this file; name its file with --key"),
            (&certificate, Some(&*other), "the key is not the certificate's"),
            (&certificate, Some(&*encrypted), "openssl pkey"),
            (&own_key, None, "BEGIN CERTIFICATE"),
            (&pfx, None, "openssl pkcs12"),
            (&damaged, None, "damaged.pem: "),
        ] {
            let found = text(certificate, key);
            assert!(found.contains(expected), "{expected:?} is not in {found:?}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).expect("a key");
        let identity = Identity::new(vec![made.cert.der().clone()], &key).expect("they belong together");
        assert_eq!(format!("{identity:?}"), "Identity { .. }");
        let sent = serde_json::to_string(&identity).expect("written");
        let received: Identity = serde_json::from_str(&sent).expect("read");
        assert!(received == identity && received.server_config().is_ok());
    }
}
