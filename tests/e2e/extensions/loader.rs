//! The loader, broken on purpose: each failure ends the host with a message that says what to do next, or is
//! logged and reported where the extension is not required.

use std::fs;
use std::process::Command;

use funcdock_tests::{App, build_outside, golden, library, library_name, next, target};
use serde_json::{Value as Json, json};

use crate::extensions::support::{app, fixture, records, status, wait_for_lines};

/// Returns stderr with placeholders for what differs between machines, builds and versions.
fn normalised(stderr: &str) -> String {
    let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let mut text = stderr.replace(&platform, "<platform>");
    for (before, after, placeholder) in [
        // Positions in the fixtures' source.
        (".rs:", ")", "<position>"),
        (" bytes of at least ", "\n", "<number>"),
        ("cut short: ", " bytes", "<number>"),
        // The host's version of the API.
        ("expected: API ", " (", "<version>"),
        ("of extension API ", "\n", "<version>"),
        // What else is on this machine.
        ("found: other extensions: ", "\n", "<names>"),
        ("in the packages of ", "\n", "<folders>"),
        // Of a library that was built a moment ago.
        ("that host.json expects\n    found: ", "\n", "<digest>"),
    ] {
        text = replaced_between(&text, before, after, placeholder);
    }
    text
}

/// The text with what stands between `before` and `after` replaced, everywhere.
fn replaced_between(text: &str, before: &str, after: &str, placeholder: &str) -> String {
    let mut parts = text.split(before);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find(after).map_or("", |end| &part[end..]);
        replaced.push_str(before);
        replaced.push_str(placeholder);
        replaced.push_str(rest);
    }
    replaced
}

/// Asserts that the app with this extension does not start, with the message in `tests/golden/loader/<case>.txt`.
fn fails(case: &str, extension: &str, config: Json) {
    app_fails(case, app(&[(extension, config)]));
}

fn app_fails(case: &str, app: App) {
    let stopped = app.start_fails();
    assert_eq!(stopped.status.code(), Some(1), "{case}\n{}", stopped.stderr);
    assert_eq!(stopped.stdout, "", "{case}");
    golden::check(
        &format!("loader/{case}"),
        &normalised(&stopped.normalised_stderr()),
    );
}

#[test]
fn a_file_that_is_not_a_library() {
    fails(
        "missing_file",
        "record",
        json!({ "library": "libraries/librecord.so" }),
    );
    fails("not_found", "recorder", json!({}));
    fails("folder", "record", json!({ "library": "returns" }));
    fails("text_file", "record", json!({ "library": "host.json" }));

    let truncated = app(&[("record", json!({ "library": "truncated.so" }))]);
    let whole = fs::read(library("fixture-hooks")).expect("it was built");
    fs::write(truncated.path().join("truncated.so"), &whole[..5000]).expect("a file in the copy");
    app_fails("truncated_file", truncated);

    let foreign = app(&[("record", json!({ "library": "foreign.so" }))]);
    let mut other = whole;
    // e_machine in the ELF header: SPARC, which Funcdock does not support.
    other[18..20].copy_from_slice(&2_u16.to_ne_bytes());
    fs::write(foreign.path().join("foreign.so"), other).expect("a file in the copy");
    app_fails("other_machine", foreign);
}

/// Makes a library of this C source in the app's folder.
fn compile(app: &App, name: &str, source: &str, arguments: &[&str]) {
    let root = app.path();
    fs::write(root.join("library.c"), source).expect("a file in the copy");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", name, "library.c"])
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("a C compiler: the one that Rust links with");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_library_with_a_missing_symbol_or_library() {
    let of = |library: &str| app(&[("recorder", json!({ "library": library }))]);
    let symbol = of("symbol.so");
    compile(
        &symbol,
        "symbol.so",
        "int nowhere(void); int f(void) { return nowhere(); }",
        &[],
    );
    app_fails("missing_symbol", symbol);

    let needing = of("needing.so");
    compile(&needing, "libneeded.so", "int needed(void) { return 1; }", &[]);
    let source = "int needed(void); int f(void) { return needed(); }";
    compile(&needing, "needing.so", source, &["-L.", "-lneeded"]);
    fs::remove_file(needing.path().join("libneeded.so")).expect("it was made");
    app_fails("missing_needed", needing);
}

#[test]
fn a_library_with_another_abi_stable() {
    let other = app(&[("record", json!({ "library": "other.so" }))]);
    let mut bytes = fs::read(library("fixture-hooks")).expect("it was built");
    let ours = abi_stable::library::AbiHeader::VALUE;
    let mut header = ours.magic_string.to_vec();
    header.extend(ours.abi_major.to_ne_bytes());
    let found = bytes.windows(header.len()).position(|window| window == header);
    let minor = found.expect("every extension has the header") + header.len();
    bytes[minor..minor + 4].copy_from_slice(&(ours.abi_minor - 1).to_ne_bytes());
    fs::write(other.path().join("other.so"), bytes).expect("a file in the copy");
    app_fails("other_abi_stable", other);
}

/// Returns an app with the frozen extension, built with a changed API. `change` gets the path (in the API's folder) and
/// the text of each file, and returns the new text.
fn patched(case: &str, change: impl Fn(&str, &str) -> String) -> App {
    let name = format!("patched-{case}");
    let folder = target().join("patched-api").join(case);
    next::write_workspace(
        &folder,
        &mut |path, text| match path.strip_prefix("extension-api/") {
            Some(path) => change(path, text),
            // Each has its own name: all are built into one folder.
            None if path == "extension/Cargo.toml" => next::replaced(path, text, "frozen-extension", &name),
            None => text.to_owned(),
        },
    );
    let library = build_outside(&folder, "next", "dev", &["--offline"]).join(library_name(&name));
    let app = app(&[("everything", json!({ "library": "patched.so" }))]);
    fs::copy(library, app.path().join("patched.so")).expect("cargo made it");
    app
}

#[test]
fn a_library_of_an_api_that_somebody_has_changed() {
    let variant = |path: &str, text: &str| match path {
        "abi/src/value.rs" => {
            let with = "pub enum HookResult {\n    /// New.\n    Later,";
            next::replaced(path, text, "pub enum HookResult {", with)
        }
        // The code that matches on it.
        _ => text.replace(
            "abi::HookResult::Ok =>",
            "abi::HookResult::Ok | abi::HookResult::Later =>",
        ),
    };
    app_fails("patched_enum", patched("enum", variant));

    let order = |path: &str, text: &str| match path {
        "abi/src/http.rs" => {
            let text = next::replaced(path, text, "pub path: ", "pub swapped: ");
            let text = next::replaced(path, &text, "pub query: ", "pub path: ");
            next::replaced(path, &text, "pub swapped: ", "pub query: ")
        }
        _ => text.to_owned(),
    };
    app_fails("patched_order", patched("order", order));

    let root = |path: &str, text: &str| match path {
        "src/export/header.rs" => {
            let made = "RResult::ROk(unsafe { TABLE.static_as_prefix().cast() })";
            let error = "abi_stable::std_types::RBoxError::new(std::io::Error::other(\"broken on purpose\"))";
            let broken = format!("RResult::RErr(abi_stable::library::RootModuleError::Returned({error}))");
            next::replaced(path, text, made, &broken)
        }
        _ => text.to_owned(),
    };
    app_fails("patched_root", patched("root", root));
}

#[test]
fn a_library_with_another_digest() {
    let library = library("fixture-hooks");
    fails(
        "digest",
        "noop",
        json!({ "library": library, "sha256": "0123456789abcdef".repeat(4) }),
    );
    fails(
        "digest_malformed",
        "noop",
        json!({ "library": library, "sha256": "0123456789abcdef" }),
    );
}

#[test]
fn a_package_without_a_library() {
    let packages = ".python_packages/lib/site-packages";
    let point = format!("{packages}/rates-1.0.dist-info/entry_points.txt");
    let with =
        |line: &str| app(&[("rates", json!({}))]).file(&point, &format!("[funcdock.extensions]\n{line}\n"));
    app_fails("wheel_line", with("rates: rates"));
    app_fails("wheel_no_package", with("rates = rates"));
    let no_library = with("rates = rates").file(&format!("{packages}/rates/__init__.py"), "");
    app_fails("wheel_no_library", no_library);
}

#[test]
fn a_library_that_is_no_extension_of_this_host() {
    for (case, fixture) in [
        ("no_header", "fixture-no-header"),
        ("other_api", "fixture-other-api"),
        ("wrong_layout", "fixture-wrong-layout"),
        ("other_name", "fixture-hooks"),
    ] {
        fails(case, "recorder", json!({ "library": library(fixture) }));
    }
}

#[test]
fn wrong_configuration() {
    let hooks = library("fixture-hooks");
    fails(
        "settings_unknown",
        "record",
        fixture(json!({ "file": "a", "lable": "b" })),
    );
    fails("settings_type", "record", fixture(json!({ "file": 1 })));
    fails("settings_missing", "record", json!({ "library": hooks }));
    fails("settings_none", "noop", fixture(json!({ "level": 1 })));
    fails(
        "settings_refused",
        "fail",
        fixture(json!({ "hook": "configure" })),
    );
    fails(
        "key_unknown",
        "noop",
        json!({ "library": hooks, "reqired": true }),
    );
    fails(
        "key_type",
        "noop",
        json!({ "library": hooks, "functions": "returns" }),
    );
    fails(
        "functions_unknown",
        "noop",
        json!({ "library": hooks, "functions": ["returns", "retruns"] }),
    );
}

#[test]
fn an_init_that_fails() {
    fails("init_error", "fail", fixture(json!({ "hook": "init" })));
    fails("init_panic", "panic", fixture(json!({ "hook": "init" })));
    fails(
        "configure_panic",
        "panic",
        fixture(json!({ "hook": "configure" })),
    );
    let function_level = fixture(json!({ "file": "no/such/folder/record.jsonl" }));
    fails("init_function", "record-function", function_level);
}

#[test]
fn an_extension_that_is_not_required_may_fail() {
    let optional = |mut config: Json| {
        config["required"] = false.into();
        config
    };
    let extensions = [
        ("nowhere", optional(json!({}))),
        (
            "recorder",
            optional(json!({ "library": library("fixture-other-api") })),
        ),
        ("noop", optional(fixture(json!({ "level": 1 })))),
        ("panic", optional(fixture(json!({ "hook": "init" })))),
        ("record", optional(fixture(json!({ "file": "record.jsonl" })))),
    ];
    let host = app(&extensions).start();
    assert_eq!(host.get("/api/returns").text(), "returned");
    assert!(records(host.app()).len() > 1, "the good one works");
    let cases = [
        ("nowhere", "extension \"nowhere\": not found\n", json!(null)),
        ("recorder", "extension \"recorder\": ", json!(null)),
        (
            "noop",
            "extension \"noop\": host.json: workerExtensions.noop.settings: unknown key \"level\"",
            json!(env!("CARGO_PKG_VERSION")),
        ),
        (
            "panic",
            "extension \"panic\": init failed\n  found: panicked: on purpose (at ",
            json!(env!("CARGO_PKG_VERSION")),
        ),
    ];
    for (name, message, version) in cases {
        let report = status(&host, name);
        assert_eq!(
            (&report["state"], &report["version"]),
            (&json!("failed"), &version),
            "{name}"
        );
        let found = report["message"].as_str().unwrap_or_default();
        assert!(found.starts_with(message), "{found}");

        let first_line = message.lines().next().unwrap_or_default();
        wait_for_lines(&host, &["ERROR", first_line], 1);
        let summary = format!("extension {name}");
        let notice = ["WARN", summary.as_str(), "failed, the app runs without it"];
        wait_for_lines(&host, &notice, 1);
    }
    let good = status(&host, "record");
    assert_eq!(
        (&good["state"], &good["message"]),
        (&json!("started"), &json!(null))
    );
    host.stop().assert_clean();
}
