//! The promise of the ABI: an extension that was built once works with every host of the same major version, older or
//! newer, however either was built. See `docs/src/abi.md`.

mod everything;

use std::path::PathBuf;
use std::process::Command;

use funcdock_tests::next::{self, NextApi};
use funcdock_tests::{build_outside, library_name, repository, target};

use crate::support::lines;
use everything::works;

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

/// The next minor version appends a function to every table. An extension that is built with it works with this host,
/// without the functions that this host does not have.
#[test]
fn an_extension_of_the_next_api_is_served() {
    let next = NextApi::generate(&target().join("next-api"));
    let built = build_outside(&next.folder, "next", "dev", &["--offline"]);
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

/// The other way round: what this version has built is taken by a host whose tables have one function more, which it then
/// does not find.
#[test]
fn an_extension_of_the_first_api_is_taken_by_a_host_of_the_next() {
    let next = NextApi::generate(&target().join("next-api"));
    let host = build_outside(&next.folder, "next", "dev", &["--offline"]).join("next-host");
    let opened = Command::new(host).arg(frozen("dev")).output().expect("it runs");
    let read = String::from_utf8_lossy(&opened.stdout);
    let errors = String::from_utf8_lossy(&opened.stderr);
    assert!(opened.status.success(), "{errors}");
    for line in [
        &format!("1.0.0 in a host of {}: None", next.version),
        "rest [\"file\", \"label\"] [\"lazy\", \"nothing_today\"] true None",
    ] {
        assert!(read.lines().any(|found| found == line), "{line}\n{read}");
    }
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
