//! Where an extension comes from, and the opening of its library.

mod digest;
mod errors;
mod known;
mod library;
mod search;
mod wheel;

use funcdock_extension_api::driver::LoadedExtension;

use super::activity::{Activity, Phase};
use super::error::ExtensionError;
use crate::app::ExtensionConfig;

pub(super) use known::check_known;
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
    activity: &Activity,
) -> Result<(LoadedExtension, Source), ExtensionError> {
    let source = search.locate(config)?;
    let (name, sha256) = (config.name.as_str(), config.sha256.as_deref());
    let extension = match &source {
        Source::File(file) => {
            let _loads = activity.begin(name, || Phase::Load { file: file.clone() });
            let library = load(name, file, sha256, &mut |_| {})?;
            let extension = select(name, file, &library.extensions)?;
            check_known(file, &library.api_version, &extension)?;
            extension
        }
        // `locate` has just found it.
        Source::Linked => linked(name, sha256)?.ok_or_else(|| search.not_found(name))?,
    };
    Ok((extension, source))
}

/// The extension of this name that is linked into this host.
///
/// # Errors
/// host.json expects a digest, which only a file has.
pub(super) fn linked(name: &str, sha256: Option<&str>) -> Result<Option<LoadedExtension>, ExtensionError> {
    let found = LoadedExtension::linked().find(|linked| linked.name() == name);
    if let (Some(_), Some(expected)) = (found, sha256) {
        digest::check_digest(name, None, expected)?;
    }
    Ok(found)
}

/// The name with `-` for `_`: cargo makes the one of the other.
pub(super) fn normalised(name: &str) -> String {
    name.replace('_', "-")
}
