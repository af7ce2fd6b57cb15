//! Opens an extension's library, in steps that check more and more: it is what host.json expects, a library for this
//! machine, and whole; the system's loader takes it; it has our header; abi_stable agrees; its API version is compatible;
//! the layouts match; it has the requested extension.
//!
//! The file is read once: what is checked is what is loaded (see `sys::image`).
//!
//! Libraries are never unloaded: their functions, statics and threads live as long as the process. Rust
//! offers no way to end those, and a worker ends soon after it stops using them.

use std::path::{Path, PathBuf};

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstabilityErrors, ExpectedFound, check_layout_compatibility,
};
use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError};
use abi_stable::type_layout::{TLFieldOrFunction, TypeLayout};
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::LoadedExtension;
use libloading::os::unix::{self, RTLD_LOCAL, RTLD_NOW};

use super::digest::check_digest;
use super::errors;
use crate::extensions::error::ExtensionError;
use crate::extensions::step::Step;
use crate::extensions::tables::HOST_SERVICES;
use crate::sys::image::{Image, ImageError};

/// A library that is open.
pub(in crate::extensions) struct Library {
    /// The version of the ABI that it was built for.
    pub(in crate::extensions) api_version: String,
    /// Its extensions, in no particular order.
    pub(in crate::extensions) extensions: Vec<LoadedExtension>,
}

/// Opens `file`, called `name` in errors. `sha256` is the digest that it must have, in lower-case hex. `begin` is called
/// with each step before it is taken.
pub(in crate::extensions) fn load(
    name: &str,
    file: &Path,
    sha256: Option<&str>,
    begin: &mut dyn FnMut(Step),
) -> Result<Library, ExtensionError> {
    begin(Step::Look);
    let to_load = look(name, file, sha256)?;
    let header = header(name, file, &to_load, begin)?;
    begin(Step::ApiVersion);
    let api_version = header.version_strings().version.to_string();
    check_version(name, file, &api_version)?;
    begin(Step::Layout);
    check_layout(name, file, header)?;
    begin(Step::Construct);
    // SAFETY: the layout was checked in the line above.
    let library = unsafe { header.unchecked_layout::<abi::LibraryRef>() }.map_err(|error| {
        ExtensionError::Construct {
            name: name.into(),
            file: file.into(),
            // abi_stable puts empty lines around it.
            reason: error.to_string().trim().to_owned(),
        }
    })?;
    // SAFETY: both are functions of a library whose layout was checked; they take no pointers of ours but
    // the table of host services, which lives as long as the process.
    let descriptors = unsafe {
        (library.connect())(HOST_SERVICES);
        (library.extensions())()
    };
    // SAFETY: the library has passed all steps above.
    let extensions = descriptors
        .into_iter()
        .map(|descriptor| unsafe { LoadedExtension::new(descriptor) });
    Ok(Library {
        api_version,
        extensions: extensions.collect(),
    })
}

/// The extension called `name` among those of `file`.
pub(in crate::extensions) fn select(
    name: &str,
    file: &Path,
    extensions: &[LoadedExtension],
) -> Result<LoadedExtension, ExtensionError> {
    let found = extensions.iter().find(|extension| extension.name() == name);
    found.copied().ok_or_else(|| {
        let names = extensions.iter().map(|extension| extension.name().to_owned());
        let mut found: Vec<String> = names.collect();
        // The linker's order has no meaning.
        found.sort_unstable();
        ExtensionError::Select {
            name: name.into(),
            file: file.into(),
            found,
        }
    })
}

/// Reads the library and checks it; returns the path of what to load.
fn look(name: &str, file: &Path, sha256: Option<&str>) -> Result<PathBuf, ExtensionError> {
    let failed = |error: ImageError| errors::image(name, file, &error);
    let image = Image::read(file).map_err(failed)?;
    if let Some(expected) = sha256 {
        check_digest(name, Some((file, image.bytes())), expected)?;
    }
    image.check().map_err(failed)?;
    match image.neighbour(file) {
        // The loader finds it only by the path of the library.
        Some(_) if sha256.is_none() => Ok(file.to_owned()),
        Some(neighbour) => Err(errors::neighbour(name, file, &neighbour)),
        None => match image.sealed(file.file_name().unwrap_or_default()) {
            Err(error) if sha256.is_none() => {
                tracing::warn!(
                    "extension {name:?} runs from its file, which must not be overwritten: a copy in memory cannot be \
                     made ({error}), as with a limit on the size of files"
                );
                Ok(file.to_owned())
            }
            sealed => sealed.map_err(|error| errors::copy(name, file, &error)),
        },
    }
}

/// Loads `to_load`, called `file` in errors.
fn header(
    name: &str,
    file: &Path,
    to_load: &Path,
    begin: &mut dyn FnMut(Step),
) -> Result<&'static LibHeader, ExtensionError> {
    begin(Step::Open);
    // SAFETY: this runs the library's initialisers. The user named the library in host.json, and it can do whatever
    // any other part of this process can.
    let library = unsafe { unix::Library::open(Some(to_load), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| errors::open(name, file, to_load, &innermost(&error)))?;
    begin(Step::Header);
    // SAFETY: a symbol of this name is an abi_stable header; a library that uses the name for something else
    // is recognised by the magic string at its start.
    let symbol = unsafe { library.get::<AbiHeaderRef>(abi::HEADER_SYMBOL.as_bytes()) };
    let header = symbol.map(|symbol| *symbol).map_err(|_| ExtensionError::Header {
        name: name.into(),
        file: file.into(),
        symbol: abi::HEADER_SYMBOL,
    })?;
    // From here on the process holds pointers into the library.
    std::mem::forget(library);
    begin(Step::AbiStable);
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

fn check_version(name: &str, file: &Path, found: &str) -> Result<(), ExtensionError> {
    let major = found
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major == Some(abi::MAJOR) {
        return Ok(());
    }
    Err(ExtensionError::ApiVersion {
        name: name.into(),
        file: file.into(),
        advice: match major {
            Some(major) if major > abi::MAJOR => "update Funcdock, or use an older release of the extension",
            _ => "update the extension, or rebuild it with the funcdock-extension-api of this host",
        }
        .into(),
        found: found.to_owned(),
        expected: format!("{} (any minor version)", abi::VERSION),
    })
}

fn check_layout(name: &str, file: &Path, header: &LibHeader) -> Result<(), ExtensionError> {
    let layout = |detail: String| ExtensionError::Layout {
        name: name.into(),
        file: file.into(),
        detail,
        version: abi::VERSION,
    };
    let Some(theirs) = header.layout() else {
        return Err(layout("a header without a layout".to_owned()));
    };
    compatible(<abi::LibraryRef as StableAbi>::LAYOUT, theirs).map_err(|errors| layout(summary(&errors)))
}

/// Whether the types agree, but for what one side has appended to tables of functions.
///
/// abi_stable has the library be the newer side; here either may be, as minor versions work both ways.
fn compatible(
    ours: &'static TypeLayout,
    theirs: &'static TypeLayout,
) -> Result<(), Box<AbiInstabilityErrors>> {
    check_layout_compatibility(ours, theirs)
        .or_else(|errors| check_layout_compatibility(theirs, ours).map_err(|_| Box::new(errors)))
}

/// Returns the first difference in one line: abi_stable's own report runs to hundreds of lines.
fn summary(errors: &AbiInstabilityErrors) -> String {
    // Errors are listed from the inside out; those further out only say that there is one inside.
    let first = errors.errors.iter().find(|error| !error.errs.is_empty());
    let Some(first) = first else {
        return "other types".to_owned();
    };
    let name = |step: &ExpectedFound<TLFieldOrFunction>| match step.found {
        TLFieldOrFunction::Field(field) => match field.name() {
            // The pointer to a table is a tuple with the table in it; what an option or a result holds is a `field_0`.
            "0" | "field_0" => None,
            "__returns" => Some("result"),
            // abi_stable takes the names of all parameters for that of the first.
            name => name.split(',').next(),
        },
        // The field that holds it comes right before it.
        TLFieldOrFunction::Function(_) => None,
    };
    let path: Vec<&str> = first.stack_trace.iter().filter_map(name).collect();
    let report = first.to_string();
    let difference = difference(&report).unwrap_or_else(|| "a difference".to_owned());
    match path.as_slice() {
        [] => difference,
        path => format!("{difference}, at {}", path.join(".")),
    }
}

/// "…: a instead of b", from the part of abi_stable's report that says `Error:…`, `Expected:`, `Found:`.
fn difference(report: &str) -> Option<String> {
    let (_, error) = report.split_once("\nError:")?;
    let mut lines = error.lines().map(str::trim);
    let what = lines.next()?;
    let mut value = |title| {
        lines.by_ref().find(|line| *line == title)?;
        lines.next()
    };
    let (expected, found) = (value("Expected:")?, value("Found:")?);
    Some(format!("{what}: {found} instead of {expected}"))
}

/// libloading wraps what the system's loader said.
fn innermost(error: &libloading::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of functions, as three versions of one library declare it.
    macro_rules! version {
        ($version:ident, { $($appended:tt)* }, $result:ty) => {
            #[expect(dead_code, reason = "only the layout is compared")]
            mod $version {
                #[repr(C)]
                #[derive(abi_stable::StableAbi)]
                #[sabi(kind(Prefix(prefix_ref = TableRef, prefix_fields = TablePrefix)))]
                pub(super) struct Table {
                    #[sabi(last_prefix_field)]
                    first: extern "C" fn() -> $result,
                    $($appended)*
                }
            }
        };
    }
    version!(old, {}, u32);
    version!(new, { second: extern "C" fn() }, u32);
    version!(changed, {}, u64);

    const OLD: &TypeLayout = <old::TableRef as StableAbi>::LAYOUT;
    const NEW: &TypeLayout = <new::TableRef as StableAbi>::LAYOUT;
    const CHANGED: &TypeLayout = <changed::TableRef as StableAbi>::LAYOUT;

    #[test]
    fn either_side_may_be_newer() {
        assert!(compatible(OLD, NEW).is_ok(), "the extension is newer");
        assert!(compatible(NEW, OLD).is_ok(), "the host is newer");
    }

    #[test]
    fn a_difference_is_reported_in_a_line() {
        let errors = compatible(OLD, CHANGED).expect_err("another type");
        assert_eq!(
            summary(&errors),
            "mismatched type: u64 instead of u32, at first.result"
        );
    }
}
