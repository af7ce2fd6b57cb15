//! The digest of a library, for host.json's `sha256`.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::extensions::error::ExtensionError;

/// Compares the content of the library, read from `file`, with the digest that host.json expects, in lower-case hex. An
/// extension that is linked into this host has no file.
pub(super) fn check_digest(
    name: &str,
    library: Option<(&Path, &[u8])>,
    expected: &str,
) -> Result<(), ExtensionError> {
    let found = match library {
        Some((_, content)) => digest(content),
        None => "no file: it is linked into this host".to_owned(),
    };
    if found == expected {
        return Ok(());
    }
    Err(ExtensionError::Digest {
        name: name.to_owned(),
        file: library.map(|(file, _)| file.to_owned()),
        found,
        expected: expected.to_owned(),
    })
}

/// The SHA-256 of these bytes, in lower-case hex.
fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
