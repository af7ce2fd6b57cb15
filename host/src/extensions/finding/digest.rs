//! The digest of a library, for host.json's `sha256`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::errors;
use crate::extensions::error::ExtensionError;
use crate::sys::image::ImageError;

/// Compares the file with the digest that host.json expects, in lower-case hex. An extension
/// that is linked into this host has no file.
pub(super) fn check_digest(name: &str, file: Option<&Path>, expected: &str) -> Result<(), ExtensionError> {
    let (file, found) = match file {
        Some(file) => {
            let digest = digest(file).map_err(|error| errors::image(name, file, &ImageError::Read(error)))?;
            (Some(file.to_owned()), digest)
        }
        None => (None, "no file: it is linked into this host".to_owned()),
    };
    if found == expected {
        return Ok(());
    }
    Err(ExtensionError::Digest {
        name: name.to_owned(),
        file,
        found,
        expected: expected.to_owned(),
    })
}

/// The SHA-256 of a file, in lower-case hex.
fn digest(file: &Path) -> io::Result<String> {
    let digest = Sha256::digest(fs::read(file)?);
    let mut text = String::with_capacity(64);
    for byte in digest {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
