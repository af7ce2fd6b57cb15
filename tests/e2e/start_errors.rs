//! Error messages of `funcdock start`: golden files, except where Python's own text differs between versions.

use funcdock_tests::{App, golden, python};

const HELLO: &str = r#"{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"},
                                      {"type": "http", "direction": "out", "name": "$return"}]}"#;

#[test]
fn wrong_options_are_named() {
    for (name, value, expected) in [
        ("FUNCDOCK_PORT", "65536", "expected a number from 0 to 65535"),
        ("FUNCDOCK_PORT", "", "expected a number from 0 to 65535"),
        ("FUNCDOCK_CERT", "", "a value is required for '--cert <FILE>'"),
        (
            "FUNCDOCK_ADDRESS",
            "here",
            "expected an IP address such as 127.0.0.1 or ::1",
        ),
        (
            "FUNCDOCK_START_TIMEOUT",
            "soon",
            "expected a number of seconds, such as 30 or 0.5",
        ),
        ("FUNCDOCK_DRAIN_TIMEOUT", "-1", "expected a number of seconds"),
        (
            "FUNCTIONS_WORKER_PROCESS_COUNT",
            "11",
            "FUNCTIONS_WORKER_PROCESS_COUNT is \"11\" in the environment; expected a number from 1 to 10, or auto",
        ),
    ] {
        let stopped = App::case("plain").bare().env(name, value).start_fails();
        assert!(
            stopped.status.code().is_some_and(|code| code > 0),
            "{}",
            stopped.status
        );
        assert!(stopped.stderr.contains(expected), "{name}\n{}", stopped.stderr);
        let advice = format!("from the environment: correct or unset {name}");
        assert_eq!(
            stopped.stderr.contains(&advice),
            name.starts_with("FUNCDOCK_"),
            "{}",
            stopped.stderr
        );
    }
    let app = App::case("plain").bare().env("FUNCDOCK_PORT", "8080");
    let stopped = app.arg("--port").arg("x").start_fails();
    assert!(!stopped.stderr.contains("environment"), "{}", stopped.stderr);
}

/// Each case is the hello app with changed files; `tests/golden/errors/<name>.txt` has the expected message.
#[test]
fn errors_name_the_file_and_the_place() {
    let json = |old: &str, new: &str| HELLO.replace(old, new);
    let more = |binding: &str| HELLO.replace("}]}", &format!("}},\n{binding}]}}"));
    let cases: &[(&str, &str, &str)] = &[
        (
            "host-json-syntax",
            "host.json",
            "{\n  \"version\": \"2.0\"\n  \"extensions\": {}\n}",
        ),
        (
            "host-json-value",
            "host.json",
            "{\n  \"extensions\": {\n    \"http\": { \"clientTimeout\": 30 }\n  }\n}",
        ),
        (
            "local-settings",
            "local.settings.json",
            "{\n  \"Values\": {\n    \"LIST\": []\n  }\n}",
        ),
        (
            "function-json-syntax",
            "hello/function.json",
            &HELLO.replace("\"name\": \"req\"", "\"name\": req"),
        ),
        (
            "function-json-direction",
            "hello/function.json",
            &json("\"in\"", "\"inn\""),
        ),
        (
            "function-json-route",
            "hello/function.json",
            &json("\"req\"", "\"req\", \"route\": \"{id\""),
        ),
        (
            "no-script",
            "hello/function.json",
            &json("{\"bindings\"", "{\"scriptFile\": \"main.py\", \"bindings\""),
        ),
        (
            "no-entry-point",
            "hello/function.json",
            &json("{\"bindings\"", "{\"entryPoint\": \"handle\", \"bindings\""),
        ),
        ("not-callable", "hello/__init__.py", "main = 7"),
        (
            "parameter-without-binding",
            "hello/__init__.py",
            "def main(req, document): pass",
        ),
        (
            "binding-without-parameter",
            "hello/__init__.py",
            "def main(context): pass",
        ),
        (
            "input-binding",
            "hello/function.json",
            &more(r#"{"type": "cosmosDB", "direction": "in", "name": "document"}"#),
        ),
        (
            "blob-path",
            "hello/function.json",
            &more(r#"{"type": "blob", "direction": "in", "name": "document", "path": "Samples/{id}"}"#),
        ),
        (
            "connection-string",
            "hello/function.json",
            &more(
                r#"{"type": "queue", "direction": "out", "name": "document", "queueName": "orders",
                      "connection": "AccountName=a;AccountKey=secret"}"#,
            ),
        ),
        (
            "same-route",
            "again/function.json",
            &json("\"req\"", "\"req\", \"route\": \"Hello\""),
        ),
        (
            "wrong-annotation",
            "hello/__init__.py",
            "def main(req: str): pass",
        ),
        (
            "wrong-output-annotation",
            "hello/__init__.py",
            "import azure.functions as func\n\ndef main(req, response: func.HttpResponse): pass",
        ),
        (
            "wrong-output-type",
            "hello/__init__.py",
            "import azure.functions as func\n\ndef main(req, response: func.Out[func.HttpRequest]): pass",
        ),
        (
            "wrong-context-annotation",
            "hello/__init__.py",
            "def main(req, context: int): pass",
        ),
        (
            "wrong-return-annotation",
            "hello/__init__.py",
            "def main(req) -> 123: pass",
        ),
        (
            "request-as-return-annotation",
            "hello/__init__.py",
            "import azure.functions as func\n\ndef main(req) -> func.HttpRequest: pass",
        ),
    ];
    for (name, file, content) in cases {
        let mut app = App::empty()
            .file("host.json", "{}")
            .file("hello/__init__.py", "def main(req): pass")
            .file("hello/function.json", HELLO);
        app = match *name {
            "input-binding" => app.file("hello/__init__.py", "def main(req, document): pass"),
            "same-route" => app.file("again/__init__.py", "def main(req): pass"),
            "wrong-output-annotation" | "wrong-output-type" => {
                app.file("hello/function.json", &json("$return", "response"))
            }
            _ => app,
        };
        // Without it, a function that cannot be loaded fails alone.
        let stopped = app.file(file, content).arg("--strict").start_fails();
        assert_eq!(stopped.status.code(), Some(1), "{name}");
        assert_eq!(stopped.stdout, "", "{name}");
        golden::check(&format!("errors/{name}"), &stopped.normalised_stderr());
    }
    let stopped = App::empty().start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    golden::check("errors/no-host-json", &stopped.normalised_stderr());
    let stopped = App::case("hello").arg("--functions").arg("helo").start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    golden::check("errors/unknown-function", &stopped.normalised_stderr());
    let stopped = App::case("hello").python("/nowhere/python3").start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    golden::check("errors/no-python", &stopped.normalised_stderr());
}

#[test]
fn all_broken_functions_are_listed_at_once() {
    let stopped = App::empty()
        .file("host.json", "{}")
        .file("one/function.json", "{}")
        .file("one/__init__.py", "")
        .file("two/function.json", HELLO)
        .file("three/function.json", "{\n]")
        .start_fails();
    golden::check("errors/several-functions", &stopped.normalised_stderr());
}

#[test]
fn errors_at_import_are_shown_with_their_traceback() {
    for (name, code, expected) in [
        (
            "import",
            "\nimport not_installed\n",
            &[
                "__init__.py\", line 2, in <module>\n      import not_installed\n",
                "ModuleNotFoundError: No module named",
            ][..],
        ),
        (
            "syntax",
            "def main(req):\n    return (\n",
            &["__init__.py\", line 2\n      return (\n", "\n  SyntaxError: "],
        ),
        (
            "raise",
            "def f(): raise ValueError('at import')\n\nf()\n",
            &["line 3, in <module>", "ValueError: at import"],
        ),
        (
            "exit",
            "import sys\nsys.exit(3)\n",
            &["line 2, in <module>", "SystemExit: 3"],
        ),
    ] {
        let stopped = App::empty()
            .file("host.json", "{}")
            .file("hello/function.json", HELLO)
            .file("hello/__init__.py", code)
            .arg("--strict")
            .start_fails();
        assert_eq!(stopped.status.code(), Some(1), "{name}");
        let stderr = stopped.normalised_stderr();
        let start = "error: worker 0 did not start: load of function \"hello\" failed\n";
        assert!(stderr.starts_with(start), "{name}\n{stderr}");
        for text in expected {
            assert!(stderr.contains(text), "{name}: {text:?} is missing in\n{stderr}");
        }
        assert!(
            !stderr.contains("importlib") && !stderr.contains("<funcdock>"),
            "{name}\n{stderr}"
        );
    }
    let stopped = App::empty()
        .file("host.json", "{}")
        .file("hello/function.json", HELLO)
        .file("hello/__init__.py", "import os\nos._exit(7)\n")
        .start_fails();
    assert!(
        stopped
            .stderr
            .contains("exited with status 7 before it was ready"),
        "{}",
        stopped.stderr
    );
    let stopped = App::empty()
        .file("host.json", "{}")
        .file("hello/function.json", HELLO)
        .file("hello/__init__.py", "import time\ntime.sleep(60)\n")
        .arg("--start-timeout")
        .arg("0.5")
        .start_fails();
    assert!(
        stopped.stderr.contains("raise --start-timeout"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn a_python_that_is_too_old_is_refused() {
    let Some(python) = python::interpreter("3.8") else {
        eprintln!("CPython 3.8 is not on this machine: not tested");
        return;
    };
    let stopped = App::case("plain").python(python).start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    let expected = "is Python 3.8; Funcdock needs 3.9 or newer. Choose another interpreter with --python";
    assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
}

#[test]
fn an_azure_functions_that_is_too_old_is_named_and_the_oldest_that_is_not_is_served() {
    let app =
        || App::without_functions().function("hello", "def main(req):\n    return req.params['name']\n");
    let old = python::with("before-1.8", &["azure-functions==1.7.2"]);
    let stopped = app().python(old).start_fails();
    let expected = "azure-functions 1.7.2 is too old for this host, which serves 1.8 and newer";
    assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
    let oldest = python::with("from-1.8", &["azure-functions==1.8.0"]);
    let host = app().python(oldest).start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Ada");
}
