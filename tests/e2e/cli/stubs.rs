//! `funcdock extension stubs`.

use std::fs;
use std::process::Command;

use funcdock_tests::{App, library, library_name, python};

use crate::cli::support::{Done, extension};

#[test]
fn stubs_say_what_an_app_can_import() {
    let app = App::case("docking");
    let folder = app.path().join(".extensions");
    fs::create_dir_all(&folder).expect("a folder in the copy");
    fs::copy(library("fixture-hooks"), folder.join(library_name("record"))).expect("the library is built");
    fs::write(folder.join(library_name("broken")), "no library").expect("a file in the copy");
    let python = python::without_packages();
    let mut command = extension(["stubs"]);
    let done = Done::of(command.arg(app.path()).arg("--python").arg(&python));
    assert_eq!(done.code, Some(0), "{}", done.output());
    let file = app.path().join("typings/funcdock/extensions.pyi");
    assert!(
        done.stdout.contains(&file.display().to_string()),
        "{}",
        done.output()
    );
    let text = fs::read_to_string(&file).expect("the stub file was written");
    for line in [
        "class _record:",
        "    \"\"\"record 0.1.0, app level.\"\"\"",
        "    def configure(self, *, file: str | PathLike[str] = ..., label: str = ..., traceparent: str | None = ..., \
         inputs: list[str] = ..., metadata: list[str] = ...) -> None: ...",
        "record: _record",
        "class _record_function:",
        "record_function: _record_function",
        "class _opencensus:",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("2nd"), "an import cannot name it: {text}");
    assert!(file.with_file_name("__init__.pyi").exists());
    // The stub file is valid Python.
    let parsed = Command::new(&python)
        .args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"])
        .arg(&file)
        .status()
        .expect("Python runs");
    assert!(parsed.success(), "{text}");
}
