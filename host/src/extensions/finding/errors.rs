//! The errors of finding and opening, with what to do about each.

use std::io;
use std::path::Path;

use super::wheel::WheelError;
use crate::extensions::error::ExtensionError;
use crate::sys::image::ImageError;

/// An [`ExtensionError::Wheel`].
pub(super) fn wheel(name: &str, error: WheelError) -> ExtensionError {
    ExtensionError::Wheel {
        name: name.to_owned(),
        place: error.place,
        found: error.found,
        expected: error.expected,
    }
}

/// An [`ExtensionError::Open`] for a file that is not even given to the system's loader.
pub(super) fn image(name: &str, file: &Path, error: &ImageError) -> ExtensionError {
    let (reason, advice) = match error {
        ImageError::Read(error) if error.kind() == io::ErrorKind::NotFound => (
            "no such file".to_owned(),
            "check the path; `library` in host.json is relative to the app",
        ),
        ImageError::Read(error) => (error.to_string(), "let the host's user read it"),
        ImageError::Machine(_) => (
            error.to_string(),
            "build it on a machine like this one, or with cargo's --target",
        ),
        ImageError::Truncated { .. } | ImageError::Damaged(_) => {
            (error.to_string(), "copy it again, or rebuild it")
        }
        ImageError::Changed => (
            error.to_string(),
            "start again when it is complete; a new library is best moved to its place (mv, install)",
        ),
        ImageError::Folder
        | ImageError::Special
        | ImageError::TooLarge(_)
        | ImageError::Other
        | ImageError::Kind => (
            error.to_string(),
            "check that this is the right file: the one that cargo makes of a crate with crate-type = \
             [\"cdylib\"]",
        ),
    };
    ExtensionError::Open {
        name: name.to_owned(),
        file: file.to_owned(),
        reason,
        advice,
    }
}

/// An [`ExtensionError::Open`] for a library with a digest that needs another one in its folder.
pub(super) fn neighbour(name: &str, file: &Path, neighbour: &Path) -> ExtensionError {
    ExtensionError::Open {
        name: name.to_owned(),
        file: file.to_owned(),
        reason: format!(
            "a library that loads another one from its own folder, which sha256 does not cover: {}",
            neighbour.display()
        ),
        advice: "link it statically, or remove this extension's sha256 from host.json",
    }
}

/// An [`ExtensionError::Open`] for a library of which no copy can be made in memory.
pub(super) fn copy(name: &str, file: &Path, error: &io::Error) -> ExtensionError {
    ExtensionError::Open {
        name: name.to_owned(),
        file: file.to_owned(),
        reason: format!("no place for a copy in memory: {error}"),
        advice: "raise the host's limits on memory and on the size of files, and let it call memfd_create if a sandbox \
                 forbids it; or remove this extension's sha256 from host.json",
    }
}

/// An [`ExtensionError::Open`] for a file that the system's loader refused when it got `loaded`, saying this.
pub(super) fn open(name: &str, file: &Path, loaded: &Path, reason: &str) -> ExtensionError {
    // dlopen repeats the file's name, which the first line has.
    let loaded = loaded.display().to_string();
    let reason = reason.strip_prefix(&format!("{loaded}: ")).unwrap_or(reason);
    ExtensionError::Open {
        name: name.to_owned(),
        file: file.to_owned(),
        reason: reason.replace(&loaded, &file.display().to_string()),
        advice: "install the system library that it needs, or rebuild it on this machine",
    }
}
