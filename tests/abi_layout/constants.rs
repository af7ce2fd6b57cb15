//! The numbers and names at the border, from the source: no reflection has them.

use std::fs;

use funcdock_tests::repository;

/// Each `pub const` of `extension-api/abi/src/`, a line each, sorted; but for the API's version, which grows.
pub(crate) fn text() -> String {
    let folder = repository().join("extension-api/abi/src");
    let mut constants = Vec::new();
    for entry in fs::read_dir(&folder)
        .expect("a folder of this repository")
        .flatten()
    {
        let source = fs::read_to_string(entry.path()).expect("a text of this repository");
        constants.extend(of(&source));
    }
    constants.sort_unstable();
    constants.concat()
}

fn of(source: &str) -> Vec<String> {
    let mut constants = Vec::new();
    for line in source.lines() {
        // Associated functions and constants that are made of several lines are not values of the border.
        let Some(constant) = line
            .trim()
            .strip_prefix("pub const ")
            .and_then(|rest| rest.strip_suffix(';'))
        else {
            continue;
        };
        if !["MINOR", "VERSION"]
            .iter()
            .any(|version| constant.starts_with(version))
        {
            constants.push(format!("const {constant}\n"));
        }
    }
    constants
}

#[test]
fn constants_are_found() {
    let source = "pub const A: u8 = 1;\n    pub const B: &str = \"b\";\npub const fn f() {}\nconst C: u8 = 2;\n\
                  pub const MINOR: u32 = 3;\n";
    assert_eq!(of(source), ["const A: u8 = 1\n", "const B: &str = \"b\"\n"]);
}
