//! `funcdock start`: what it reads, what it shows, and what it installs.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use funcdock_tests::{App, binary, golden, python};

const HELLO: &str = r#"{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"},
                                      {"type": "http", "direction": "out", "name": "$return"}]}"#;

/// Returns a free port outside the range from which the system picks ports for other tests.
fn free_port() -> u16 {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut ports = first..32_000;
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
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
fn local_settings_are_environment_variables() {
    let port = free_port();
    let settings = format!(
        r#"// A byte order mark before this, and comments.
        {{
            "IsEncrypted": false,
            "Values": {{ "GREETING": "Hello", "NUMBER": 7, "FLAG": true, "SHARED": "of the file", "NOTHING": null, /* none */ }},
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
        ("ConnectionStrings:Db", "Server=x"),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
        ("WEBSITE_HOSTNAME", &format!("localhost:{port}")),
        ("NOTHING", "<unset>"),
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
    host.wait_for_log("Values.NOTHING: is null, so it is not set");

    // The port is in use now.
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
fn every_option_has_an_environment_variable() {
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
    let status = host.get("/admin/host/status").json();
    assert_eq!(status["workers"].as_array().map(Vec::len), Some(2), "{status:#}");
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
fn functions_can_be_disabled() {
    let host = App::case("plain").arg("--functions").arg("HELLO").start();
    assert_eq!(host.get("/api/hello?name=Ada").status, 200);
    assert_eq!(host.get("/api/upload").status, 404);

    // A disabled function may be broken.
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
        .file(
            "clock/__init__.py",
            "import azure.functions as func\n\ndef main(timer: func.TimerRequest): pass\n",
        )
        .arg("--address")
        .arg("127.0.0.1")
        .spawn();
    host.wait_for_stdout("\tclock: timerTrigger\n");
    host.wait_for_log("listening at http://localhost:");
    host.stop().assert_clean();
    let host = App::empty().file("host.json", "{}").spawn();
    host.wait_for_log("the app has no functions");
    host.wait_for_log(&format!(
        "listening at http://{}",
        host.address().replace("127.0.0.1", "localhost")
    ));
    host.stop().assert_clean();
}

/// Returns a `PATH` whose `python3` is the interpreter of the tests.
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
fn requirements_are_installed_into_the_apps_own_environment() {
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

    // The environment exists now and is updated.
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

/// An app with requirements, whose `PATH` has an interpreter and maybe uv.
fn app_to_install(requirements: &str, path: std::ffi::OsString) -> App {
    App::case("hello")
        .file("requirements.txt", requirements)
        .env("FUNCDOCK_PORT", "0")
        .env("PATH", path)
        .bare()
}

#[test]
fn the_library_comes_with_an_environment_of_ours_and_a_lock_file_wins() {
    let app = app_to_install("./is-not-there\n", path_with_python());
    let host = app.file("requirements.lock", "# nothing\n").start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
    host.wait_for_log("/.venv and installing requirements.lock into it …");
    host.wait_for_log("requirements.lock does not name azure-functions; installing its newest version");
    host.stop().assert_clean();

    let app = app_to_install("./is-not-there\n", path_with_python()).file("uv.lock", "");
    let stopped = app.start_fails();
    let expected = "uv.lock is not used, and requirements.txt is installed: export it to requirements.lock";
    assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
}

#[test]
fn settings_of_pip_count_in_the_file() {
    let settings = r#"{"Values": {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}}"#;
    let app = app_to_install("azure-functions\n", path_with_python());
    let stopped = app.file("local.settings.json", settings).start_fails();
    assert!(stopped.stderr.contains("127.0.0.1:9"), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("bin/pip install"), "{}", stopped.stderr);
}

#[test]
fn uv_installs_if_it_is_there() {
    let uv = python::with("uv", &["uv"]).with_file_name("uv");
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(uv, folder.path().join("uv")).expect("linked");
    let mut path = folder.path().as_os_str().to_owned();
    path.push(":");
    path.push(path_with_python());
    // The machine's own say that it is to be pip.
    let app_to_install = |requirements: &str| {
        let app = app_to_install(requirements, path.clone());
        app.env("PIP_CERT", "")
            .env("PIP_FIND_LINKS", "")
            .env("PIP_INDEX_URL", "")
    };
    let host = app_to_install("azure-functions\n").start();
    assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
    assert!(
        host.app().path().join(".venv/bin/pip").exists(),
        "as users expect"
    );
    host.stop().assert_clean();
    let stopped = app_to_install("./is-not-there\n").start_fails();
    assert!(stopped.stderr.contains("/uv pip install"), "{}", stopped.stderr);
    // uv does not read what names a private index.
    fs::create_dir(folder.path().join("pip")).expect("a folder");
    fs::write(
        folder.path().join("pip/pip.conf"),
        "[global]\nindex-url = http://127.0.0.1:9/simple\n",
    )
    .expect("written");
    let app = app_to_install("./is-not-there\n").env("XDG_CONFIG_HOME", folder.path());
    let stopped = app.start_fails();
    assert!(stopped.stderr.contains("bin/pip install"), "{}", stopped.stderr);
}

#[test]
fn settings_without_an_effect_are_named() {
    let host_json = r#"{
        "version": "2.0",
        "loging": {},
        "healthMonitor": { "enabled": true },
        "logging": { "applicationInsights": { "samplingSettings": { "isEnabled": true } }, "fileLoggingMode": "always" },
        "extensions": { "http": { "hsts": { "isEnabled": true }, "routePrefx": "" }, "serviceBus": {} },
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle" }
    }"#;
    let app = App::case("settings")
        .file("host.json", host_json)
        .file("proxies.json", "{}")
        .file(
            "local.settings.json",
            r#"{"Values": {"FUNCTIONS_WORKER_RUNTIME": "node"}}"#,
        )
        .env(
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "InstrumentationKey=00000000-0000-0000-0000-000000000000",
        );
    let stopped = app.start().stop();
    stopped.assert_clean();
    let warnings = stopped.normalised_stderr();
    let warnings: Vec<_> = warnings.lines().filter(|line| line.contains("WARN")).collect();
    golden::check("warnings/settings", &(warnings.join("\n") + "\n"));
}

#[test]
fn nothing_is_installed_when_the_user_does_not_want_it() {
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
