//! Whether extensions are on, where they come from, and which functions they apply to.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, library, python};
use serde_json::{Value as Json, json};

use crate::extensions::support::{
    ENABLE, app, fixture_for, host_json, recording, records, records_of, status, wait_for_lines,
    wait_for_records,
};

/// Four extensions, of which only the last can be loaded.
fn broken() -> [(&'static str, Json); 4] {
    [
        ("nowhere", json!({})),
        ("missing", json!({ "library": "missing.so" })),
        ("text", json!({ "library": "host.json" })),
        (
            "record",
            json!({ "library": library("fixture-hooks"), "settings": recording("on") }),
        ),
    ]
}

#[test]
fn extensions_are_off_unless_turned_on() {
    for off in [None, Some("0"), Some("false"), Some("on")] {
        let mut app = App::case("extensions").file("host.json", &host_json("", &broken()));
        if let Some(value) = off {
            app = app.env(ENABLE, value);
        }
        let host = app.start();
        assert_eq!(host.get("/api/returns").text(), "returned", "{off:?}");
        let answer: Json = serde_json::from_slice(&host.get("/admin/host/status").body).expect("JSON");
        assert_eq!(answer["extensions"], json!([]), "{off:?}");
        let hooks: Vec<Json> = records(host.app())
            .iter()
            .map(|record| record["hook"].clone())
            .collect();
        assert_eq!(hooks, ["function"], "{off:?}");
        wait_for_lines(&host, &["because worker extensions are off"], broken().len());
    }
}

#[test]
fn local_settings_may_turn_them_on() {
    let settings = json!({ "IsEncrypted": false, "Values": { ENABLE: "TRUE" } }).to_string();
    let app = || {
        App::case("extensions")
            .file("host.json", &host_json("", &broken()[3..]))
            .file("local.settings.json", &settings)
    };
    let host = app().start();
    assert_eq!(status(&host, "record")["state"], "started");
    // The environment takes precedence.
    let host = app().env(ENABLE, "no").start();
    host.get("/api/returns");
    assert_eq!(records_of(host.app(), "pre_invocation").len(), 0);
}

/// Puts the fixtures' library under this name into a folder.
fn install(folder: &Path, name: &str) -> PathBuf {
    install_of("fixture-hooks", folder, name)
}

/// Puts the library of a crate under this name into a folder.
fn install_of(krate: &str, folder: &Path, name: &str) -> PathBuf {
    fs::create_dir_all(folder).expect("a folder in the copy");
    let file = folder.join(name);
    symlink(library(krate), &file).expect("a link in the copy");
    file
}

#[test]
fn the_app_comes_before_the_path() {
    let by_name = [("record", json!({ "settings": recording("found") }))];
    let app = || app(&by_name);

    let both = app();
    let root = both.path().canonicalize().expect("the copy is there");
    let in_app = install(&root.join(".extensions"), "librecord.so");
    install(&root.join("shared"), "librecord.so");
    let host = both.env("FUNCDOCK_EXTENSION_PATH", root.join("shared")).start();
    assert_eq!(status(&host, "record")["source"], json!(in_app));

    // The first folder that has it, also under the name that our own crates have.
    let path = app();
    let root = path.path().canonicalize().expect("the copy is there");
    install_of("funcdock-server-timing", &root.join("a"), "libother.so");
    let in_path = install(&root.join("b"), "libfuncdock_record.so");
    install(&root.join("c"), "librecord.so");
    let folders = std::env::join_paths(["a", "b", "c"].map(|folder| root.join(folder)));
    let host = path
        .env("FUNCDOCK_EXTENSION_PATH", folders.expect("no colon in it"))
        .start();
    assert_eq!(status(&host, "record")["source"], json!(in_path));

    // In the app's own settings, relative to the app.
    let relative = app();
    let root = relative.path().canonicalize().expect("the copy is there");
    let in_folder = install(&root.join("libraries"), "librecord.so");
    let settings = json!({ "Values": { "FUNCDOCK_EXTENSION_PATH": "libraries" } }).to_string();
    let host = relative.file("local.settings.json", &settings).start();
    assert_eq!(status(&host, "record")["source"], json!(in_folder));
}

/// Installs a package with the fixtures' library, as pip would unpack it.
fn install_package(site_packages: &Path, name: &str) -> PathBuf {
    let about = site_packages.join(format!("{name}_package-1.0.dist-info"));
    fs::create_dir_all(&about).expect("a folder in the copy");
    let text = format!(
        "[console_scripts]\nother = x:main\n\n[funcdock.extensions]\n{name} = {name}_package.native\n"
    );
    fs::write(about.join("entry_points.txt"), text).expect("a file in the copy");
    let package = site_packages.join(format!("{name}_package"));
    fs::create_dir_all(&package).expect("a folder in the copy");
    fs::write(
        package.join("__init__.py"),
        "raise RuntimeError('nobody imports this')\n",
    )
    .expect("a file");
    install(&package.join("native"), "libfixture_hooks.so")
}

#[test]
fn a_package_of_the_app_brings_its_extension() {
    let app = app(&[("record", json!({ "settings": recording("found") }))]);
    let root = app.path().canonicalize().expect("the copy is there");
    let in_package = install_package(&root.join(".python_packages/lib/site-packages"), "record");
    install(&root.join("shared"), "librecord.so");
    let host = app.env("FUNCDOCK_EXTENSION_PATH", root.join("shared")).start();
    assert_eq!(status(&host, "record")["source"], json!(in_package));
    assert_eq!(host.get("/api/returns").text(), "returned");
    assert_eq!(wait_for_records(&host, "post_invocation", 1).len(), 1);
}

#[test]
fn a_package_of_the_interpreter_brings_its_extension() {
    let app = app(&[("record", json!({ "settings": recording("found") }))]).file("requirements.txt", "");
    let root = app.path().canonicalize().expect("the copy is there");
    let site_packages = python::new_environment(&root.join(".venv"));
    let in_package = install_package(&site_packages, "record");
    // A file that hides a standard module, and output of the interpreter, do no harm.
    fs::write(root.join("os.py"), "raise RuntimeError('hidden')\n").expect("a file in the copy");
    fs::write(site_packages.join("sitecustomize.py"), "print('hello')\n").expect("a file");
    let host = app.python(root.join(".venv/bin/python")).start();
    assert_eq!(status(&host, "record")["source"], json!(in_package));
    assert_eq!(host.get("/api/returns").text(), "returned");
}

#[test]
fn a_library_may_be_pinned_to_its_digest() {
    let library = library("fixture-hooks");
    let output = Command::new("sha256sum")
        .arg(&library)
        .output()
        .expect("coreutils");
    let text = String::from_utf8_lossy(&output.stdout).to_uppercase();
    let digest = text.split_whitespace().next().expect("the digest comes first");
    let pinned = json!({ "library": library, "sha256": digest, "settings": recording("pinned") });
    let host = app(&[("record", pinned)]).start();
    assert_eq!(status(&host, "record")["state"], "started");
}

#[test]
fn the_folder_of_the_binary_comes_last() {
    let by_name = [("server-timing", json!({}))];
    let beside = library("funcdock-server-timing");
    let host = app(&by_name).start();
    assert_eq!(status(&host, "server-timing")["source"], json!(beside));

    let first = app(&by_name);
    let root = first.path().canonicalize().expect("the copy is there");
    let in_app = install_of(
        "funcdock-server-timing",
        &root.join(".extensions"),
        "libserver_timing.so",
    );
    let host = first.start();
    assert_eq!(status(&host, "server-timing")["source"], json!(in_app));
}

#[test]
fn the_names_inside_libraries_count() {
    // For host.json and for function code, in the app's folder and in a package.
    let code = "from funcdock.extensions import noop\n\n\ndef main(req):\n    return 'hello'\n";
    let named = || app(&[("record", json!({ "settings": recording("found") }))]).function("imports", code);
    let in_app = named();
    let root = in_app.path().canonicalize().expect("the copy is there");
    let library = install(&root.join(".extensions"), "libwhatever.so");
    let host = in_app.start();
    assert_eq!(host.get("/api/imports").text(), "hello");
    for name in ["record", "noop"] {
        assert_eq!(status(&host, name)["source"], json!(library), "{name}");
    }

    let in_package = named();
    let root = in_package.path().canonicalize().expect("the copy is there");
    let library = install_package(&root.join(".python_packages/lib/site-packages"), "whatever");
    let host = in_package.start();
    for name in ["record", "noop"] {
        assert_eq!(status(&host, name)["source"], json!(library), "{name}");
    }
}

#[test]
fn a_file_with_the_name_of_an_extension_may_have_another() {
    let app = || app(&[("record", json!({ "settings": recording("found") }))]);
    let misnamed = |app: &App| {
        let root = app.path().canonicalize().expect("the copy is there");
        install_of(
            "funcdock-server-timing",
            &root.join(".extensions"),
            "librecord.so",
        )
    };
    let alone = app();
    let file = misnamed(&alone).display().to_string();
    let stderr = alone.start_fails().stderr;
    let found = "has no extension of that name\n    found: \"server-timing\"";
    assert!(stderr.contains(&file) && stderr.contains(found), "{stderr}");

    // One that has the extension is taken, though it comes later and is called otherwise.
    let both = app();
    misnamed(&both);
    let shared = both
        .path()
        .canonicalize()
        .expect("the copy is there")
        .join("shared");
    let right = install(&shared, "libwhatever.so");
    let host = both.env("FUNCDOCK_EXTENSION_PATH", shared).start();
    assert_eq!(status(&host, "record")["source"], json!(right));
}

#[test]
fn functions_narrow_what_an_extension_applies_to() {
    let extensions = [
        ("record", fixture_for(&["returns", "raises"], recording("app"))),
        (
            "record-function",
            fixture_for(&["returns"], recording("function")),
        ),
        ("record-again", fixture_for(&[], recording("none"))),
    ];
    let host = app(&extensions).start();
    for path in ["returns", "returns_async", "raises", "raises_async"] {
        host.get(&format!("/api/{path}"));
    }
    wait_for_records(&host, "post_invocation", 3);
    let of = |hook: &str| {
        let mut of: Vec<(String, String)> = records_of(host.app(), hook)
            .iter()
            .map(|record| ["label", "function"].map(|key| record[key].as_str().unwrap_or("").to_owned()))
            .map(<[String; 2]>::into)
            .collect();
        of.sort_unstable();
        of
    };
    let pair = |label: &str, function: &str| (label.to_owned(), function.to_owned());
    let applied = [
        pair("app", "raises"),
        pair("app", "returns"),
        pair("function", "returns"),
    ];
    for hook in ["post_function_load", "pre_invocation", "post_invocation"] {
        assert_eq!(of(hook), applied, "{hook}");
    }
    assert_eq!(
        of("init"),
        [pair("app", ""), pair("function", "returns"), pair("none", "")],
        "an instance for the app, one for the function"
    );
}
