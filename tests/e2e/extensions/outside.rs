//! Extensions as their authors make them: crates of their own, outside of this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, build_outside, library_name, outside, repository};
use serde_json::json;
use tempfile::TempDir;

use crate::extensions::support::{ENABLE, host_json, lines, status};

const SOURCE: &str = r#"
use std::time::Instant;
use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Outcome, Result, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    type State = Instant;

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }
    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<Instant>> {
        Ok(Flow::Continue(Instant::now()))
    }
    fn post_invocation(&self, call: &mut Invocation<'_>, start: &mut Instant, _outcome: &Outcome<'_>) -> Result<()> {
        tracing::info!("{} took {:?}", call.function().name(), start.elapsed());
        Ok(())
    }
}
"#;

/// A crate with that extension, which depends on the API in this folder.
fn krate(name: &str, api: &Path) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("src")).expect("a folder");
    fs::write(folder.path().join("src/lib.rs"), SOURCE).expect("a file");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"2.5.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\nfuncdock-extension-api = {{ path = {api:?} }}\ntracing = \"0.1\"\n"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("a file");
    // The versions that are on this machine already, so cargo fetches nothing.
    fs::copy(repository().join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("a file");
    folder
}

/// Builds a crate, and returns its library.
fn built(name: &str, krate: &TempDir) -> PathBuf {
    build_outside(krate.path(), "outside", "dev", &["--offline"]).join(library_name(name))
}

/// Serves an app with this library in its folder for extensions.
fn served(name: &str, library: &Path) {
    let app = App::case("extensions")
        .file("host.json", &host_json("", &[(name, json!({}))]))
        .env(ENABLE, "1");
    let folder = app
        .path()
        .canonicalize()
        .expect("the copy is there")
        .join(".extensions");
    fs::create_dir(&folder).expect("a folder in the copy");
    let file = folder.join(library.file_name().expect("a file"));
    fs::copy(library, &file).expect("cargo made it");
    let host = app.start();
    let report = status(&host, name);
    assert_eq!(
        ["source", "version", "state"].map(|field| &report[field]),
        [&json!(file), &json!("2.5.0"), &json!("started")]
    );
    for path in ["returns", "returns_async"] {
        assert_eq!(host.get(&format!("/api/{path}")).text(), "returned");
    }
    let stopped = host.stop();
    stopped.assert_clean();
    let logger = format!("INFO {}: ", name.replace('-', "_"));
    let logged = lines(&stopped.stderr, &[" took ", &logger, "invocation="]);
    assert_eq!(logged.len(), 2, "{}", stopped.stderr);
}

#[test]
fn the_smallest_extension_is_built_and_served() {
    assert!(SOURCE.trim().lines().count() < 25);
    let krate = krate("smallest", &repository().join("extension-api"));
    served("smallest", &built("smallest", &krate));
}

#[test]
fn an_extension_that_aborts_at_a_panic_does_not_compile() {
    let krate = krate("aborts", &repository().join("extension-api"));
    let manifest = krate.path().join("Cargo.toml");
    let mut text = fs::read_to_string(&manifest).expect("a file");
    text.push_str("\n[profile.dev]\npanic = \"abort\"\n");
    fs::write(&manifest, text).expect("a file");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["check", "--quiet", "--offline"])
        .current_dir(krate.path());
    let check = outside(&mut cargo, "outside").output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success());
    assert!(
        errors.contains("remove `panic = \"abort\"` from the profile"),
        "{errors}"
    );
}
