//! `funcdock extension new`: the crate it makes builds, passes its tests and loads without a change, as the book says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use funcdock_tests::{App, binary, outside, python, repository, target, wait_for};
use serde_json::json;
use tempfile::TempDir;

use crate::cli::support::{self, Done, extension};

/// Makes an extension and returns its folder.
fn made(folder: &TempDir, arguments: &[&str]) -> PathBuf {
    let done = Done::of(extension(["new"]).args(arguments).current_dir(folder.path()));
    assert_eq!(done.code, Some(0), "{}", done.output());
    assert!(
        done.stdout
            .contains("funcdock extension check target/release/lib"),
        "{}",
        done.output()
    );
    folder.path().join(arguments[0])
}

/// Runs cargo on a crate outside of this workspace.
fn cargo(krate: &Path, arguments: &[&str]) -> Done {
    // This workspace's versions, so that cargo downloads nothing.
    let lock = krate.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(repository().join("Cargo.lock"), &lock).expect("a file");
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(krate);
    let done = Done::of(outside(&mut command, "outside"));
    assert_eq!(done.code, Some(0), "cargo {arguments:?}\n{}", done.output());
    assert!(
        !done.stderr.contains("warning"),
        "cargo {arguments:?}\n{}",
        done.output()
    );
    done
}

/// Tests and builds a crate, checks its library, and copies it into an app.
fn in_app(krate: &Path, library: &str, settings: serde_json::Value) -> App {
    cargo(krate, &["fmt", "--check"]);
    let tested = cargo(krate, &["test", "--lib"]);
    assert!(!tested.stdout.contains("running 0 tests"), "{}", tested.output());
    cargo(
        krate,
        &["doc", "--no-deps", "--package", "funcdock-extension-api"],
    );
    let reference = target().join("outside/doc/funcdock_extension_api/testing/struct.TestHost.html");
    assert!(reference.is_file(), "the README's command shows the mock host");
    cargo(krate, &["build"]);
    let library = target().join("outside/debug").join(library);
    let checked = Done::of(extension(["check"]).arg(&library));
    assert_eq!(checked.code, Some(0), "{}", checked.output());
    let name = krate.file_name().and_then(|name| name.to_str()).expect("a name");
    let name = name.trim_start_matches("funcdock-");
    let app = App::case("extensions")
        .file(
            "host.json",
            &json!({ "version": "2.0", "workerExtensions": { name: { "settings": settings } } }).to_string(),
        )
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1");
    let installed = Done::of(extension(["install"]).arg(&library).arg(app.path()));
    assert_eq!(installed.code, Some(0), "{}", installed.output());
    let mut list = extension(["list", "--settings"]);
    let listed = Done::of(
        list.arg(app.path())
            .arg("--python")
            .arg(python::without_packages()),
    );
    assert!(
        listed.stdout.contains(": int - "),
        "settings are documented\n{}",
        listed.output()
    );
    app
}

#[test]
fn a_new_app_extension_works_when_docked() {
    let folder = tempfile::tempdir().expect("a folder");
    let krate = made(&folder, &["slow-calls"]);
    let host = in_app(&krate, "libslow_calls.so", json!({ "slow_ms": 1 })).start();
    let folder = host.app().path();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| host.get("/api/waits").status);
        let runs = wait_for(|| folder.join("record.jsonl").exists().then_some(()));
        // The call takes at least this long from here on.
        std::thread::sleep(Duration::from_millis(2));
        fs::write(folder.join("gate"), "").expect("a file in the copy");
        assert_eq!(call.join().expect("the call returns"), 200);
        assert!(runs.is_some(), "{}", host.output());
    });
    host.wait_for_log("waits was slow: ");
    host.stop().assert_clean();
}

/// Returns the code block of "Write an extension" after this comment.
fn on_the_page(marker: &str) -> String {
    support::on_the_page("write-an-extension.md", marker)
}

/// Runs a line of the page in a shell.
fn run(line: &str, folder: &Path) {
    let tools = binary().parent().expect("target/<profile>").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)));
    let done = Done::of(
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(folder)
            .env("PATH", path.expect("folders of a path"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_BUILD_BUILD_DIR", target().join("outside-build"))
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR"),
    );
    assert_eq!(done.code, Some(0), "{line}\n{}", done.output());
}

#[test]
fn the_books_page_leads_from_an_empty_folder_to_a_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let krate = folder.path().join("stopwatch");
    let docked = on_the_page("host.json");
    let app = App::case("extensions").file("host.json", &format!("{{ \"version\": \"2.0\", {docked} }}"));
    let commands = on_the_page("commands: make").replace("path/to/app", &app.path().display().to_string());
    let (new, others) = commands.split_once('\n').expect("several commands");
    run(new, folder.path());
    // As for an author's second build, the dependencies are built already, in this workspace's versions.
    let built = target().join("outside");
    fs::create_dir_all(&built).expect("target/ is writable");
    symlink(built, krate.join("target")).expect("a link");
    fs::copy(repository().join("Cargo.lock"), krate.join("Cargo.lock")).expect("a file");
    for command in others.lines() {
        run(command, &krate);
    }

    let start = on_the_page("commands: start");
    let switch = start.strip_suffix(" funcdock start path/to/app");
    let (name, value) = switch.and_then(|switch| switch.split_once('=')).expect("NAME=1");
    let host = app.env(name, value).start();
    let requests = on_the_page("commands: request").replace("api/hello", "api/returns");
    let answers: Vec<String> = requests
        .lines()
        .map(|line| {
            line.strip_prefix("curl http://127.0.0.1:7071")
                .expect("a request")
        })
        .map(|path| host.get(path).text())
        .collect();
    let [returned, extensions] = answers.as_slice() else {
        panic!("expected two requests: {answers:?}")
    };
    assert_eq!(returned, "returned");
    let extensions: serde_json::Value = serde_json::from_str(extensions).expect("JSON");
    let stopwatch = &extensions["workers"][0]["extensions"][0];
    assert_eq!(stopwatch["name"], "stopwatch", "{extensions:#}");
    assert_eq!(
        stopwatch["hooks"]["post_invocation"]["calls"], 1,
        "{extensions:#}"
    );
    host.stop().assert_clean();
}

#[test]
fn a_new_function_extension_works_when_docked() {
    let folder = tempfile::tempdir().expect("a folder");
    let krate = made(&folder, &["funcdock-few-calls", "--scope", "function"]);
    let host = in_app(&krate, "libfuncdock_few_calls.so", json!({ "calls": 2 })).start();
    let statuses: Vec<u16> = (0..3).map(|_| host.get("/api/returns").status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(
        host.get("/api/returns_async").status,
        200,
        "another function has an instance of its own"
    );
    host.stop().assert_clean();
}

#[test]
fn the_path_of_the_api_can_be_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let api = folder.path().join("an \"api\"");
    fs::create_dir(&api).expect("a folder");
    let refused = |done: Done, expected: &str| {
        assert_eq!(done.code, Some(1), "{}", done.output());
        assert!(done.stderr.contains(expected), "{}", done.output());
        assert!(!folder.path().join("x").exists(), "nothing was made");
    };
    let new = || {
        Done::of(
            extension(["new", "x", "--api"])
                .arg(&api)
                .current_dir(folder.path()),
        )
    };
    refused(new(), "which does not contain the crate funcdock-extension-api");
    fs::write(
        api.join("Cargo.toml"),
        "[package]\nname = \"funcdock-extension-api\"\n",
    )
    .expect("a file");
    assert_eq!(new().code, Some(0));
    let config = fs::read_to_string(folder.path().join("x/.cargo/config.toml")).expect("the crate was made");
    let path = api
        .canonicalize()
        .expect("the line exists")
        .display()
        .to_string()
        .replace('"', "\\\"");
    assert!(
        config.contains(&format!("funcdock-extension-api = {{ path = \"{path}\" }}")),
        "{config}"
    );
}

/// The wheel's hook runs this script, and the package is in a prefix like this one.
#[test]
fn an_installed_package_has_the_sources_of_the_api() {
    let prefix = tempfile::tempdir().expect("a folder");
    let prefix = prefix.path().canonicalize().expect("it exists");
    let shared = prefix.join("share/funcdock");
    let copied = Done::of(
        Command::new("python3")
            .arg(repository().join("python/author_crates.py"))
            .arg(&shared),
    );
    assert_eq!(copied.code, Some(0), "{}", copied.output());
    fs::create_dir(prefix.join("bin")).expect("a folder");
    let installed = prefix.join("bin/funcdock");
    fs::copy(binary(), &installed).expect("a program");
    let new = Done::of(
        Command::new(installed)
            .args(["extension", "new", "fresh"])
            .current_dir(&prefix),
    );
    assert_eq!(new.code, Some(0), "{}", new.output());
    let api = shared.join("extension-api");
    assert!(
        new.stdout.contains(&format!(
            "with funcdock-extension-api from {:?}",
            api.display().to_string()
        )),
        "{}",
        new.output()
    );
    let krate = prefix.join("fresh");
    let tested = cargo(&krate, &["test", "--lib"]);
    assert!(tested.stdout.contains("2 passed"), "{}", tested.output());
    let lock = fs::read_dir(&shared).expect("a folder").flatten();
    assert_eq!(lock.count(), 2, "cargo writes nothing into the installed package");
}

#[test]
fn what_git_gets_of_a_new_crate_names_no_folder_of_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = "https://git.example/funcdock";
    for arguments in [&["plain"][..], &["from-git", "--git", url]] {
        let krate = made(&folder, arguments);
        let git = |arguments: &[&str]| {
            let done = Done::of(Command::new("git").args(arguments).current_dir(&krate));
            assert_eq!(done.code, Some(0), "{}", done.output());
            done.stdout
        };
        git(&["init", "--quiet"]);
        let files = git(&["ls-files", "--others", "--exclude-standard"]);
        let files: Vec<&str> = files.lines().collect();
        assert_eq!(files, [".gitignore", "Cargo.toml", "README.md", "src/lib.rs"]);
        let manifest = fs::read_to_string(krate.join("Cargo.toml")).expect("a file of the crate");
        assert!(!manifest.contains("path ="), "{manifest}");
        let is_from_git = arguments.len() > 1;
        assert_eq!(
            manifest.contains(&format!("{{ git = \"{url}\" }}")),
            is_from_git,
            "{manifest}"
        );
        let readme = fs::read_to_string(krate.join("README.md")).expect("a file of the crate");
        assert_eq!(readme.contains("[patch.crates-io]"), !is_from_git, "{readme}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("there");
    fs::create_dir(&there).expect("a folder");
    for (arguments, expected) in [
        (vec!["there"], "there exists already"),
        (vec!["other", "--path", "there"], "there exists already"),
        (
            vec!["two words"],
            "\"two words\" is not a valid name of an extension",
        ),
    ] {
        let done = Done::of(extension(["new"]).args(&arguments).current_dir(folder.path()));
        assert_eq!(done.code, Some(1), "{}", done.output());
        assert!(done.stderr.contains(expected), "{}", done.output());
    }
    assert_eq!(fs::read_dir(&there).expect("a folder").count(), 0);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}
