//! host.json, local.settings.json and a function.json, together, as an app that is read from disk.

#![no_main]

use std::fs;
use std::sync::OnceLock;

use funcdock::app::{App, ReadOptions};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// What separates the files in an input.
const NEXT_FILE: &str = "\u{1}";

fn folder() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // In memory, if there is such a place.
        let folder = TempDir::with_prefix_in("fuzz-", "/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a temporary folder");
        fs::create_dir(folder.path().join("Hello")).expect("a folder");
        fs::write(folder.path().join("Hello/__init__.py"), "").expect("a file");
        folder
    })
}

fuzz_target!(|text: &str| {
    let root = folder().path();
    let mut files = text.split(NEXT_FILE);
    for (name, default) in [
        ("host.json", "{}"),
        (
            "Hello/function.json",
            r#"{"bindings":[{"type":"httpTrigger","name":"req"}]}"#,
        ),
        ("local.settings.json", "{}"),
    ] {
        let text = files.next().filter(|text| !text.is_empty()).unwrap_or(default);
        fs::write(root.join(name), text).expect("a file");
    }
    match App::read(root, &ReadOptions::default()) {
        Ok(reading) => reading.warnings.iter().for_each(|warning| {
            let _ = warning.to_string();
        }),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
