//! Functions of the decorator model (v2): what an app declares in function_app.py.

use funcdock_tests::{App, python};
use serde_json::json;

/// A script with these lines after its imports.
fn script(lines: &str) -> String {
    format!("import azure.functions as func\n\n{lines}")
}

/// A script whose app has these lines of functions.
fn with_app(lines: &str) -> String {
    script(&format!(
        "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n\n{lines}"
    ))
}

/// An app with only this script and a host.json.
fn app(script: &str) -> App {
    App::empty()
        .file("host.json", r#"{"version": "2.0"}"#)
        .file("function_app.py", script)
}

#[test]
fn functions_are_listed_and_answer() {
    for (version, python) in python::oldest_and_newest() {
        let host = App::case("decorators").python(python).start();
        let listed = host.output();
        for line in [
            "\thttp_example: http://localhost:",
            "\tDescribed: [GET,POST] http://localhost:",
            "\ttick: timerTrigger",
        ] {
            assert!(listed.contains(line), "{version}: {line}\n{listed}");
        }
        let root = host.app().path().canonicalize().expect("the copy");
        assert_eq!(host.get("/api/HttpExample?name=Ada").text(), "Hello, Ada.");
        assert_eq!(
            host.get("/api/described/7").json(),
            json!({"method": "GET", "id": "7", "function": "Described", "directory": root})
        );
        assert_eq!(host.get("/api/odd_names").text(), "GET");
        let generic = host.get("/api/generic");
        assert_eq!((generic.status, generic.text()), (201, "generic".to_owned()));
        assert_eq!(host.get("/api/nothing").status, 204);
        assert_eq!(host.get("/api/shop/apple").text(), "apple: 5");
        assert_eq!(host.get("/api/health").text(), "fine");
        host.stop().assert_clean();
    }
}

#[test]
fn a_script_without_exactly_one_app_says_what_it_has() {
    let cases = [
        (
            script("x = 1\n"),
            "import of function_app.py failed\n  function_app.py has no function app at its top level: add app = \
             func.FunctionApp(), and declare the functions with its decorators",
        ),
        (
            script("bp = func.Blueprint()\n"),
            "function_app.py has no function app at its top level, only blueprints: bp; add app = \
             func.FunctionApp(), and register each blueprint",
        ),
        (
            script("a = func.FunctionApp()\nb = func.FunctionApp()\n"),
            "function_app.py has 2 function apps at its top level: a (FunctionApp), b (FunctionApp); keep one of them",
        ),
        (
            script("import flsk\n"),
            "requirements.txt does not name 'flsk': if it is a package",
        ),
    ];
    for (script, expected) in cases {
        let stopped = app(&script).file("requirements.txt", "flask\n").start_fails();
        assert!(
            stopped.stderr.contains(expected),
            "{expected}\n{}",
            stopped.stderr
        );
    }
}

#[test]
fn the_setting_names_another_script() {
    let served = App::empty()
        .file("host.json", r#"{"version": "2.0"}"#)
        .file(
            "main_app.py",
            &with_app("@app.route()\ndef hello(req):\n    return __name__\n"),
        )
        .env("PYTHON_SCRIPT_FILE_NAME", "main_app.py");
    let host = served.start();
    assert_eq!(host.get("/api/hello").text(), "main_app");
    host.stop().assert_clean();

    let missing = app(&with_app(""))
        .env("PYTHON_SCRIPT_FILE_NAME", "main_app.py")
        .start_fails();
    let expected =
        "app setting PYTHON_SCRIPT_FILE_NAME: there is no file \"main_app.py\" in the app's folder";
    assert!(missing.stderr.contains(expected), "{}", missing.stderr);
}

#[test]
fn a_script_wins_over_folders() {
    let host = App::case("hello")
        .file(
            "function_app.py",
            &with_app("@app.route()\ndef new(req):\n    return 'new'\n"),
        )
        .start();
    host.wait_for_log(
        "function_app.py: the folders hello, hello_async with a function.json are ignored, as this file declares the \
         app's functions",
    );
    assert_eq!(host.get("/api/new").text(), "new");
    assert_eq!(host.get("/api/hello").status, 404);
    host.stop().assert_clean();
}

/// A function that cannot be loaded answers 500, with one record that says why and what to do; the others serve.
#[test]
fn a_function_that_cannot_be_loaded_fails_alone() {
    let broken = "@app.route()\n\
                  @app.generic_output_binding(arg_name='message', type='table', table_name='t')\n\
                  def sends(req, message): ...\n\n\
                  @app.route()\n\
                  def wrong(req: 123): ...\n\n\
                  @app.route()\n\
                  def works(req):\n    return 'works'\n";
    let host = app(&with_app(broken)).start();
    for (name, reason) in [
        (
            "sends",
            "load of function \"sends\" failed, so its calls are answered with an error:\n  \
             function 'sends': the binding 'message' of its decorators is of type 'table'",
        ),
        (
            "wrong",
            "function 'wrong': parameter 'req' is annotated 123, which is not a type",
        ),
    ] {
        host.wait_for_log(reason);
        assert_eq!(host.stderr().matches(reason).count(), 1, "{}", host.output());
        assert_eq!(host.get(&format!("/api/{name}")).status, 500);
    }
    assert_eq!(host.get("/api/works").text(), "works");
    host.stop();

    let strict = app(&with_app(broken)).arg("--strict").start_fails();
    assert!(
        strict.stderr.contains("load of function \"sends\" failed"),
        "{}",
        strict.stderr
    );
}

#[test]
fn a_folder_whose_function_cannot_be_loaded_fails_alone() {
    let declaration = r#"{"bindings": [{"type": "httpTrigger", "name": "req"}]}"#;
    let host = App::case("hello")
        .file("needs/function.json", declaration)
        .file("needs/__init__.py", "import flsk\n")
        .file("names/function.json", declaration)
        .file("names/__init__.py", "import named\n")
        .file("only/function.json", declaration)
        .file(
            "only/main.py",
            "import sys\n\ndef main(req):\n    return ' '.join(sys.argv[:2])\n",
        )
        .file("requirements.txt", "azure-functions\nnamed>=1  # a comment\n")
        .start();
    host.wait_for_log("requirements.txt does not name 'flsk': if it is a package, whose name may differ");
    host.wait_for_log("requirements.txt names 'named', which ");
    assert_eq!(host.get("/api/needs").status, 500);
    assert_eq!(host.get("/api/hello").status, 200);
    // The script is the only Python file of its folder, and sees the command that serves the app.
    assert_eq!(host.get("/api/only").text(), "funcdock start");
    host.stop();
}
