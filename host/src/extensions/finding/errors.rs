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
        ImageError::Folder | ImageError::Other | ImageError::Kind => (
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

/// An [`ExtensionError::Open`] for a file that the system's loader refused, saying this.
pub(super) fn open(name: &str, file: &Path, reason: &str) -> ExtensionError {
    // dlopen repeats the file's name, which the first line has.
    let reason = reason
        .strip_prefix(&format!("{}: ", file.display()))
        .unwrap_or(reason);
    ExtensionError::Open {
        name: name.to_owned(),
        file: file.to_owned(),
        reason: reason.to_owned(),
        advice: "install the system library that it needs, or rebuild it on this machine",
    }
}
