//! `funcdock extension list`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use funcdock_tests::{App, binary, library, python};
use serde_json::{Value as Json, json};

use crate::cli::support::{Done, extension};

pub(crate) fn list(app: &App, arguments: &[&str]) -> Done {
    let mut command = extension(["list"]);
    command.arg(app.path()).args(arguments);
    Done::of(command.arg("--python").arg(python::without_packages()))
}

/// Returns the entry with this name.
#[track_caller]
pub(crate) fn entry(list: &Json, name: &str) -> Json {
    let found = list
        .as_array()
        .into_iter()
        .flatten()
        .find(|entry| entry["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list:#}")).clone()
}

/// Returns a host.json with these extensions. Written by hand to keep their order.
fn host_json(extensions: &[(&str, Json)]) -> String {
    let extensions: Vec<String> = extensions
        .iter()
        .map(|(name, config)| format!("{}: {config}", json!(name)))
        .collect();
    format!(
        "{{\"version\": \"2.0\", \"workerExtensions\": {{{}}}}}",
        extensions.join(", ")
    )
}

/// Links a library of this workspace into an app.
pub(crate) fn link(app: &Path, krate: &str, place: &str) -> PathBuf {
    let place = app.canonicalize().expect("the copy exists").join(place);
    fs::create_dir_all(place.parent().expect("a folder")).expect("a folder in the copy");
    symlink(library(krate), &place).expect("a link in the copy");
    place
}

/// Returns an app with all kinds of extensions, good and bad.
fn app() -> App {
    let hooks = library("fixture-hooks");
    let app = App::case("extensions").file(
        "host.json",
        &host_json(&[
            (
                "noop",
                json!({ "library": hooks, "functions": ["returns", "raises"] }),
            ),
            (
                "record",
                json!({ "library": hooks, "settings": { "file": "record.jsonl" }, "functions": ["retruns"] }),
            ),
            (
                "panic",
                json!({ "library": hooks, "required": false, "settings": { "hok": "init" } }),
            ),
            ("cut", json!({ "library": "cut.so" })),
            ("nowhere", json!({})),
            ("fixture-other-api", json!({})),
            ("no-hooks", json!({ "library": hooks, "sha256": "00".repeat(32) })),
        ]),
    );
    link(
        app.path(),
        "fixture-other-api",
        ".extensions/libfixture_other_api.so",
    );
    let whole = fs::read(&hooks).expect("the library was built");
    fs::write(app.path().join("cut.so"), &whole[..5000]).expect("a file in the copy");
    app
}

#[test]
fn every_docked_extension_is_listed_good_or_bad() {
    let app = app();
    let done = list(&app, &["--json"]);
    assert_eq!(done.code, Some(0), "{}", done.output());
    let list = done.json();
    assert_eq!(list["enabled"], false);
    let docked = &list["docked"];
    assert_eq!(
        entry(docked, "noop"),
        json!({
            "name": "noop",
            "version": env!("CARGO_PKG_VERSION"),
            "apiVersion": entry(docked, "record")["apiVersion"],
            "scope": "app",
            "source": library("fixture-hooks"),
            "state": "loaded",
            "message": null,
            "required": true,
            "functions": ["returns", "raises"],
            "settings": {},
            "accepts": [],
        })
    );
    for (name, message) in [
        (
            "record",
            "workerExtensions.record.functions names \"retruns\" (did you mean \"returns\"?)",
        ),
        ("panic", "workerExtensions.panic.settings: unknown key \"hok\""),
        ("cut", "a library that was cut short"),
        ("nowhere", "not found\n  searched for: libnowhere.so"),
        ("fixture-other-api", "found: API 2.0.0"),
        ("no-hooks", "is not the library that host.json expects"),
    ] {
        let entry = entry(docked, name);
        assert_eq!(entry["state"], "failed", "{entry:#}");
        assert!(
            entry["message"]
                .as_str()
                .is_some_and(|text| text.contains(message)),
            "{entry:#}"
        );
    }
    let order: Vec<&Json> = docked
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| &entry["name"])
        .collect();
    assert_eq!(
        (order[0], order.len()),
        (&json!("noop"), 7),
        "the order of host.json"
    );
    assert!(
        !app.path().join("record.jsonl").exists(),
        "no extension was started"
    );
}

#[test]
fn the_settings_of_each_extension_are_explained() {
    let app = App::case("extensions").file(
        "host.json",
        &host_json(&[("rate-limit", json!({ "library": library("funcdock-rate-limit") }))]),
    );
    let done = list(&app, &["--settings"]);
    let lines: Vec<&str> = done.stdout.lines().collect();
    let row = lines.iter().position(|line| line.starts_with("rate-limit "));
    let below = &lines[row.unwrap_or_else(|| panic!("{}", done.output())) + 1..];
    for shown in ["    per_second: float (required) - ", "    max_keys: int - "] {
        assert!(
            below.iter().take(16).any(|line| line.starts_with(shown)),
            "{shown}\n{}",
            done.output()
        );
    }
    let accepts = &entry(&list(&app, &["--json"]).json()["docked"], "rate-limit")["accepts"];
    let setting = |index: usize| {
        let setting = &accepts[index];
        (&setting["name"], &setting["annotation"], &setting["required"])
    };
    assert_eq!(setting(0), (&json!("per_second"), &json!("float"), &json!(true)));
    let required = accepts.as_array().into_iter().flatten();
    let required = required.filter(|setting| setting["required"] == true);
    assert_eq!(required.count(), 1, "{accepts:#}");
}

#[test]
fn extensions_that_come_with_funcdock_document_all_their_settings() {
    let list = list(&App::without_functions(), &["--json"]).json();
    for name in ["memory-profile", "opencensus", "rate-limit"] {
        let entry = entry(&list["available"], name);
        let settings = entry["accepts"].as_array().map_or(&[][..], Vec::as_slice);
        assert!(!settings.is_empty(), "{name}: {list:#}");
        for setting in settings {
            let documentation = setting["documentation"].as_str().unwrap_or_default();
            assert!(!documentation.is_empty(), "{name}: {setting}");
        }
    }
}

#[test]
fn available_extensions_are_found_in_every_place() {
    let app = App::case("extensions")
        .file("host.json", &host_json(&[("answer", json!({}))]))
        .file(
            "local.settings.json",
            r#"{"Values": {"FUNCDOCK_EXTENSION_PATH": "shared"}}"#,
        )
        .file("shared/libtext.so", "no library")
        .file(
            ".python_packages/lib/site-packages/tracing-1.0.dist-info/entry_points.txt",
            "[funcdock.extensions]\nopencensus = tracing\n",
        )
        .file(".python_packages/lib/site-packages/tracing/__init__.py", "");
    let link = |krate: &str, place: &str| link(app.path(), krate, place);
    let own = link("fixture-hooks", ".extensions/libfuncdock_answer.so");
    let packaged = link(
        "funcdock-opencensus",
        ".python_packages/lib/site-packages/tracing/libtracing.so",
    );
    let shared = link("fixture-other-api", "shared/libanother_api.so");
    let done = list(&app, &["--json"]);
    assert_eq!(done.code, Some(0), "{}", done.output());
    let list = done.json();
    assert_eq!(entry(&list["docked"], "answer")["state"], "loaded", "{list:#}");
    let available = &list["available"];
    let source = |name: &str| entry(available, name)["source"].clone();
    assert_eq!(
        source("opencensus"),
        json!(packaged),
        "the package comes before the binary's folder"
    );
    assert_eq!(source("another-api"), json!(shared));
    assert_eq!(entry(available, "another-api")["state"], "failed", "{list:#}");
    assert_eq!(
        source("noop"),
        json!(own),
        "found by its name in the library, whatever the file is called"
    );
    let python = json!(binary().with_file_name("libfuncdock_python.so"));
    for entry in available.as_array().into_iter().flatten() {
        assert_ne!(
            entry["name"], "answer",
            "a docked extension is not listed as available"
        );
        assert_ne!(entry["name"], "text", "a text file is not a library");
        assert_ne!(entry["source"], python);
    }
}

#[test]
fn what_an_app_does_not_have_is_not_listed() {
    let app = App::without_functions();
    let list = list(&app, &["--json"]).json();
    let names: Vec<&str> = list["available"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["name"].as_str())
        // Examples to copy, which a build of the whole workspace has as well.
        .filter(|name| !["audit", "token-auth"].contains(name))
        .collect();
    assert_eq!(
        names,
        ["memory-profile", "opencensus", "rate-limit", "server-timing"],
        "the fixtures of the tests are not beside the binary"
    );
}

#[test]
fn the_list_is_a_table() {
    let done = list(&app(), &[]);
    assert_eq!(done.code, Some(0), "{}", done.output());
    // This test does not check what else is installed on this machine.
    let (docked, _) = done
        .stdout
        .split_once("\nAlso available:\n")
        .expect("a second table");
    let title = docked.lines().next().expect("a title");
    assert!(
        title.ends_with("(worker extensions are off: set PYTHON_ENABLE_WORKER_EXTENSIONS=1):"),
        "{title}"
    );
    for text in [
        "\nNAME               VERSION  API ",
        "  app    loaded  returns,raises  {}  ",
        "\nnowhere            -        -      -      failed  all ",
        "\n    extension \"nowhere\": not found\n      searched for: ",
    ] {
        assert!(docked.contains(text), "{text:?}\n{docked}");
    }

    let none = App::case("hello").file("host.json", &host_json(&[]));
    let done = list(&none, &[]);
    assert!(done.stdout.starts_with("host.json in "), "{}", done.output());
    assert!(
        done.stdout.contains(" docks no extensions.\n\nAlso available:\n"),
        "{}",
        done.output()
    );
}

#[test]
fn a_folder_without_an_app_is_an_error() {
    let done = Done::of(extension(["list"]).arg(Path::new("/")));
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(done.stderr.contains("no host.json in /"), "{}", done.output());
}
