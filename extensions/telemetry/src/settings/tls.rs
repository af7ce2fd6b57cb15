//! Which authorities to trust, and how to identify, for exporters whose URL begins with `https`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::variables::first;
use super::{Settings, SettingsError};
use crate::signal::Signal;

/// What the files of the settings hold. Without them, the public authorities are trusted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tls {
    /// The authorities that are trusted instead of the public ones, as PEM.
    pub(crate) authorities: Option<Vec<u8>>,
    /// How to identify, if the server asks for it.
    pub(crate) identity: Option<Identity>,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The certificate, with intermediate ones, if any.
    pub(crate) certificate: Vec<u8>,
    /// Its private key.
    pub(crate) key: Vec<u8>,
}

impl fmt::Debug for Identity {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// A file that a setting or a variable names.
struct PemFile {
    key: &'static str,
    path: PathBuf,
}

impl Tls {
    /// Reads the files. Paths are relative to the working directory, which is the app's folder.
    pub(super) fn resolve(
        settings: &Settings,
        signal: Signal,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let named = |key, setting: &Option<PathBuf>, variables| match setting {
            Some(path) => Some(PemFile {
                key,
                path: path.clone(),
            }),
            None => first(&env, variables).map(|(key, path)| PemFile {
                key,
                path: PathBuf::from(path),
            }),
        };
        let authorities = named(
            "certificate",
            &settings.certificate,
            [signal.variables().certificate, "OTEL_EXPORTER_OTLP_CERTIFICATE"],
        );
        let certificate = named(
            "client_certificate",
            &settings.client_certificate,
            [
                signal.variables().client_certificate,
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            ],
        );
        let key = named(
            "client_key",
            &settings.client_key,
            [signal.variables().client_key, "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
        );
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: certificate.certificates()?,
                key: key.private_key()?,
            }),
            (Some(PemFile { key, .. }), None) | (None, Some(PemFile { key, .. })) => {
                return Err(SettingsError::HalfIdentity(key));
            }
        };
        Ok(Tls {
            authorities: authorities.map(|file| file.certificates()).transpose()?,
            identity,
        })
    }
}

impl PemFile {
    fn certificates(&self) -> Result<Vec<u8>, SettingsError> {
        let pem = self.read()?;
        let mut certificates = CertificateDer::pem_slice_iter(&pem);
        match certificates.next() {
            None => Err(self.error("no certificate is in it; expected PEM, \"-----BEGIN CERTIFICATE-----\"")),
            Some(Err(error)) => Err(self.error(error)),
            Some(Ok(_)) => match certificates.find_map(Result::err) {
                Some(error) => Err(self.error(error)),
                None => Ok(pem),
            },
        }
    }

    fn private_key(&self) -> Result<Vec<u8>, SettingsError> {
        let pem = self.read()?;
        match PrivateKeyDer::from_pem_slice(&pem) {
            Ok(_) => Ok(pem),
            Err(rustls_pki_types::pem::Error::NoItemsFound) => {
                Err(self.error("no private key is in it; expected PEM, \"-----BEGIN PRIVATE KEY-----\""))
            }
            Err(error) => Err(self.error(error)),
        }
    }

    fn read(&self) -> Result<Vec<u8>, SettingsError> {
        fs::read(&self.path).map_err(|error| self.error(error))
    }

    fn error(&self, reason: impl fmt::Display) -> SettingsError {
        let path: &Path = &self.path;
        SettingsError::File {
            key: self.key,
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}
