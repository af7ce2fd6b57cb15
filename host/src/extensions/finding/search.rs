//! Where an extension of a given name comes from.

use std::collections::BTreeSet;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::LoadedExtension;

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

/// An extension that could be docked, as far as it is known without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// Its name: that of the linked extension or of the entry point, else made from the file's.
    pub name: String,
    /// Where it is.
    pub source: Source,
}

impl Search {
    /// Where this extension comes from. Nothing of it is read.
    ///
    /// # Errors
    /// It is nowhere, or an installed package leads nowhere.
    pub fn locate(&self, config: &ExtensionConfig) -> Result<Source, ExtensionError> {
        let name = config.name.as_str();
        match &config.library {
            Some(file) => Ok(Source::File(file.clone())),
            None => self.by_name(name)?.ok_or_else(|| self.not_found(name)),
        }
    }

    /// Whether one of these is not found before [`wheels`](Self::wheels): only then those folders are needed.
    pub fn needs_wheels(&self, configs: &[ExtensionConfig]) -> bool {
        let here = Search {
            app_root: self.app_root.clone(),
            ..Search::default()
        };
        configs
            .iter()
            .any(|config| config.library.is_none() && matches!(here.by_name(&config.name), Ok(None)))
    }

    /// What could be docked, in the order of the search; of several with one name only the first.
    pub fn available(&self) -> Vec<Available> {
        let linked = LoadedExtension::linked().map(|linked| Available {
            name: linked.name().to_owned(),
            source: Source::Linked,
        });
        let mut all: Vec<Available> = linked.collect();
        // The linker's order has no meaning.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.extend(libraries(&self.own_folder()));
        let packages = self.site_packages();
        for folder in &packages {
            for point in wheel::entry_points(folder).0 {
                // An entry point without a library is an error only for an app that names it.
                if let Ok(file) = point.library(&packages) {
                    all.push(Available {
                        name: point.name,
                        source: Source::File(file),
                    });
                }
            }
        }
        all.extend(self.path.iter().flat_map(|folder| libraries(folder)));
        let mut seen = BTreeSet::new();
        all.retain(|available| seen.insert(normalised(&available.name)));
        all
    }

    fn by_name(&self, name: &str) -> Result<Option<Source>, ExtensionError> {
        if LoadedExtension::linked().any(|linked| linked.name() == name) {
            return Ok(Some(Source::Linked));
        }
        let in_folder = |folder: &Path| {
            file_names(name)
                .map(|file| folder.join(file))
                .into_iter()
                .find(|file| file.is_file())
        };
        if let Some(file) = in_folder(&self.own_folder()) {
            return Ok(Some(Source::File(file)));
        }
        let wanted = normalised(name);
        let in_wheel = wheel::find(&self.site_packages(), |found| normalised(found) == wanted);
        if let Some(file) = in_wheel.map_err(|error| errors::wheel(name, error))? {
            return Ok(Some(Source::File(file)));
        }
        Ok(self
            .path
            .iter()
            .find_map(|folder| in_folder(folder))
            .map(Source::File))
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
                .map(|available| available.name)
                .collect(),
        }
    }
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

/// The libraries in a folder that have an extension's header, by name.
fn libraries(folder: &Path) -> Vec<Available> {
    let mut libraries: Vec<Available> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|file| {
            let name = name_of_file(&file)?;
            let has = |symbol| image::exports(&file, symbol);
            (has(abi::HEADER_SYMBOL) && !has(PYTHON_MODULE)).then_some(Available {
                name,
                source: Source::File(file),
            })
        })
        .collect();
    libraries.sort_by(|a, b| a.name.cmp(&b.name));
    libraries
}
