//! Where a new crate gets `funcdock-extension-api` from, which is not on crates.io. Once it is, a crate needs nothing but
//! the version: then this becomes the way for those who work on the API itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The API crate below the prefix that an installed package is in. The binary is in `bin`, beside `share`.
const INSTALLED: &str = "share/funcdock/extension-api";

/// The API crate in the source tree that this binary was built from.
const SOURCE_TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../extension-api");

const API: &str = "funcdock-extension-api";

/// Where the crate gets the API crate from. The text is a TOML string.
pub(super) enum Api {
    /// A git repository.
    Git(String),
    /// A folder on this machine.
    Folder(String),
}

impl Api {
    /// Returns the source that the user chose, or this binary's own.
    pub(super) fn new(git: Option<String>, folder: Option<PathBuf>) -> Result<Self> {
        Ok(match git {
            Some(url) => Api::Git(quoted(&url)?),
            None => Api::Folder(find_folder(folder)?),
        })
    }

    /// Returns the folder or the repository, as a TOML string.
    pub(super) fn place(&self) -> &str {
        match self {
            Api::Git(place) | Api::Folder(place) => place,
        }
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
fn find_folder(given: Option<PathBuf>) -> Result<String> {
    let folder = match given {
        Some(folder) if has_api(&folder) => folder,
        Some(folder) => bail!(
            "--api names {}, which does not contain the crate {API}; expected the folder extension-api of Funcdock's \
             sources",
            folder.display()
        ),
        None => {
            let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
            first(candidates(&executable))?
        }
    };
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot make {} an absolute path", folder.display()))?;
    quoted(&folder).with_context(|| {
        format!(
            ".cargo/config.toml cannot contain the path {}, which is not UTF-8",
            folder.display()
        )
    })
}

/// Returns where the API crate may be: in the installed package that this binary belongs to, then in the source tree.
fn candidates(executable: &Path) -> Vec<PathBuf> {
    let prefix = executable.parent().and_then(Path::parent);
    let installed = prefix.map(|prefix| prefix.join(INSTALLED));
    installed
        .into_iter()
        .chain([PathBuf::from(SOURCE_TREE)])
        .collect()
}

/// Returns the first of these folders that is that of the API crate.
fn first(candidates: Vec<PathBuf>) -> Result<PathBuf> {
    let searched: Vec<_> = candidates
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    let found = candidates.into_iter().find(|folder| has_api(folder));
    found.with_context(|| {
        format!(
            "the sources of {API} are not on this machine; name them with --api FOLDER or --git URL\n  searched for: \
             {}\n  The package of funcdock brings them: install it again, not with `pip install --target`, which leaves \
             them out",
            searched.join("\n                ")
        )
    })
}

/// Returns whether a folder is that of the API crate.
fn has_api(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| {
        text.lines()
            .any(|line| line.trim() == format!("name = \"{API}\""))
    })
}

/// Returns a TOML string: a JSON string is one.
fn quoted(value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_package_comes_before_the_source_tree() {
        let found = candidates(Path::new("/venv/bin/funcdock"));
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], Path::new("/venv/share/funcdock/extension-api"));
        assert!(has_api(&found[1]), "{found:?}");
    }

    #[test]
    fn without_the_sources_nothing_is_made() {
        let error = first(vec!["/nowhere/api".into(), "/".into()])
            .expect_err("there are none")
            .to_string();
        let expected = "the sources of funcdock-extension-api are not on this machine; name them with --api FOLDER or --git URL";
        assert!(error.starts_with(expected), "{error}");
        assert!(
            error.contains("searched for: /nowhere/api\n                /\n"),
            "{error}"
        );
    }
}
