//! Why an extension could not be docked. Every message names the extension and the file, says what was found
//! and expected, and what to do next.

use std::path::PathBuf;

use super::step::Step;
use crate::app::suggestion;
use words::{crash_advice, for_function, others, paths, platform, quoted};

mod make;
mod words;

/// The group of entry points by which Python packages offer extensions.
pub(super) const ENTRY_POINTS: &str = "funcdock.extensions";

/// Why an extension could not be docked, or should not be: one variant a phase, in the order of the phases.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    /// No library of the extension's name.
    #[error(
        "extension {name:?}: not found\n  searched for: {} in {}\n  and for: an entry point {name:?} of the group \
         {ENTRY_POINTS} in the packages of {}\n  found: {}{}\n  next: install its Python package for the app, copy its \
         library into the app's .extensions folder, add the library's folder to FUNCDOCK_EXTENSION_PATH, or name the \
         file in host.json as workerExtensions.{name}.library",
        .files.join(" or "), paths(.folders), paths(.packages), others(.available),
        suggestion(.name, .available.iter().map(String::as_str))
    )]
    Find {
        /// The name in host.json.
        name: String,
        /// File names that would have been taken.
        files: Vec<String>,
        /// The folders with libraries that were searched, in order.
        folders: Vec<PathBuf>,
        /// The folders with Python packages that were searched, in order.
        packages: Vec<PathBuf>,
        /// The extensions that are there.
        available: Vec<String>,
    },
    /// The app must not run without it, and worker extensions are off.
    #[error(
        "extension {name:?}: worker extensions are off, and the app must not run without this one\n  found: \
         {found}\n  expected: PYTHON_ENABLE_WORKER_EXTENSIONS=1\n  next: set it, or write \"required\": false in \
         workerExtensions.{name} of host.json to run the app without it"
    )]
    SwitchedOff {
        /// The name in host.json.
        name: String,
        /// Why the app must not run without it.
        found: String,
    },
    /// It cannot run where it is to run.
    #[error(
        "extension {name:?}: it cannot run in the order that is asked for\n  found: {found}\n  expected: extensions that \
         can follow one another\n  next: write workerExtensions.{name}.after in host.json, which wins over the \
         extension's own order; [] for none"
    )]
    Order {
        /// The name in host.json.
        name: String,
        /// What is in the way.
        found: String,
    },
    /// The extension failed, and host.json does not name it.
    #[error("{error}\n  asked for: {by}")]
    Implied {
        /// What docks it.
        by: String,
        /// How it failed.
        error: Box<ExtensionError>,
    },
    /// An installed package names the extension, or may do so, but leads to no library.
    #[error(
        "extension {name:?}: {place} leads to no library\n  found: {found}\n  expected: {expected}\n  next: correct \
         the package that this file belongs to and install it again, uninstall it, or name the library in host.json \
         as workerExtensions.{name}.library"
    )]
    Wheel {
        /// The name in host.json.
        name: String,
        /// The package's list of entry points, with the line.
        place: String,
        /// What it says, or where that leads.
        found: String,
        /// What it should say, or lead to.
        expected: &'static str,
    },
    /// The library is not the one that host.json expects.
    #[error(
        "extension {name:?}: {} is not the library that host.json expects\n  found: {found}\n  expected: {expected} \
         (SHA-256)\n  next: install the library that you trust again, or, if it was changed on purpose, correct \
         workerExtensions.{name}.sha256",
        file.as_ref().map_or_else(|| "the extension".to_owned(), |file| file.display().to_string())
    )]
    Digest {
        /// The name in host.json.
        name: String,
        /// The library; `None` for an extension that is linked into the host.
        file: Option<PathBuf>,
        /// Its digest, or why there is none.
        found: String,
        /// The digest in host.json, in lower-case hex.
        expected: String,
    },
    /// The file is not there, or is not a dynamic library for this machine.
    #[error("extension {name:?}: {} cannot be loaded\n  found: {reason}\n  expected: a dynamic library for this \
             machine ({})\n  next: {advice}", .file.display(), platform())]
    Open {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// What the system's loader said.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The library has no extension header.
    #[error(
        "extension {name:?}: {} is a dynamic library but not a Funcdock extension\n  found: no symbol \
         {symbol:?}\n  expected: a cdylib that depends on funcdock-extension-api and has #[extension] on an \
         impl block\n  next: check that Cargo.toml has crate-type = [\"cdylib\"] and that this is the right file",
        .file.display()
    )]
    Header {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// The symbol that is missing.
        symbol: &'static str,
    },
    /// The library was built with an incompatible `abi_stable`.
    #[error(
        "extension {name:?}: {} was built with another abi_stable\n  found: {found}\n  expected: abi_stable \
         {expected}\n  next: rebuild the extension with the funcdock-extension-api of this host",
        .file.display()
    )]
    AbiStable {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// What the library has.
        found: String,
        /// The version this host has.
        expected: String,
    },
    /// The library was built for another major version of the API, or the extension has what only a newer minor version
    /// knows.
    #[error(
        "extension {name:?}: {} was built for another version of the extension API\n  found: API {found}\n  \
         expected: API {expected}\n  next: {advice}",
        .file.display()
    )]
    ApiVersion {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// The library's version.
        found: String,
        /// The host's, and which others would do.
        expected: String,
        /// What to do.
        advice: Box<str>,
    },
    /// The types at the border differ.
    #[error(
        "extension {name:?}: {} does not match this host's types\n  found: {detail}\n  expected: the layout of \
         extension API {version}\n  next: rebuild the extension from a clean checkout with an unmodified \
         funcdock-extension-api of that version",
        .file.display()
    )]
    Layout {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// The first difference.
        detail: String,
        /// The host's API version.
        version: &'static str,
    },
    /// The library's constructor failed.
    #[error(
        "extension {name:?}: {} failed while it was loaded\n  found: {reason}\n  expected: its root module\n  \
         next: report this to the extension's author",
        .file.display()
    )]
    Construct {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The library holds other extensions.
    #[error(
        "extension {name:?}: {} has no extension of that name\n  found: {}\n  expected: {name:?}\n  next: use \
         one of those names in host.json, or give the right file as workerExtensions.{name}.library",
        .file.display(), quoted(.found)
    )]
    Select {
        /// The name in host.json.
        name: String,
        /// The library.
        file: PathBuf,
        /// The extensions that it has.
        found: Vec<String>,
    },
    /// `functions` names functions that the app does not have.
    #[error(
        "extension {name:?}: host.json: workerExtensions.{name}.functions names {function:?}{}\n  found: no \
         function of that name among {}\n  expected: names of functions of this app, or \"*\"\n  next: correct the \
         name",
        suggestion(.function, .known.iter().map(String::as_str)), quoted(.known)
    )]
    Functions {
        /// The extension.
        name: String,
        /// The name that is unknown.
        function: String,
        /// The app's functions.
        known: Vec<String>,
    },
    /// The settings are wrong.
    #[error(
        "extension {name:?}: {}: {reason}\n  next: correct the settings{}; `funcdock extension list APP --settings` lists them",
        match place { Some(place) => place.clone(), None => format!("host.json: workerExtensions.{name}.settings") },
        match place { Some(_) => " there, or in host.json", None => ", there or where function code configures it" }
    )]
    Configure {
        /// The extension.
        name: String,
        /// Where function code has configured it last: file and line. `None` if only host.json has.
        place: Option<String>,
        /// What it says of them.
        reason: String,
    },
    /// A function that makes the extension ready failed or panicked.
    #[error(
        "extension {name:?}: {hook} failed{}\n  found: {reason}\n  next: {advice}",
        for_function(.function.as_deref())
    )]
    Init {
        /// The extension.
        name: String,
        /// Which function: `init`, `native`, or `configure` if it panicked.
        hook: &'static str,
        /// The function, for a function-level extension.
        function: Option<String>,
        /// What it said.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// A hook failed or panicked when it was tried out.
    #[error(
        "extension {name:?}: {hook} failed in a dry run\n  found: {reason}\n  expected: a hook that handles a \
         function call without an app\n  next: correct the extension or its settings, or report this to its \
         author"
    )]
    Hook {
        /// The extension.
        name: String,
        /// The hook.
        hook: String,
        /// What it said.
        reason: String,
    },
    /// The process that tried out the extension ended early.
    #[error(
        "extension {name:?}: {} does not get through step \"{step}\"\n  found: it {found}\n  expected: a step that returns, \
         if only with an error\n  next: {}",
        .what, crash_advice(*.step)
    )]
    Crash {
        /// The extension, or a name made from its file.
        name: String,
        /// Its file, or what else it is.
        what: String,
        /// The step that it did not survive.
        step: Step,
        /// How the process ended, or that it did not: the end of a sentence.
        found: String,
    },
}
