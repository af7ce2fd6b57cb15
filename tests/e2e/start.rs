//! `funcdock start`: what it reads, what it shows, and what it says when it cannot.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use funcdock_tests::{App, binary, golden, python};

const HELLO: &str = r#"{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"},
                                      {"type": "http", "direction": "out", "name": "$return"}]}"#;

/// A port that is free, and that no test gets by asking for any.
fn free_port() -> u16 {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut ports = first..32_000;
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of thousands of ports is free")
}

#[test]
fn functions_are_listed_with_their_urls() {
    let host = App::case("http").start();
    let (_, port) = host.address().split_once(':').expect("a port");
    let port = format!(":{port}/");
    let stopped = host.stop();
    stopped.assert_clean();
    golden::check("listing", &stopped.stdout.replace(&port, ":<port>/"));
    golden::check("start-and-stop", &stopped.normalised_stderr());
}

#[test]
fn local_settings_are_variables_of_the_functions() {
    let port = free_port();
    let settings = format!(
        r#"// A byte order mark before this, and comments.
        {{
            "IsEncrypted": false,
            "Values": {{ "GREETING": "Hello", "NUMBER": 7, "FLAG": true, "SHARED": "of the file", /* none */ }},
            "ConnectionStrings": {{ "Db": "Server=x" }},
            "Host": {{ "LocalHttpPort": {port}, "CORS": "*" }},
        }}"#
    );
    let host = App::case("settings")
        .file("local.settings.json", &format!("\u{feff}{settings}"))
        .bare()
        .env("FUNCDOCK_PYTHON", python::any())
        .env("SHARED", "of the environment")
        .start();
    assert_eq!(host.address(), format!("127.0.0.1:{port}"));
    for (name, expected) in [
        ("GREETING", "Hello"),
        ("NUMBER", "7"),
        ("FLAG", "true"),
        ("SHARED", "of the environment"),
        ("ConnectionStrings__Db", "Server=x"),
        ("FUNCTIONS_WORKER_RUNTIME", "python"),
        ("CORS", "<unset>"),
    ] {
        assert_eq!(
            host.get(&format!("/api/env?name={name}")).text(),
            expected,
            "{name}"
        );
    }
    host.wait_for_log("SHARED of local.settings.json is not used: the environment has another value");

    // The same port once more.
    let second = App::case("settings").bare();
    let second = second
        .env("FUNCDOCK_PYTHON", python::any())
        .env("FUNCDOCK_PORT", port.to_string());
    let stopped = second.start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    let stderr = stopped.normalised_stderr().replace(&port.to_string(), "<port>");
    golden::check("errors/port-in-use", &stderr);
}

#[test]
fn every_option_is_a_variable() {
    let host = App::case("http")
        .file("requirements.txt", "./is-not-there")
        .bare()
        .env("FUNCDOCK_PORT", "0")
        .env("FUNCDOCK_ADDRESS", "127.0.0.2")
        .env("FUNCTIONS_WORKER_PROCESS_COUNT", "2")
        .env("FUNCDOCK_PYTHON", python::any())
        .env("FUNCDOCK_FUNCTIONS", "echo,LARGE")
        .env("FUNCDOCK_NO_INSTALL", "1")
        .env("FUNCDOCK_START_TIMEOUT", "59.5")
        .env("FUNCDOCK_DRAIN_TIMEOUT", "29")
        .env("FUNCDOCK_VERBOSE", "true")
        .start();
    assert!(host.address().starts_with("127.0.0.2:"), "{}", host.address());
    assert_eq!(host.get("/admin/host/status").json()["workers"], 2);
    assert_eq!(host.get("/api/echo").status, 200);
    assert_eq!(host.get("/api/large?size=0").status, 200);
    assert_eq!(host.get("/api/things").status, 404);
    host.wait_for_log(" DEBUG ");
    host.stop().assert_clean();

    let help = Command::new(binary())
        .args(["start", "--help"])
        .output()
        .expect("the binary runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    for option in [
        "[env: FUNCDOCK_PORT=]",
        "[env: FUNCDOCK_ADDRESS=]",
        "[env: FUNCTIONS_WORKER_PROCESS_COUNT]",
        "[env: FUNCDOCK_PYTHON=]",
        "[env: FUNCDOCK_FUNCTIONS=]",
        "[env: FUNCDOCK_NO_INSTALL=]",
        "[env: FUNCDOCK_START_TIMEOUT=]",
        "[env: FUNCDOCK_DRAIN_TIMEOUT=]",
        "[env: FUNCDOCK_VERBOSE=]",
        "[default: 127.0.0.1]",
        "LocalHttpPort of local.settings.json, or 7071",
        "funcdock start --workers 4",
        "Ctrl-C lets running calls finish",
    ] {
        assert!(help.contains(option), "{option} is missing in\n{help}");
    }
    let version = Command::new(binary())
        .arg("--version")
        .output()
        .expect("the binary runs");
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        format!("funcdock {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn options_that_are_wrong_are_named() {
    for (name, value, expected) in [
        ("FUNCDOCK_PORT", "65536", "expected a number from 0 to 65535"),
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
            "FUNCTIONS_WORKER_PROCESS_COUNT is \"11\" in the environment; expected a number from 1 to 10",
        ),
    ] {
        let stopped = App::case("plain").bare().env(name, value).start_fails();
        assert!(
            stopped.status.code().is_some_and(|code| code > 0),
            "{}",
            stopped.status
        );
        assert!(stopped.stderr.contains(expected), "{name}\n{}", stopped.stderr);
    }
}

#[test]
fn functions_can_be_left_out() {
    let host = App::case("plain").arg("--functions").arg("HELLO").start();
    assert_eq!(host.get("/api/hello?name=Ada").status, 200);
    assert_eq!(host.get("/api/upload").status, 404);

    // A function that is left out may be broken.
    let host = App::case("plain")
        .file("upload/function.json", &HELLO.replace('}', ""))
        .file(
            "local.settings.json",
            r#"{"Values": {"AzureWebJobs.upload.Disabled": "true"}}"#,
        )
        .file(
            "other/function.json",
            &HELLO.replacen('{', "{\"disabled\": true, ", 1),
        )
        .file("other/__init__.py", "raise Exception")
        .start();
    assert_eq!(host.get("/api/hello?name=Ada").status, 200);
    assert_eq!(host.get("/api/upload").status, 404);
    host.wait_for_log("disabled functions: other, upload");

    let host = App::case("plain")
        .file("host.json", r#"{"functions": ["upload"]}"#)
        .start();
    assert_eq!(host.get("/api/hello?name=Ada").status, 404);
}

#[test]
fn an_app_without_functions_and_one_of_timers_run() {
    let host = App::empty()
        .file("host.json", "{}")
        .file(
            "clock/function.json",
            r#"{"bindings": [{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 * * * * *"}]}"#,
        )
        .file("clock/__init__.py", "def main(timer): pass")
        .arg("--address")
        .arg("127.0.0.1")
        .spawn();
    host.wait_for_stdout("\tclock: timerTrigger\n");
    host.wait_for_log("function \"clock\" is never called: timerTrigger is not supported yet");
    host.stop().assert_clean();
    let host = App::empty().file("host.json", "{}").spawn();
    host.wait_for_log("the app has no functions");
    host.stop().assert_clean();
}

/// Each is the hello with files of its own: `tests/golden/errors/<name>.txt` is what the host says.
#[test]
fn what_is_wrong_is_said_with_its_place() {
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
            &more(r#"{"type": "blob", "direction": "in", "name": "document"}"#),
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
    ];
    for (name, file, content) in cases {
        let mut app = App::empty()
            .file("host.json", "{}")
            .file("hello/__init__.py", "def main(req): pass")
            .file("hello/function.json", HELLO);
        app = match *name {
            "input-binding" => app.file("hello/__init__.py", "def main(req, document): pass"),
            "same-route" => app.file("again/__init__.py", "def main(req): pass"),
            "wrong-output-annotation" => app.file("hello/function.json", &json("$return", "response")),
            _ => app,
        };
        let stopped = app.file(file, content).start_fails();
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
fn all_functions_that_are_wrong_are_listed_at_once() {
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
fn code_that_fails_at_import_is_shown_with_its_traceback() {
    for (name, code, expected) in [
        (
            "import",
            "\nimport not_installed\n",
            &[
                "__init__.py\", line 2, in <module>\n    import not_installed\n",
                "ModuleNotFoundError: No module named",
            ][..],
        ),
        (
            "syntax",
            "def main(req):\n    return (\n",
            &["__init__.py\", line 2\n    return (\n", "\nSyntaxError: "],
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

/// `PATH` with the interpreter of the tests as `python3`.
fn path_with_python() -> std::ffi::OsString {
    let interpreter = python::interpreter(python::version()).expect("tests run on it");
    let asked = Command::new(interpreter)
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    let executable = String::from_utf8(asked.expect("it runs").stdout).expect("UTF-8");
    let folder = PathBuf::from(executable.trim())
        .parent()
        .expect("a file is in a folder")
        .to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path))).expect("no colons")
}

#[test]
fn requirements_are_installed_into_an_environment_of_the_apps() {
    let app = App::case("hello")
        .file("requirements.txt", "azure-functions\n")
        .env("FUNCDOCK_PORT", "0")
        .env("PATH", path_with_python())
        .bare();
    let host = app.start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
    host.wait_for_log("/.venv and installing requirements.txt into it …");
    assert!(host.app().path().join(".venv/bin/python").exists());
    let stopped = host.stop();
    stopped.assert_clean();

    // It is there now; and it is brought up to date.
    let host = stopped.app.start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
    assert!(!host.stderr().contains("installing"), "{}", host.stderr());
    let stopped = host.stop();
    let stopped = stopped
        .app
        .file("requirements.txt", "azure-functions\n./is-not-there\n")
        .start_fails();
    for text in [
        "requirements.txt has changed",
        "the app's requirements cannot be installed",
        "is-not-there",
    ] {
        assert!(
            stopped.stderr.contains(text),
            "{text:?} is missing in\n{}",
            stopped.stderr
        );
    }
}

#[test]
fn nothing_is_installed_where_that_is_not_wanted() {
    let host = App::case("plain")
        .file("requirements.txt", "./is-not-there\n")
        .env("FUNCDOCK_PORT", "0")
        .env("PATH", path_with_python())
        .bare()
        .arg("--no-install")
        .start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
    assert!(!host.app().path().join(".venv").exists());
}
