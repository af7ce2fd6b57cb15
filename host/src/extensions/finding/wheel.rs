//! Extensions that Python packages bring: found by the metadata of the wheels that are installed for the app.
//!
//! A wheel that carries an extension has an entry point in the group `funcdock.extensions`. Installed, that is a
//! file `<name>-<version>.dist-info/entry_points.txt` beside the package:
//!
//! ```ini
//! [funcdock.extensions]
//! rate-limit = funcdock_rate_limit
//! ```
//!
//! The left side is the extension's name, the right side the Python package in whose folder its library lies.
//! Read here and not by Python: a worker loads its extensions before it runs any Python code.

use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::extensions::error::ENTRY_POINTS;

const EXPECTED: &str = "`name = package.module`";

/// Why the entry point of a package does not lead to a library.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {found}; expected {expected}")]
pub(super) struct WheelError {
    /// The file, with the line where there is one.
    pub(super) place: String,
    pub(super) found: String,
    pub(super) expected: &'static str,
}

/// One line of an `entry_points.txt` in our group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryPoint {
    /// The extension's name.
    pub(super) name: String,
    /// The Python package with the library: "package" or "package.module".
    module: String,
    /// Where it says so.
    file: PathBuf,
    line: usize,
}

/// Returns the library of the first entry point that `is_it` accepts, in the order of the folders.
pub(super) fn find(folders: &[PathBuf], is_it: impl Fn(&str) -> bool) -> Result<Option<PathBuf>, WheelError> {
    let mut wrong = None;
    for folder in folders {
        let (points, problem) = entry_points(folder);
        wrong = wrong.or(problem);
        let mut named = points.iter().filter(|point| is_it(&point.name));
        let Some(point) = named.next() else { continue };
        if let Some(other) = named.next() {
            return Err(WheelError {
                place: point.place(),
                found: format!(
                    "another package offers {:?} as well: {}",
                    other.name,
                    other.place()
                ),
                expected: "one package of that name",
            });
        }
        return point.library(folders).map(Some);
    }
    // A line that cannot be read may have been the right one.
    wrong.map_or(Ok(None), Err)
}

/// Returns all entry points of our group in a folder of installed packages, sorted by file, and the first line that is
/// not valid.
pub(super) fn entry_points(folder: &Path) -> (Vec<EntryPoint>, Option<WheelError>) {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dist-info"))
        .map(|path| path.join("entry_points.txt"))
        .collect();
    files.sort_unstable();
    let (mut points, mut wrong) = (Vec::new(), None);
    for file in files {
        match fs::read(&file) {
            Ok(bytes) => {
                for point in parse(&file, &String::from_utf8_lossy(&bytes)) {
                    match point {
                        Ok(point) => points.push(point),
                        Err(error) => wrong = wrong.or(Some(error)),
                    }
                }
            }
            // A package without entry points, as most are.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                wrong = wrong.or(Some(WheelError {
                    place: file.display().to_string(),
                    found: error.to_string(),
                    expected: "a file that the host's user can read",
                }));
            }
        }
    }
    (points, wrong)
}

/// The lines of our group. Other groups belong to other tools, and are not judged here.
fn parse(file: &Path, text: &str) -> Vec<Result<EntryPoint, WheelError>> {
    let mut ours = false;
    let mut points = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            ours = section
                .strip_suffix(']')
                .is_some_and(|section| section.trim() == ENTRY_POINTS);
            continue;
        }
        if !ours || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let point = line.split_once('=').map(|(name, module)| EntryPoint {
            name: name.trim().to_owned(),
            module: module.trim().to_owned(),
            file: file.to_owned(),
            line: index + 1,
        });
        points.push(
            point
                .filter(|point| !point.name.is_empty() && is_module(&point.module))
                .ok_or_else(|| WheelError {
                    place: format!("{}:{}", file.display(), index + 1),
                    found: format!("{line:?}"),
                    expected: EXPECTED,
                }),
        );
    }
    points
}

/// Whether this is a dotted name, as Python imports it. Nothing else may become a path.
fn is_module(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first == '_' || first.is_alphabetic())
            && letters.all(|letter| letter == '_' || letter.is_alphanumeric())
    })
}

impl EntryPoint {
    fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }

    /// The one library in the folder of the package, which need not be beside its entry points: an editable install
    /// has it elsewhere on Python's path.
    pub(super) fn library(&self, folders: &[PathBuf]) -> Result<PathBuf, WheelError> {
        const ONE_LIBRARY: &str = "a Python package with one library file in its folder";
        let wrong = |found| WheelError {
            place: self.place(),
            found,
            expected: ONE_LIBRARY,
        };
        let path: PathBuf = self.module.split('.').collect();
        let beside = self.file.parent().and_then(Path::parent).map(Path::to_owned);
        let candidates = beside.iter().chain(folders);
        let package = candidates
            .map(|folder| folder.join(&path))
            .find(|folder| folder.is_dir())
            .ok_or_else(|| wrong(format!("no package {:?}", self.module)))?;
        let mut libraries: Vec<PathBuf> = fs::read_dir(&package)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with(DLL_SUFFIX) && path.is_file())
            .collect();
        libraries.sort_unstable();
        match libraries.as_mut_slice() {
            [library] => Ok(std::mem::take(library)),
            [] => Err(wrong(format!("no *{DLL_SUFFIX} in {}", package.display()))),
            several => {
                let names: Vec<_> = several
                    .iter()
                    .filter_map(|path| path.file_name())
                    .map(|name| name.to_string_lossy())
                    .collect();
                Err(wrong(format!("{} in {}", names.join(", "), package.display())))
            }
        }
    }
}

#[cfg(test)]
mod tests;
