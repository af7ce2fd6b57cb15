//! The binary and the libraries under test, built on demand with the profile of the tests themselves; and crates from
//! outside of the workspace, built as their authors would.

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
    built().join(library_name(krate))
}

/// Cargo's folder for what it makes.
pub fn target() -> &'static Path {
    // target/<profile>
    built().parent().expect("a profile's folder is in target/")
}

/// Builds a crate that is no part of this workspace with a profile of its own workspace, apart from ours and kept from
/// run to run: in `target/<name>`. Returns the folder with what it makes. Panics with cargo's errors.
pub fn build_outside(folder: &Path, name: &str, profile: &str, arguments: &[&str]) -> PathBuf {
    let target = target().join(name);
    let build = cargo()
        .args(["build", "--quiet", "--profile", profile])
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &target)
        // For crates whose folders are never the same, it would only leave litter behind.
        .env("CARGO_INCREMENTAL", "0")
        .output()
        .expect("cargo runs, as it runs this test");
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{}:\n{errors}", folder.display());
    target.join(if profile == "dev" { "debug" } else { profile })
}

/// The name of a crate's dynamic library.
pub fn library_name(krate: &str) -> String {
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", krate.replace('-', "_"))
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells a test of its crate: build scripts that read it (ring's) would run anew each time.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The folder with what `cargo build --workspace` makes. Cargo itself builds neither another crate's binary nor
/// a cdylib for a test, so this does, once a test process.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = cargo();
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
