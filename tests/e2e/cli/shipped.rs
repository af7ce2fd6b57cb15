//! The examples of how to ship an extension to its users: as a Python package, and linked into a host.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, Host, outside, python, repository, target};
use serde_json::json;

use crate::cli::support::{Done, extension};

/// The folder in `target/` for crates outside of this workspace.
const OUTSIDE: &str = "outside";

/// Copies both examples, so that builds do not write into the sources. The copy is kept between runs.
fn examples(name: &str) -> PathBuf {
    let copies = target().join(OUTSIDE).join(name);
    for example in ["packaged-extension", "linked-host"] {
        let (from, to) = (repository().join("examples").join(example), copies.join(example));
        copy(&from, &to);
        let manifest = to.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a file of the example");
        let root = format!("path = \"{}/", repository().display());
        assert!(text.contains("path = \"../../"), "{text}");
        fs::write(&manifest, text.replace("path = \"../../", &root)).expect("a file of the copy");
        // This workspace's versions, so that cargo downloads nothing.
        fs::copy(repository().join("Cargo.lock"), to.join("Cargo.lock")).expect("a file of the copy");
    }
    copies
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder of this repository").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        // Skips files that a developer built in place.
        if from.is_dir() && entry.file_name() != "target" {
            copy(&from, &to);
        } else if from.is_file() {
            let same = fs::read(&from).ok() == fs::read(&to).ok();
            // A new modification time would make cargo build again.
            if !same {
                fs::copy(from, to).expect("a file");
            }
        }
    }
}

#[track_caller]
fn run(command: &mut Command) -> Done {
    let done = Done::of(outside(command, OUTSIDE));
    assert_eq!(done.code, Some(0), "{command:?}\n{}", done.output());
    done
}

/// Returns an app that only docks the extension, by its name.
fn app() -> App {
    let host_json = json!({
        "version": "2.0",
        "workerExtensions": { "maintenance": { "settings": { "message": "back at noon" } } },
    });
    App::case("hello")
        .file("host.json", &host_json.to_string())
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
}

fn assert_answers(host: &Host, source: &str) {
    let answer = host.get("/api/hello");
    assert_eq!(
        (answer.status, answer.text()),
        (503, "back at noon\n".to_owned()),
        "{}",
        host.output()
    );
    let status: serde_json::Value =
        serde_json::from_slice(&host.get("/admin/host/status").body).expect("JSON");
    let found = status["extensions"][0]["source"].as_str().expect("a source");
    assert!(found.ends_with(source), "{found}");
}

#[test]
fn a_wheel_is_built_installed_and_docked_by_name() {
    let krate = examples("wheel").join("packaged-extension");
    let wheels = tempfile::tempdir().expect("a folder");
    let tools = python::with_maturin();
    let tools = tools.parent().expect("bin/python");
    let mut path = OsString::from(tools);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // maturin looks at the packages of all platforms, of which builds have downloaded only ours.
    let fetched = Command::new("cargo")
        .arg("fetch")
        .current_dir(repository())
        .status();
    assert!(fetched.is_ok_and(|status| status.success()), "cargo fetch fails");
    let built = run(Command::new(tools.join("maturin"))
        .args(["build", "--out"])
        .arg(wheels.path())
        .env("PATH", path)
        .current_dir(&krate));
    assert!(!built.output().contains("Warning"), "{}", built.output());
    let wheel = fs::read_dir(wheels.path())
        .expect("a folder")
        .flatten()
        .next()
        .expect("a wheel")
        .path();
    let name = wheel.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(
        name.contains("-py3-none-"),
        "one wheel serves every Python 3: {name}"
    );

    let app = app();
    let environment = app.path().canonicalize().expect("the copy exists").join(".venv");
    python::new_environment(&environment);
    run(Command::new(python::any())
        .args(["-m", "pip", "--python"])
        .arg(environment.join("bin/python"))
        .args(["install", "--quiet", "--no-deps", "--no-index"])
        .arg(&wheel));
    let app = app.python(environment.join("bin/python"));
    let listed = Done::of(extension(["list", "--json"]).arg(app.path())).json();
    assert_eq!(listed["docked"][0]["state"], "loaded", "{listed:#}");
    let host = app.start();
    assert_answers(&host, "/site-packages/funcdock_maintenance/native/libnative.so");
    host.stop().assert_clean();
}

#[test]
fn an_own_host_has_its_extensions_linked() {
    let krate = examples("linked").join("linked-host");
    run(
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet"])
            .current_dir(&krate),
    );
    let program = target().join(OUTSIDE).join("debug/linked-host");
    let app = app().program(&program);
    let mut list = Command::new(&program);
    let listed = Done::of(list.args(["extension", "list", "--json"]).arg(app.path())).json();
    assert_eq!(listed["docked"][0]["source"], "linked", "{listed:#}");
    assert_eq!(listed["docked"][0]["version"], "0.1.0", "{listed:#}");
    let host = app.start();
    assert_answers(&host, "linked");
    host.stop().assert_clean();
}
