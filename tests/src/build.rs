//! Builds the binary and the libraries under test on demand, with the tests' own profile; and crates outside of the
//! workspace, as their authors would.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Returns the repository's folder.
pub fn repository() -> &'static Path {
    // This crate is at tests/.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
}

/// Returns the path of the `funcdock` binary.
pub fn binary() -> PathBuf {
    built().join("funcdock")
}

/// Returns the path of the dynamic library of a crate in this workspace.
pub fn library(krate: &str) -> PathBuf {
    let folder = match krate.starts_with("fixture-") {
        // Not beside the binary, where the host would find it and list it.
        true => built().join("examples"),
        false => built().to_owned(),
    };
    folder.join(library_name(krate))
}

/// Returns cargo's target folder.
pub fn target() -> &'static Path {
    // target/<profile>
    built().parent().expect("a profile's folder is in target/")
}

/// The folder in `target/` for the dependencies of all crates outside of this workspace, so that each is built once. They
/// are not shared with this workspace, whose own crates may be among them.
const OUTSIDE: &str = "outside-build";

/// Makes cargo build a crate outside of this workspace without downloads, and put what it builds into `target/<name>`.
pub fn outside<'c>(command: &'c mut Command, name: &str) -> &'c mut Command {
    let target = target();
    command
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", target.join(name))
        .env("CARGO_BUILD_BUILD_DIR", target.join(OUTSIDE))
        // Incremental files are useless for crates whose folders always differ, and nobody debugs them.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
}

/// Builds a crate outside of this workspace, with a profile of its own workspace, in `target/<name>`, which is kept
/// between runs. Returns the folder with the built files. Panics with cargo's errors.
pub fn build_outside(folder: &Path, name: &str, profile: &str, arguments: &[&str]) -> PathBuf {
    let target = target().join(name);
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--profile", profile])
        .args(arguments)
        .current_dir(folder);
    let build = outside(&mut build, name)
        .output()
        .expect("cargo runs, as it runs this test");
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{}:\n{errors}", folder.display());
    target.join(if profile == "dev" { "debug" } else { profile })
}

/// Returns the file name of a crate's dynamic library.
pub fn library_name(krate: &str) -> String {
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", krate.replace('-', "_"))
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Cargo sets these for a test: build scripts that read them (ring's) would run again each time.
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

/// Runs `cargo build --workspace` once per test process, and returns the folder with the built files. Cargo itself
/// builds neither another crate's binary nor a cdylib for a test. The fixtures are examples, and examples have the features
/// that `cargo test --workspace` has: it has built most of this already.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = cargo();
        build
            .args(["build", "--workspace", "--lib", "--bins", "--examples", "--quiet"])
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
