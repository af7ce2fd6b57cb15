//! Where an extension comes from, and the opening of its library.

mod digest;
mod errors;
mod library;
mod search;
mod wheel;

use funcdock_extension_api::driver::LoadedExtension;

use super::error::ExtensionError;
use crate::app::ExtensionConfig;

pub(super) use library::{Library, load, select};
pub(super) use search::name_of_file;
pub use search::{Available, Search, Source};

/// Finds and opens an extension: the `library` that host.json gives, else the first that is found.
///
/// # Errors
/// It is not found, or its library is not one that this host can load.
pub(super) fn find(
    config: &ExtensionConfig,
    search: &Search,
) -> Result<(LoadedExtension, Source), ExtensionError> {
    let source = search.locate(config)?;
    let extension = match &source {
        Source::File(file) => library::open(&config.name, file)?,
        // `locate` has just found it.
        Source::Linked => linked(&config.name).ok_or_else(|| search.not_found(&config.name))?,
    };
    Ok((extension, source))
}

/// The extension of this name that is linked into this host.
pub(super) fn linked(name: &str) -> Option<LoadedExtension> {
    LoadedExtension::linked().find(|linked| linked.name() == name)
}

/// The name with `-` for `_`: cargo makes the one of the other.
pub(super) fn normalised(name: &str) -> String {
    name.replace('_', "-")
}
