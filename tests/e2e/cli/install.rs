//! `funcdock extension install`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use funcdock_tests::{App, library, library_name};

use crate::cli::support::{Done, extension};

fn install(file: &std::path::Path, app: &App) -> Done {
    Done::of(extension(["install"]).arg(file).arg(app.path()))
}

#[test]
fn a_library_is_put_into_the_app() {
    let app = App::without_functions();
    let rate_limit = library("funcdock-rate-limit");
    let done = install(&rate_limit, &app);
    assert_eq!(done.code, Some(0), "{}", done.output());
    let next = format!(
        "host.json needs:\n\n  \"workerExtensions\": {{\n    \"rate-limit\": {{ \"settings\": {{ \"per_second\": 1.0 }} }}\n  \
         }}\n\nPut your own values in place of these. `funcdock extension list {} --settings` describes all settings.\n",
        app.path().display()
    );
    assert!(done.stdout.ends_with(&next), "{}", done.output());
    let other = install(&library("funcdock-server-timing"), &app);
    assert!(
        other
            .stdout
            .contains("    \"server-timing\": {}\n  }\n\n`funcdock extension list "),
        "it requires no setting\n{}",
        other.output()
    );
    fs::remove_file(
        app.path()
            .join(".extensions")
            .join(library_name("funcdock-server-timing")),
    )
    .expect("it is there");
    let file = app
        .path()
        .join(".extensions")
        .join(library_name("funcdock-rate-limit"));
    let same = || fs::read(&file).ok() == fs::read(&rate_limit).ok();
    assert!(same());

    // A newer build replaces it: as a new file, as a worker may run the old one.
    let before = fs::metadata(&file).expect("it is there").ino();
    assert_eq!(install(&rate_limit, &app).code, Some(0));
    assert_ne!(fs::metadata(&file).expect("it is there").ino(), before);
    fs::write(&file, "broken").expect("a file in the copy");
    assert_eq!(install(&rate_limit, &app).code, Some(0));
    assert!(same());
    assert_eq!(
        fs::read_dir(file.parent().expect("a folder"))
            .expect("a folder")
            .count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn what_cannot_be_docked_is_refused() {
    let app = App::without_functions();
    let text = app.path().join("libtext.so");
    fs::write(&text, "no library").expect("a file in the copy");
    let refused = |done: Done, expected: &str| {
        assert_eq!(done.code, Some(1), "{}", done.output());
        assert!(done.stderr.contains(expected), "{expected}\n{}", done.output());
    };
    refused(install(&text, &app), "a file that is not a library");
    assert!(!app.path().join(".extensions").exists(), "nothing was made");
    refused(
        install(&library("funcdock-rate-limit"), &App::empty()),
        "no host.json in ",
    );

    // Another extension in a file of the same name.
    let other = app.path().join("other").join(library_name("funcdock-rate-limit"));
    fs::create_dir(app.path().join("other")).expect("a folder in the copy");
    fs::copy(library("funcdock-server-timing"), &other).expect("the library is built");
    assert_eq!(install(&other, &app).code, Some(0));
    refused(
        install(&library("funcdock-rate-limit"), &app),
        "exists already and has another extension: server-timing",
    );
}
