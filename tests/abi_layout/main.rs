//! The layout of every type at the border, held against what it was: see "Versions" in `docs/src/abi.md`.

mod constants;
mod layout;
mod rules;

use std::fs;

use funcdock_tests::{golden, repository};

/// All that a peer relies on, as text.
fn present() -> String {
    layout::text() + &constants::text()
}

#[test]
fn the_layout_is_the_one_that_was_reviewed() {
    golden::check("abi-layout", &present());
}

/// Each minor version that was released has a file. They are never written again.
#[test]
fn the_layout_goes_on_from_that_of_every_earlier_minor_version() {
    let folder = repository().join("tests/golden");
    let mut versions = 0;
    for entry in fs::read_dir(&folder)
        .expect("a folder of this repository")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(version) = name
            .strip_prefix("abi-layout-")
            .and_then(|name| name.strip_suffix(".txt"))
        else {
            continue;
        };
        let earlier = fs::read_to_string(entry.path()).expect("a text of this repository");
        let broken = rules::compare(&earlier, &present());
        assert!(
            broken.is_empty(),
            "extensions built with API {version} would not work with this one:\n\n{}",
            broken.join("\n\n")
        );
        versions += 1;
    }
    assert!(
        versions > 0,
        "there is no abi-layout-1.0.txt in {}",
        folder.display()
    );
}
