//! The binary and the libraries under test, built on demand with the profile of the tests themselves.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository's folder.
pub fn repository() -> &'static Path {
    // This crate is at tests/.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
}

/// The `funcdock` binary.
pub fn binary() -> PathBuf {
    built().join("funcdock")
}

/// The dynamic library of a crate in this workspace, by the crate's name.
pub fn library(krate: &str) -> PathBuf {
    built().join(format!("{DLL_PREFIX}{}{DLL_SUFFIX}", krate.replace('-', "_")))
}

/// The folder with what `cargo build --workspace` makes. Cargo itself builds neither another crate's binary nor
/// a cdylib for a test, so this does, once a test process.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build
            .args(["build", "--workspace", "--quiet"])
            .current_dir(repository());
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let status = build.status().expect("cargo runs, as it runs this test");
        assert!(status.success(), "cargo build --workspace failed: {status}");
        // target/<profile>/deps/<this test>
        let executable = std::env::current_exe().expect("a test knows its own path");
        let folder = executable
            .parent()
            .and_then(Path::parent)
            .expect("cargo puts tests two folders deep");
        folder.to_owned()
    })
}
