//! Opening an extension's library, checked in widening steps: it is a library; it has our header; abi_stable
//! agrees; its API version is compatible; the layouts match; it has the extension that was asked for.
//!
//! Libraries are never unloaded: their functions, statics and threads live as long as the process. Rust
//! offers no way to end those, and a worker ends soon after it stops using them.

use std::path::Path;

use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError};
use funcdock_extension_api::abi;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::error::ExtensionError;
use super::services::HOST_SERVICES;

/// Opens `file` and returns its extension called `name`.
pub(super) fn open(name: &str, file: &Path) -> Result<abi::DescriptorRef, ExtensionError> {
    let header = header(name, file)?;
    check_version(name, file, header)?;
    check_layout(name, file, header)?;
    // SAFETY: the layout was checked in the line above.
    let library = unsafe { header.unchecked_layout::<abi::LibraryRef>() }.map_err(|error| {
        ExtensionError::Construct {
            name: name.into(),
            file: file.into(),
            reason: error.to_string(),
        }
    })?;
    // SAFETY: both are functions of a library whose layout was checked; they take no pointers of ours but
    // the table of host services, which lives as long as the process.
    let descriptors = unsafe {
        (library.connect())(HOST_SERVICES);
        (library.extensions())()
    };
    let found = descriptors
        .iter()
        .find(|descriptor| descriptor.name().as_str() == name);
    found.copied().ok_or_else(|| ExtensionError::Select {
        name: name.into(),
        file: file.into(),
        found: descriptors
            .iter()
            .map(|descriptor| descriptor.name().to_string())
            .collect(),
    })
}

fn header(name: &str, file: &Path) -> Result<&'static LibHeader, ExtensionError> {
    // SAFETY: this runs the library's initialisers: the user asked for it in host.json, and a library can do
    // no less than any other part of this process.
    let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| ExtensionError::open(name, file, &innermost(&error)))?;
    // SAFETY: a symbol of this name is an abi_stable header; a library that uses the name for something else
    // is told by the magic string at its start.
    let symbol = unsafe { library.get::<AbiHeaderRef>(abi::HEADER_SYMBOL.as_bytes()) };
    let header = symbol.map(|symbol| *symbol).map_err(|_| ExtensionError::Header {
        name: name.into(),
        file: file.into(),
        symbol: abi::HEADER_SYMBOL,
    })?;
    // From here on the process holds pointers into the library.
    std::mem::forget(library);
    header.upgrade().map_err(|error| ExtensionError::AbiStable {
        name: name.into(),
        file: file.into(),
        found: match error {
            LibraryError::InvalidAbiHeader(found) => {
                format!("abi_stable {}.{}", found.abi_major, found.abi_minor)
            }
            other => other.to_string(),
        },
        expected: {
            let expected = abi_stable::library::AbiHeader::VALUE;
            format!("{}.{}", expected.abi_major, expected.abi_minor)
        },
    })
}

fn check_version(name: &str, file: &Path, header: &LibHeader) -> Result<(), ExtensionError> {
    let found = header.version_strings().version.to_string();
    let major = found
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major == Some(abi::API_MAJOR) {
        return Ok(());
    }
    Err(ExtensionError::ApiVersion {
        name: name.into(),
        file: file.into(),
        advice: match major {
            Some(major) if major > abi::API_MAJOR => {
                "update Funcdock, or use an older release of the extension"
            }
            _ => "update the extension, or rebuild it with the funcdock-extension-api of this host",
        },
        found,
        expected: abi::API_VERSION.to_owned(),
    })
}

fn check_layout(name: &str, file: &Path, header: &LibHeader) -> Result<(), ExtensionError> {
    let layout = |detail: String| ExtensionError::Layout {
        name: name.into(),
        file: file.into(),
        detail,
        version: abi::API_VERSION,
    };
    if header.layout().is_none() {
        return Err(layout("a header without a layout".to_owned()));
    }
    header
        .ensure_layout::<abi::LibraryRef>()
        .map_err(|error| layout(summary(&error.to_string())))
}

/// abi_stable's reports run to hundreds of lines: the first difference says what a person can use.
fn summary(report: &str) -> String {
    let wanted = |line: &&str| line.contains("error") || line.contains("Expected") || line.contains("Found");
    let lines: Vec<&str> = report.lines().map(str::trim).filter(wanted).take(3).collect();
    if lines.is_empty() {
        report.lines().take(3).collect::<Vec<_>>().join("; ")
    } else {
        lines.join("; ")
    }
}

/// libloading wraps what the system's loader said.
fn innermost(error: &libloading::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
