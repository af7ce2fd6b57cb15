//! What can be docked by which name: the list, the stubs and imports agree.

use std::fs;

use funcdock_tests::{App, library, python};

use crate::cli::list::{entry, link, list};
use crate::cli::support::{Done, extension};

#[test]
fn the_list_the_stubs_and_imports_have_the_same_names() {
    let imports = "\
import funcdock.extensions as extensions


def main(req):
    return ' '.join(dir(extensions))
";
    let app = App::without_functions().function("names", imports);
    link(app.path(), "fixture-hooks", ".extensions/libwhatever.so");
    let listed = list(&app, &["--json"]).json();
    let names = listed["available"].as_array().into_iter().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry["name"].as_str())
        // An import cannot name it.
        .filter(|name| *name != "2nd-metrics")
        .map(|name| name.replace('-', "_"))
        .collect();
    names.sort_unstable();
    assert!(names.contains(&"record_function".to_owned()), "{names:?}");

    let stubs = Done::of(
        extension(["stubs", "--python"])
            .arg(python::without_packages())
            .arg(app.path()),
    );
    assert_eq!(stubs.code, Some(0), "{}", stubs.output());
    let text =
        fs::read_to_string(app.path().join("typings/funcdock/extensions.pyi")).expect("it was written");
    let mut stubs: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(": _"))
        .filter(|(name, class)| name == class)
        .map(|(name, _)| name)
        .collect();
    stubs.sort_unstable();
    assert_eq!(stubs, names);

    let host = app.env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1").start();
    let found = host.get("/api/names").text();
    let found: Vec<&str> = found
        .split_whitespace()
        .filter(|name| !name.starts_with('_'))
        .collect();
    assert_eq!(found, names);
    host.stop().assert_clean();
}

#[test]
fn a_library_that_does_not_tell_its_names_is_found_by_its_file() {
    let app = App::without_functions();
    let place = app.path().join(".extensions").join("libcalled_otherwise.so");
    fs::create_dir(app.path().join(".extensions")).expect("a folder in the copy");
    // As a library without notes: these belong to somebody else.
    let mut bytes = fs::read(library("fixture-hooks")).expect("the library is built");
    let owner = b"Funcdock\0\0\0\0";
    let mut start = 0;
    while let Some(at) = bytes[start..]
        .windows(owner.len())
        .position(|window| window == owner)
    {
        start += at + owner.len();
        bytes[start - owner.len()] = b'X';
    }
    fs::write(&place, bytes).expect("a file in the copy");
    let listed = list(&app, &["--json"]).json();
    let found = entry(&listed["available"], "called-otherwise");
    let message = found["message"].as_str().expect("a message");
    assert!(message.contains("has no extension of that name"), "{found:#}");
    assert!(message.contains(".library, or rebuild it"), "{found:#}");
}
