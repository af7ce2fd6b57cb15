//! Refuses extensions with what only a newer host knows, and this one must not leave out: a hook that is never called may be
//! one that guards calls.

use std::path::Path;

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::LoadedExtension;

use crate::extensions::error::ExtensionError;

/// Checks an extension of `file`, which was built against this version of the API.
pub(in crate::extensions) fn check_known(
    file: &Path,
    api_version: &str,
    extension: &LoadedExtension,
) -> Result<(), ExtensionError> {
    match extension.unknown() {
        None => Ok(()),
        Some(what) => Err(ExtensionError::ApiVersion {
            name: extension.name().to_owned(),
            file: file.into(),
            found: format!("{api_version}, and {what} of it that this host does not know"),
            expected: format!("{}, or a newer one without it", abi::VERSION),
            advice: format!(
                "update Funcdock, or rebuild the extension against API {}.{}, without it",
                abi::MAJOR,
                abi::MINOR
            )
            .into(),
        }),
    }
}
