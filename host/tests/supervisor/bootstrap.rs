//! The worker's bootstrap in a real interpreter, up to the import of the Python module.

use crate::assert_printed;
use crate::host::{self, Host, command};

#[test]
fn a_module_that_cannot_be_imported_is_named_with_the_reason() {
    let (mut command, app) = command("");
    let module = app.path().join("broken.so");
    std::fs::write(&module, "not a library").expect("written");
    command
        .env("FUNCDOCK_PYTHON", "python3")
        .env("FUNCDOCK_PYTHON_MODULE", &module);
    let (status, output) = Host::spawn(command, app).wait();
    assert_eq!(status.code(), Some(1), "{output}");
    let expected = "error: worker 0 did not start: load of Funcdock's Python module failed";
    assert_printed(
        &output,
        &[expected, "broken.so cannot be imported by", "ImportError"],
    );
}

#[test]
fn a_python_that_is_too_old_is_named_with_its_version() {
    let (mut command, app) = command("");
    command.env("FUNCDOCK_PYTHON", host::file("old_python.sh"));
    let (status, output) = Host::spawn(command, app).wait();
    assert_eq!(status.code(), Some(1), "{output}");
    assert_printed(
        &output,
        &[
            "check of the Python version failed",
            "is Python 3.8; Funcdock needs 3.9",
            "--python",
        ],
    );
}
