//! Where an extension of a given name comes from.

use std::collections::BTreeSet;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{LoadedExtension, NOTE_NAME, NOTE_OWNER};

use super::{errors, normalised, wheel};
use crate::app::ExtensionConfig;
use crate::extensions::error::ExtensionError;
use crate::sys::image;

/// A symbol that only our Python module exports. That library lies beside the binary, and has an extension's header
/// because of the crates in it.
const PYTHON_MODULE: &str = "PyInit__funcdock";

/// Where extensions are searched for.
///
/// In this order: what is linked into the host, `<app>/.extensions`, the wheels installed for the app
/// (`<app>/.python_packages/lib/site-packages`, then `wheels`), `path`.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The app's folder, absolute.
    pub app_root: PathBuf,
    /// Folders with packages that the app's interpreter imports from, in its order; absolute.
    pub wheels: Vec<PathBuf>,
    /// Further folders with libraries, in this order; absolute.
    pub path: Vec<PathBuf>,
}

/// Where an extension comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A library file.
    File(PathBuf),
    /// Linked into this host.
    Linked,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(file) => write!(f, "{}", file.display()),
            Source::Linked => f.write_str("linked"),
        }
    }
}

/// A library with extensions that could be docked, or one that is linked, as far as it is known without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// What to call it: the name of the linked extension or of the entry point, else made from the file's.
    pub name: String,
    /// The names of its extensions, without those that come from elsewhere first.
    pub names: Vec<String>,
    /// Where it is.
    pub source: Source,
}

/// The result of a search by name.
#[derive(Default)]
struct Found {
    /// What has an extension of the name, or may have it.
    source: Option<Source>,
    /// A file that is called like the extension, and has only others.
    misnamed: Option<PathBuf>,
}

impl Search {
    /// Where this extension comes from. Nothing of it is read but the names in libraries.
    ///
    /// # Errors
    /// It is nowhere, or an installed package leads nowhere.
    pub fn locate(&self, config: &ExtensionConfig) -> Result<Source, ExtensionError> {
        let name = config.name.as_str();
        if let Some(file) = &config.library {
            return Ok(Source::File(file.clone()));
        }
        let Found { source, misnamed } = self.by_name(name)?;
        // Whoever opens the misnamed file finds out what it has, and says so.
        source
            .or(misnamed.map(Source::File))
            .ok_or_else(|| self.not_found(name))
    }

    /// Whether one of these is not found before [`wheels`](Self::wheels): only then those folders are needed.
    pub fn needs_wheels(&self, configs: &[ExtensionConfig]) -> bool {
        let here = Search {
            app_root: self.app_root.clone(),
            ..Search::default()
        };
        let is_missing = |name: &str| here.by_name(name).is_ok_and(|found| found.source.is_none());
        configs
            .iter()
            .any(|config| config.library.is_none() && is_missing(&config.name))
    }

    /// What could be docked, in the order of the search.
    pub fn available(&self) -> Vec<Available> {
        let linked = LoadedExtension::linked().map(|linked| Available {
            name: linked.name().to_owned(),
            names: vec![linked.name().to_owned()],
            source: Source::Linked,
        });
        let mut all: Vec<Available> = linked.collect();
        // The linker's order has no meaning.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.extend(libraries(&self.own_folder()));
        all.extend(self.packaged());
        all.extend(self.path.iter().flat_map(|folder| libraries(folder)));
        // Of several with one name, only the first can be docked.
        let mut seen = BTreeSet::new();
        for available in &mut all {
            available.names.retain(|name| seen.insert(normalised(name)));
        }
        all.retain(|available| !available.names.is_empty());
        all
    }

    /// The libraries that installed packages bring. An entry point without a library is an error only for an app that
    /// names it.
    fn packaged(&self) -> Vec<Available> {
        let packages = self.site_packages();
        let points = packages.iter().flat_map(|folder| wheel::entry_points(folder).0);
        points
            .filter_map(|point| {
                let file = point.library(&packages).ok()?;
                Some(Available::file(point.name, file))
            })
            .collect()
    }

    /// Names in libraries count, not those of files: only a library of an older API, which does not tell its names, is found
    /// by the name of its file or of its entry point.
    fn by_name(&self, name: &str) -> Result<Found, ExtensionError> {
        let mut found = Found::default();
        if LoadedExtension::linked().any(|linked| linked.name() == name) {
            found.source = Some(Source::Linked);
            return Ok(found);
        }
        found.search_folder(&self.own_folder(), name);
        if found.source.is_none() {
            let wanted = normalised(name);
            let in_wheel = wheel::find(&self.site_packages(), |found| normalised(found) == wanted);
            if let Some(file) = in_wheel.map_err(|error| errors::wheel(name, error))? {
                found.take(file, name);
            }
        }
        if found.source.is_none() {
            found.take_from(&self.packaged(), name);
        }
        for folder in &self.path {
            if found.source.is_none() {
                found.search_folder(folder, name);
            }
        }
        Ok(found)
    }

    fn own_folder(&self) -> PathBuf {
        self.app_root.join(".extensions")
    }

    fn site_packages(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.app_root.join(".python_packages/lib/site-packages")];
        folders.extend_from_slice(&self.wheels);
        folders
    }

    pub(super) fn not_found(&self, name: &str) -> ExtensionError {
        let mut folders = vec![self.own_folder()];
        folders.extend_from_slice(&self.path);
        ExtensionError::Find {
            name: name.to_owned(),
            files: file_names(name).to_vec(),
            folders,
            packages: self.site_packages(),
            available: self
                .available()
                .into_iter()
                .flat_map(|available| available.names)
                .collect(),
        }
    }
}

impl Found {
    /// Takes a file that is called like the extension, if it has the extension or does not say what it has.
    fn take(&mut self, file: PathBuf, name: &str) {
        let names = names_in(&file);
        if names.is_empty() || has(&names, name) {
            self.source = Some(Source::File(file));
        } else {
            self.misnamed.get_or_insert(file);
        }
    }

    /// Takes the first of these libraries that has the extension.
    fn take_from(&mut self, libraries: &[Available], name: &str) {
        let found = libraries.iter().find(|library| has(&library.names, name));
        self.source = found.map(|library| library.source.clone());
    }

    /// Searches a folder: first the files that are called like the extension, then all libraries.
    fn search_folder(&mut self, folder: &Path, name: &str) {
        let files = file_names(name).map(|file| folder.join(file));
        for file in files.into_iter().filter(|file| file.is_file()) {
            self.take(file, name);
            if self.source.is_some() {
                return;
            }
        }
        self.take_from(&libraries(folder), name);
    }
}

impl Available {
    /// A library of this name, with the names that it has inside; else it is taken for one with an extension of that name.
    fn file(name: String, file: PathBuf) -> Self {
        let mut names = names_in(&file);
        if names.is_empty() {
            names.push(name.clone());
        }
        Available {
            name,
            names,
            source: Source::File(file),
        }
    }
}

/// The names of the extensions in a library, sorted; none if the library does not tell.
fn names_in(file: &Path) -> Vec<String> {
    let mut names = image::notes(file, NOTE_OWNER, NOTE_NAME);
    // The linker's order has no meaning.
    names.sort_unstable();
    names
}

/// Whether this name is among these.
fn has(names: &[String], name: &str) -> bool {
    let wanted = normalised(name);
    names.iter().any(|name| normalised(name) == wanted)
}

/// The names of files that an extension may have.
fn file_names(name: &str) -> [String; 2] {
    let stem = name.replace('-', "_");
    [
        format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}"),
        format!("{DLL_PREFIX}funcdock_{stem}{DLL_SUFFIX}"),
    ]
}

/// The name of the extension in a library of this file name, as a crate would have it.
pub(in crate::extensions) fn name_of_file(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let stem = name.strip_prefix(DLL_PREFIX)?.strip_suffix(DLL_SUFFIX)?;
    let stem = normalised(stem);
    let name = stem.strip_prefix("funcdock-").unwrap_or(&stem);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The libraries in a folder that have an extension's header, sorted by name.
fn libraries(folder: &Path) -> Vec<Available> {
    let mut libraries: Vec<Available> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|file| {
            let name = name_of_file(&file)?;
            let has = |symbol| image::exports(&file, symbol);
            let is_extension = has(abi::HEADER_SYMBOL) && !has(PYTHON_MODULE);
            is_extension.then(|| Available::file(name, file))
        })
        .collect();
    libraries.sort_by(|a, b| a.name.cmp(&b.name));
    libraries
}
