//! The promise of the ABI: an extension that was built once works with every host of the same major version, older or
//! newer, however either was built. See `docs/src/abi.md`.

mod everything;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use funcdock_tests::next::{self, NextApi};
use funcdock_tests::{build_outside, library_name, repository, target};
use serde_json::{Value as Json, json};

use crate::extensions::support::lines;
use everything::{app, works};

/// The frozen extension, built with this profile of its workspace. Its own lock file has all versions, so cargo fetches
/// nothing that is here.
fn frozen(profile: &str) -> PathBuf {
    let folder = repository().join("tests/frozen");
    build_outside(&folder, "frozen", profile, &["--locked"]).join(library_name("frozen-extension"))
}

#[test]
fn an_extension_of_the_first_api_is_served() {
    works(&frozen("dev"), &[]);
}

/// The host of this test is built without optimisation, unless the test itself is built with it.
#[test]
fn an_extension_that_is_optimised_as_a_whole_is_served() {
    works(&frozen("release"), &[]);
}

#[test]
fn an_extension_that_is_optimised_for_size_is_served() {
    works(&frozen("small"), &[]);
}

/// The next API, and the folder with what is built with it.
fn next() -> (NextApi, PathBuf) {
    let next = NextApi::generate(&target().join("next-api"));
    let built = build_outside(&next.folder, "next", "dev", &["--offline"]);
    (next, built)
}

/// The next minor version appends a function to every table. An extension that is built with it works with this host,
/// without the functions that this host does not have.
#[test]
fn an_extension_of_the_next_api_is_served() {
    let (next, built) = next();
    let stopped = works(&built.join(library_name("next-extension")), &["appended"]);
    for table in NextApi::host_tables() {
        let logged = lines(
            &stopped.stderr,
            &["INFO next_extension::appended: ", table, " has "],
        );
        assert!(!logged.is_empty(), "{table}\n{}", stopped.stderr);
        for line in logged {
            assert!(line.contains(&format!(": {table} has None")), "{line}");
        }
    }
    let (_, minor) = next.version.split_once('.').expect("1.<minor>.0");
    let minor = minor.trim_end_matches(".0");
    let own = format!("next_extension::appended: Descriptor has Some({minor})");
    assert_eq!(lines(&stopped.stderr, &[&own]).len(), 1, "{}", stopped.stderr);
}

/// A hook that this host never calls may be one that guards calls.
#[test]
fn an_extension_with_a_hook_of_the_next_api_is_refused() {
    let (next, built) = next();
    let library = built.join(library_name("next-extension"));
    let stopped = app(&[("guard", json!({ "library": library }))]).start_fails();
    let (file, version) = (library.display(), &next.version);
    for line in [
        format!("extension \"guard\": {file} was built for another version of the extension API"),
        format!("found: API {version}, and a hook (bit 31) of it that this host does not know"),
        "expected: API 1.0.0, or a newer one without it".to_owned(),
        "next: update Funcdock, or rebuild the extension against API 1.0, without it".to_owned(),
    ] {
        assert!(stopped.stderr.contains(&line), "{line}\n{}", stopped.stderr);
    }

    // It does not keep the others of its library from being served.
    let checked = Command::new(funcdock_tests::binary())
        .args(["extension", "check"])
        .arg(&library)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&checked.stdout);
    for (name, first) in [
        ("appended", "  \u{2713} configure"),
        ("guard", "  \u{2717} select"),
    ] {
        let mut lines = said.lines().skip_while(|line| !line.starts_with(name));
        assert_eq!(lines.nth(1), Some(first), "{name}\n{said}");
    }
}

/// Numbers that may grow have a meaning for those that a side does not know. This host takes an error of an unknown kind
/// for a `RuntimeError`.
#[test]
fn an_error_of_the_next_api_is_an_exception() {
    let (_, built) = next();
    let library = built.join(library_name("next-extension"));
    let host = app(&[("appended", json!({ "library": library }))]).start();
    let answer = host.get("/api/scenario/failing");
    assert_eq!(answer.json(), "RuntimeError: an error of the next version");
    host.stop().assert_clean();
}

/// The other way round: what this version has built is taken by a host whose tables have one function more, which it then
/// does not find. That host's calls end in ways, and with data, that the extension does not know.
#[test]
fn an_extension_of_the_first_api_is_taken_by_a_host_of_the_next() {
    let (next, built) = next();
    let record = built.join("record.jsonl");
    let _ = fs::remove_file(&record);
    let opened = Command::new(built.join("next-host"))
        .arg(frozen("dev"))
        .arg(&record)
        .output()
        .expect("it runs");
    let read = String::from_utf8_lossy(&opened.stdout);
    let errors = String::from_utf8_lossy(&opened.stderr);
    assert!(opened.status.success(), "{errors}");
    for line in [
        &format!("1.0.0 in a host of {}: None", next.version),
        "rest [\"file\", \"label\"] [\"lazy\", \"nothing_today\"] true None",
    ] {
        assert!(read.lines().any(|found| found == line), "{line}\n{read}");
    }

    let records = fs::read_to_string(&record).expect("the extensions have written");
    let records: Vec<Json> = records
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let found = |label: &str, hook: &str, field: &str| {
        let mut records = records.iter();
        let record = records.find(|record| record["label"] == label && record["hook"] == hook);
        record.map(|record| record[field].clone()).unwrap_or_default()
    };
    assert_eq!(found("everything", "post_invocation", "outcome"), "Other");
    assert_eq!(found("everything", "stream_ended", "end"), "Other");
    let value = found("rest", "post_invocation", "value");
    assert_eq!(value, json!({ "bytes": b"appended" }));
}

/// The extension has an allocator of its own that notices when it gets what the host has allocated; the system's, which
/// the host has, ends the process where it gets something in the middle of what was allocated.
#[test]
fn each_side_frees_what_it_has_made() {
    let folder = target().join("own-allocator");
    next::write_workspace(&folder, &mut |path, text| match path {
        "extension/src/lib.rs" => format!("{text}\nmod allocator {{\n{}}}\n", next::ALLOCATOR_SOURCE),
        // Its own name, so that it does not overwrite the other one.
        "extension/Cargo.toml" => next::replaced(path, text, "frozen-extension", "own-allocator"),
        _ => text.to_owned(),
    });
    let built = build_outside(&folder, "next", "dev", &["--offline"]);
    works(&built.join(library_name("own-allocator")), &[]);
}
