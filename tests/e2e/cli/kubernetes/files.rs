//! Manifests in files, and arguments that cannot be had.

use std::fs;

use funcdock_tests::App;

use super::{run, validate_files};
use crate::cli::support::{Done, funcdock};

#[test]
fn files_are_written_and_kept() {
    let app = App::case("hello");
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("deploy");
    let arguments = |more: &'static [&'static str]| {
        let place = ["--output", output.to_str().expect("a text")];
        let arguments: Vec<_> = place.into_iter().chain(more.iter().copied()).collect();
        run(app.path(), &arguments)
    };
    let done = arguments(&[]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), ""),
        "{}",
        done.output()
    );
    let files = ["configmap", "deployment", "scaledobject", "service"];
    let files = files.map(|file| output.join(format!("{file}.yaml")));
    let validated = validate_files(&files);
    assert_eq!(validated.code, Some(0), "{}", validated.output());

    fs::write(&files[0], "mine").expect("a file");
    let done = arguments(&[]);
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(
        done.stderr.contains("nothing is overwritten"),
        "{}",
        done.output()
    );
    assert_eq!(fs::read_to_string(&files[0]).expect("a file"), "mine");
    let done = arguments(&["--force"]);
    assert_eq!(done.code, Some(0), "{}", done.output());
    assert_ne!(fs::read_to_string(&files[0]).expect("a file"), "mine");
}

#[test]
fn what_cannot_be_had_is_an_error_that_says_what_to_do() {
    let hello = App::case("hello");
    let done = Done::of(funcdock(["kubernetes"]).arg(hello.path()));
    assert!(
        done.code == Some(1) && done.stderr.contains("no image is given"),
        "{}",
        done.output()
    );
    for (arguments, code, expected) in [
        (
            &["--min-replicas", "11"][..],
            1,
            "more than the 10 of --max-replicas",
        ),
        (
            &["--min-replicas", "0"],
            1,
            "HTTP functions without --http-scaler",
        ),
        (&["--http-scaler"], 2, "--host"),
        (&["--host", "a.b"], 2, "--http-scaler"),
        (&["--namespace", "A"], 2, "expected a namespace"),
        (&["--port", "80"], 2, "1024"),
        (&["--app-path", "app"], 2, "expected an absolute path"),
        (&["--force"], 2, "--output"),
    ] {
        let done = run(hello.path(), arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}\n{}", done.output());
        assert!(done.stderr.contains(expected), "{arguments:?}\n{}", done.output());
        assert_eq!(done.stdout, "", "{arguments:?}");
    }
    let none = App::without_functions();
    let done = run(none.path(), &[]);
    assert!(
        done.code == Some(1) && done.stderr.contains("the app has no functions"),
        "{}",
        done.output()
    );
}
