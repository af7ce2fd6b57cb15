//! `funcdock new`: the apps that it adds to, and what it refuses.

use std::fs;

use funcdock_tests::App;

use crate::cli::made::{both, next_command, pythons, refused, run, shell};
use crate::cli::support::{Done, funcdock};

#[test]
fn new_adds_to_the_script_that_the_settings_name() {
    let script = "import azure.functions\n\napi = azure.functions.FunctionApp()\n";
    let app = App::empty()
        .file("host.json", r#"{"version": "2.0", "functions": ["other"]}"#)
        .file(
            "local.settings.json",
            r#"{"Values": {"PYTHON_SCRIPT_FILE_NAME": "my-app.py"}}"#,
        )
        .file("my-app.py", script)
        .file("tests/test_mine.py", "def test_mine(): ...\n");
    let made = run(app.path(), "new -t http -n one -a anonymous");
    assert!(
        made.stdout.contains("Changed ./my-app.py.\n")
            && made
                .stdout
                .contains("until you add it to \"functions\" in host.json"),
        "{}",
        made.output()
    );
    let mut other = funcdock(["new", "--template", "timer", "--name", "two"]);
    let other = Done::of(other.arg(app.path()).env("PYTHON_SCRIPT_FILE_NAME", "other.py"));
    assert!(
        other.stderr.contains(
            "app setting PYTHON_SCRIPT_FILE_NAME: there is no file \"other.py\" in the app's folder"
        ),
        "{}",
        other.output()
    );
    run(app.path(), "new --template timer --name other");
    let text = fs::read_to_string(app.path().join("my-app.py")).expect("the script");
    let expected = format!(
        "import logging\n\n{script}\n\n@api.route(route=\"one\", methods=[\"GET\"], \
         auth_level=azure.functions.AuthLevel.ANONYMOUS)\ndef one(req: azure.functions.HttpRequest)"
    );
    assert!(text.starts_with(&expected), "{text}");

    // The user's tests are no package, and stay so.
    let (_, python) = pythons().pop().expect("at least one");
    let command = next_command(&made, "cd . && python -m pytest tests/test_one.py");
    shell(app.path(), &python, &command);
    let tested = shell(app.path(), &python, "python -m pytest");
    assert!(tested.stdout.contains("3 passed"), "{}", tested.output());
    assert!(!app.path().join("tests/__init__.py").exists());
    let host = app.env("AzureFunctionsJobHost__functions__0", "one").start();
    assert_eq!(host.get("/api/one").text(), "Hello, world!");
    host.stop().assert_clean();
}

#[test]
fn an_app_without_functions_gets_a_script() {
    let app = App::empty().file("host.json", r#"{"version": "2.0"}"#);
    let made = run(app.path(), "new --template http --name one");
    assert!(made.stdout.contains("  function_app.py\n"), "{}", made.output());
    run(app.path(), "new --template http --name two");
    let host = app.start();
    for path in ["/api/one", "/api/two"] {
        assert_eq!(host.get(path).text(), "Hello, world!");
    }
    host.stop().assert_clean();
}

#[test]
fn new_refuses_what_exists_and_names_that_are_not_valid() {
    let folder = both();
    let folder = folder.path();
    for (words, expected) in [
        (
            "--name 1st v2",
            "--name: \"1st\" cannot be the name of a function: expected a letter, then",
        ),
        (
            "--name Hello v2",
            "function_app.py:9: the script has hello already, so it cannot get a function Hello; choose another --name",
        ),
        ("--name app v2", "function_app.py:5: the script has app already"),
        (
            "--name Hello v1",
            "--name: the app has a file or folder hello already; choose another name",
        ),
        (
            "--name queue v1",
            "--name: a folder queue cannot be tested, because Python or its tests have a module of that name; choose",
        ),
        (
            "--name new .",
            "is this a function app? Name the folder that holds its host.json",
        ),
        ("--name new nowhere", "cannot open the app's folder nowhere"),
        (
            "--name new --authlevel admin v2",
            "--authlevel: only an HTTP function has a level",
        ),
    ] {
        refused(folder, &format!("new --template timer {words}"), expected);
    }
    for app in ["v1", "v2"] {
        fs::write(folder.join(app).join("tests/test_mine.py"), "").expect("a file");
        refused(
            folder,
            &format!("new --template timer --name mine {app}"),
            &format!(
                "{app}/tests/test_mine.py exists already, and nothing is overwritten; choose another --name"
            ),
        );
    }
}

#[test]
fn new_refuses_a_script_that_it_does_not_understand() {
    let folder = both();
    let script = folder.path().join("v2/function_app.py");
    for (text, expected) in [
        (
            "from shop import app\n",
            "function_app.py: there is no function app at the top level; expected a line such as `app = func.FunctionApp()`",
        ),
        (
            "app = FunctionApp()\n",
            "function_app.py: azure.functions is not imported as a module; add `import azure.functions as func`",
        ),
        (
            "a = FunctionApp()\nb = FunctionApp()\n",
            "function_app.py:2: this is a second function app beside the one in line 1",
        ),
        (
            "\nimport azure.functions as func\napp = func.WsgiFunctionApp(web)\n",
            "function_app.py:3: app is of class WsgiFunctionApp, whose HTTP function is the web framework's app",
        ),
        (
            "app = (\n",
            "function_app.py:1: this bracket or string is never closed",
        ),
    ] {
        fs::write(&script, text).expect("a file");
        refused(folder.path(), "new --template http --name new v2", expected);
    }
    fs::write(&script, b"\xff").expect("a file");
    let done = Done::of(funcdock("new --template http --name new v2".split(' ')).current_dir(folder.path()));
    assert!(
        done.stderr.contains("cannot read v2/function_app.py"),
        "{}",
        done.output()
    );
}

#[test]
fn an_app_stays_as_it_was_if_its_script_cannot_be_written() {
    let folder = both();
    // Where the new text goes first. Permissions do not stop a test that root runs.
    fs::create_dir(folder.path().join("v2/.function_app.py.new")).expect("a folder");
    refused(
        folder.path(),
        "new --template http --name new v2",
        "cannot write v2/function_app.py",
    );
}
