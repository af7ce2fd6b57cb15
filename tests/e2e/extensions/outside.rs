//! Extensions as their authors make them: crates of their own, outside of this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, binary, repository};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{ENABLE, host_json, lines, status};

const SOURCE: &str = r#"
use std::time::Instant;
use funcdock_extension_api::{AppExtension, AppInfo, Flow, Invocation, Outcome, Result, export_extension};

struct Stopwatch;

impl AppExtension for Stopwatch {
    type Settings = ();
    type State = Instant;

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }
    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<Instant>> {
        Ok(Flow::Continue(Instant::now()))
    }
    fn post_invocation(&self, call: &mut Invocation<'_>, start: Instant, _outcome: &Outcome<'_>) -> Result<()> {
        tracing::info!("{} took {:?}", call.function().name(), start.elapsed());
        Ok(())
    }
}

export_extension!(Stopwatch);
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
    // The versions that are here already, so that nothing is to be fetched.
    fs::copy(repository().join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("a file");
    folder
}

/// Where these crates are built: apart from the workspace, and kept from run to run.
fn target() -> PathBuf {
    let profile = binary();
    let target = profile.parent().and_then(Path::parent);
    target.expect("target/<profile>/funcdock").join("outside")
}

/// Builds a crate, and returns its library.
fn built(name: &str, krate: &TempDir) -> PathBuf {
    let build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--offline"])
        .current_dir(krate.path())
        .env("CARGO_TARGET_DIR", target())
        // Of crates whose folders are never the same, it would only leave litter behind.
        .env("CARGO_INCREMENTAL", "0")
        .output()
        .expect("cargo runs, as it runs this test");
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{errors}");
    target().join(format!("debug/lib{}.so", name.replace('-', "_")))
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
    let krate = krate("stopwatch", &repository().join("extension-api"));
    served("stopwatch", &built("stopwatch", &krate));
}

/// The next minor version of the API appends functions: what is built with it works with this host.
#[test]
fn an_extension_of_the_next_api_is_served() {
    // In the same place each time, so that it takes the place of the last run's.
    let workspace = target().join("next");
    if workspace.exists() {
        fs::remove_dir_all(&workspace).expect("a folder of our own");
    }
    let api = workspace.join("extension-api");
    copy(&repository().join("extension-api"), &api);
    let manifest = workspace.join("Cargo.toml");
    fs::copy(repository().join("Cargo.toml"), &manifest).expect("a file");
    replace(&manifest, "\nmembers = [", "\nmembers = [\"extension-api\"] # ");
    replace(
        &api.join("Cargo.toml"),
        "version = \"1.0.0\"",
        "version = \"1.1.0\"",
    );
    let last =
        "pub set_attribute: unsafe extern \"C\" fn(this: *const c_void, name: RStr<'_>, value: Value),";
    let appended = "/// New.\npub appended: unsafe extern \"C\" fn(this: *const c_void),";
    replace(
        &api.join("src/abi/context.rs"),
        last,
        &format!("{last}\n{appended}"),
    );
    let krate = krate("next-api", &api);
    served("next-api", &built("next-api", &krate));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder of this repository").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a file");
        }
    }
}

/// Replaces the one place of `old` in a file.
fn replace(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).expect("a file of the copy");
    assert_eq!(text.matches(old).count(), 1, "{old:?} in {}", file.display());
    fs::write(file, text.replace(old, new)).expect("a file of the copy");
}
