//! Golden files: texts for users, kept under `tests/golden/` and compared word by word.
//!
//! A test with `FUNCDOCK_BLESS=1` in its environment writes the files instead of comparing them; review them like code.

use std::fs;

use crate::repository;

/// The variable that makes [`check`] write instead of compare.
const BLESS: &str = "FUNCDOCK_BLESS";

/// Asserts that `text` is that of `tests/golden/<name>.txt`. The caller has replaced what differs between runs. White
/// space at the ends of lines and of the text does not count.
pub fn check(name: &str, text: &str) {
    let path = repository().join("tests/golden").join(format!("{name}.txt"));
    let found = trimmed(text);
    if std::env::var(BLESS).is_ok_and(|bless| bless == "1") {
        let folder = path.parent().expect("the file is in a folder");
        fs::create_dir_all(folder).expect("tests/golden/ is writable");
        fs::write(&path, found).expect("tests/golden/ is writable");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; write it with {BLESS}=1; found:\n{found}",
            path.display()
        )
    });
    assert!(
        trimmed(&expected) == found,
        "{} differs; if the new text is right, write it with {BLESS}=1\n--- expected\n{expected}--- found\n{found}",
        path.display()
    );
}

fn trimmed(text: &str) -> String {
    let mut trimmed = String::new();
    for line in text.trim_end().lines() {
        trimmed.push_str(line.trim_end());
        trimmed.push('\n');
    }
    trimmed
}
