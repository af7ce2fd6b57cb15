//! A certificate for this machine, for those who develop an app.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{Identity, TlsError};
use crate::sys;

/// The names and addresses of this machine for itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const FILE: &str = "localhost.pem";

impl Identity {
    /// Returns the certificate for localhost in this folder, and the file that has it. Makes both if there is none yet: who
    /// trusts it once need not do so again.
    ///
    /// # Errors
    /// It cannot be made, written or read.
    pub fn for_localhost(folder: &Path) -> Result<(Self, PathBuf), TlsError> {
        let file = folder.join(FILE);
        if !file.exists() {
            make(folder, &file).map_err(|problem| TlsError::Make {
                folder: folder.to_owned(),
                problem,
            })?;
        }
        Ok((Identity::read(&file, None)?, file))
    }
}

fn make(folder: &Path, file: &Path) -> Result<(), String> {
    let made = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned));
    let made = made.map_err(|error| error.to_string())?;
    let text = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    let written = || {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // A private key does not belong in version control.
        fs::write(folder.join(".gitignore"), "*\n")?;
        sys::write_private(file, text.as_bytes())
    };
    written().map_err(|error: std::io::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_once_and_for_its_user_alone() {
        let app = tempfile::tempdir().expect("a folder");
        let folder = app.path().join(".funcdock/https");
        let (first, file) = Identity::for_localhost(&folder).expect("made");
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (second, _) = Identity::for_localhost(&folder).expect("read");
        assert!(first == second);
        fs::write(&file, "damaged").expect("written");
        let error = Identity::for_localhost(&folder)
            .expect_err("nothing in it")
            .to_string();
        assert!(error.contains("localhost.pem"), "{error}");
    }
}
