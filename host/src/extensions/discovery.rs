//! Where an extension of a given name comes from.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use funcdock_extension_api::{abi, private};

use super::error::ExtensionError;
use super::library;
use crate::app::ExtensionConfig;

/// Where an extension came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A library file.
    File(PathBuf),
    /// Linked into this host.
    Linked,
}

/// Finds and opens an extension: the `library` that host.json gives, else one that is linked into this host,
/// else the first file of its name in the app's `.extensions` and then in `search`.
pub(super) fn find(
    config: &ExtensionConfig,
    app_root: &Path,
    search: &[PathBuf],
) -> Result<(abi::DescriptorRef, Source), ExtensionError> {
    let name = config.name.as_str();
    let file = match &config.library {
        Some(file) => file.clone(),
        None => {
            if let Some(linked) = private::registrations().find(|linked| linked.name().as_str() == name) {
                // What `connect` does for a library.
                private::install_panic_hook();
                return Ok((linked, Source::Linked));
            }
            search_file(name, app_root, search)?
        }
    };
    Ok((library::open(name, &file)?, Source::File(file)))
}

fn search_file(name: &str, app_root: &Path, search: &[PathBuf]) -> Result<PathBuf, ExtensionError> {
    let stem = name.replace('-', "_");
    let files = [
        format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}"),
        format!("{DLL_PREFIX}funcdock_{stem}{DLL_SUFFIX}"),
    ];
    let mut searched = vec![app_root.join(".extensions")];
    searched.extend_from_slice(search);
    let candidates = searched
        .iter()
        .flat_map(|folder| files.iter().map(move |file| folder.join(file)));
    candidates
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| ExtensionError::Find {
            name: name.to_owned(),
            files: files.to_vec(),
            searched,
        })
}
