//! Where a new crate gets `funcdock-extension-api` from, which is not on crates.io.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The API crate in the source tree that this binary was built from.
const SOURCE_TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../extension-api");

const API: &str = "funcdock-extension-api";

/// Where the crate gets the API crate from. The text is a TOML string.
pub(super) enum Api {
    /// A git repository.
    Git(String),
    /// A folder on this machine; `None` if there is none.
    Folder(Option<String>),
}

impl Api {
    /// Returns the source that the user chose, or this binary's own.
    pub(super) fn new(git: Option<String>, folder: Option<PathBuf>) -> Result<Self> {
        Ok(match git {
            Some(url) => Api::Git(quoted(&url)?),
            None => Api::Folder(find_folder(folder)?),
        })
    }

    /// Returns the dependency for Cargo.toml, without its closing bracket.
    pub(super) fn dependency(&self) -> String {
        match self {
            Api::Git(url) => format!("{{ git = {url}"),
            // All crates of a release have one version.
            Api::Folder(_) => format!("{{ version = {:?}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// Returns what a clone of the crate needs, for the README.
    pub(super) fn in_a_clone(&self) -> &'static str {
        match self {
            Api::Git(_) => "`cargo` gets `funcdock-extension-api` from the git repository in `Cargo.toml`.",
            Api::Folder(_) => include_str!("template/clone.md.template").trim_end(),
        }
    }
}

/// Returns the folder of the API crate as a TOML string.
fn find_folder(given: Option<PathBuf>) -> Result<Option<String>> {
    let folder = match given {
        Some(folder) => {
            let named = |text: String| {
                text.lines()
                    .any(|line| line.trim() == format!("name = \"{API}\""))
            };
            if !fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(named) {
                bail!(
                    "--api names {}, which does not contain the crate {API}; expected the folder extension-api of \
                     Funcdock's sources",
                    folder.display()
                );
            }
            folder
        }
        None if Path::new(SOURCE_TREE).join("Cargo.toml").is_file() => SOURCE_TREE.into(),
        None => return Ok(None),
    };
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot make {} an absolute path", folder.display()))?;
    quoted(&folder)
        .with_context(|| {
            format!(
                ".cargo/config.toml cannot contain the path {}, which is not UTF-8",
                folder.display()
            )
        })
        .map(Some)
}

/// Returns a TOML string: a JSON string is one.
fn quoted(value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}
