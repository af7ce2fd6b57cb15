//! Traces of apps that do not name an extension: `telemetryMode` in host.json, and OpenTelemetry's variables.

use std::fs;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, binary, library, target};
use serde_json::Value;
use tempfile::TempDir;

const ENABLE: &str = "PYTHON_ENABLE_WORKER_EXTENSIONS";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const MODE: &str = r#"{ "version": "2.0", "telemetryMode": "OpenTelemetry" }"#;

/// Returns the plain app: neither its functions nor its host.json name extensions.
fn app(receiver: &Receiver) -> App {
    App::case("hello").env(ENDPOINT, receiver.endpoint())
}

/// Returns the names of the docked extensions.
fn docked(host: &Host) -> Vec<String> {
    let report = host.get("/admin/extensions").json();
    let extensions = report["workers"][0]["extensions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    extensions
        .iter()
        .filter_map(|extension| extension["name"].as_str().map(str::to_owned))
        .collect()
}

/// Calls both functions, stops the host, and returns the names of the exported spans.
#[track_caller]
fn spans_of(host: Host, receiver: &Receiver) -> Vec<String> {
    for function in ["hello", "hello_async"] {
        assert_eq!(host.get(&format!("/api/{function}")).status, 200);
    }
    host.stop().assert_clean();
    let mut names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    names
}

#[test]
fn the_mode_alone_traces_every_function() {
    let receiver = Receiver::start();
    let host = app(&receiver).file("host.json", MODE).env(ENABLE, "1").start();
    assert_eq!(docked(&host), ["opencensus"]);
    host.wait_for_log("telemetryMode is \"OpenTelemetry\": the extension opencensus is docked");
    assert_eq!(spans_of(host, &receiver), ["hello", "hello_async"]);

    let host = app(&receiver)
        .env("AzureFunctionsJobHost__telemetryMode", "opentelemetry")
        .env(ENABLE, "1")
        .start();
    assert_eq!(docked(&host), ["opencensus"], "the mode set by an app setting");
}

#[test]
fn a_variable_alone_traces_every_function() {
    let receiver = Receiver::start();
    let settings = format!(
        r#"{{ "Values": {{ "{ENABLE}": "1", "{ENDPOINT}": "{}" }} }}"#,
        receiver.endpoint()
    );
    let host = App::case("hello").file("local.settings.json", &settings).start();
    host.wait_for_log(
        "OTEL_EXPORTER_OTLP_ENDPOINT is set in local.settings.json (Values): the extension opencensus is docked",
    );
    assert_eq!(spans_of(host, &receiver), ["hello", "hello_async"]);
}

#[test]
fn opentelemetrys_switch_turns_it_off() {
    let receiver = Receiver::start();
    for (mode, asks) in [
        (
            r#"{ "version": "2.0" }"#,
            "OTEL_EXPORTER_OTLP_ENDPOINT is set in the environment",
        ),
        (MODE, "telemetryMode is \"OpenTelemetry\""),
    ] {
        let host = app(&receiver)
            .file("host.json", mode)
            .env(ENABLE, "1")
            .env("OTEL_SDK_DISABLED", "true")
            .start();
        assert_eq!(docked(&host), [""; 0]);
        let why = format!("{asks}, but OTEL_SDK_DISABLED is true: the extension opencensus is not docked");
        host.wait_for_log(&why);
        assert_eq!(host.stderr().matches(&why).count(), 1);
    }
}

#[test]
fn the_mode_without_extensions_says_what_to_set() {
    let receiver = Receiver::start();
    let host = app(&receiver).file("host.json", MODE).start();
    host.wait_for_log(
        " WARN funcdock::cli::telemetry: telemetryMode is \"OpenTelemetry\", but worker extensions are off, and \
         without them there are no traces: set PYTHON_ENABLE_WORKER_EXTENSIONS=1",
    );
    assert_eq!(docked(&host), [""; 0]);
    assert_eq!(spans_of(host, &receiver), [""; 0]);

    // The variables may be meant for the app only.
    let host = app(&receiver).start();
    assert_eq!(docked(&host), [""; 0]);
    assert!(!host.stderr().contains("WARN"), "{}", host.output());
}

#[test]
fn the_apps_own_settings_win_and_no_span_is_doubled() {
    let receiver = Receiver::start();
    let host = app(&receiver)
        .file(
            "host.json",
            r#"{ "version": "2.0", "telemetryMode": "OpenTelemetry", "workerExtensions": {
                "opencensus": { "functions": ["hello"] } } }"#,
        )
        .env(ENABLE, "1")
        .start();
    assert_eq!(docked(&host), ["opencensus"]);
    assert_eq!(
        spans_of(host, &receiver),
        ["hello"],
        "host.json selects this function"
    );

    let receiver = Receiver::start();
    let elsewhere = Receiver::start();
    let host = app(&elsewhere)
        .file("host.json", MODE)
        .file(
            "hello/__init__.py",
            &format!(
                "from funcdock.extensions import opencensus\n\nopencensus.configure(endpoint={:?})\n\n\n\
                 def main(req):\n    return \"\"\n",
                receiver.endpoint()
            ),
        )
        .env(ENABLE, "1")
        .start();
    assert_eq!(docked(&host), ["opencensus"]);
    assert_eq!(
        spans_of(host, &receiver),
        ["hello", "hello_async"],
        "function code selects this function"
    );
    assert_eq!(elsewhere.count(), 0);
}

/// Returns the folder of a host that was installed without the extension.
fn host_alone() -> TempDir {
    let folder = TempDir::new_in(target()).expect("a temporary folder");
    for file in [binary(), library("funcdock-python")] {
        let name = file.file_name().expect("a file");
        fs::hard_link(&file, folder.path().join(name)).expect("a link in the same file system");
    }
    folder
}

#[test]
fn a_missing_extension_is_an_error_where_the_app_requires_it() {
    let receiver = Receiver::start();
    let alone = host_alone();
    let app = || {
        app(&receiver)
            .program(alone.path().join("funcdock"))
            .env(ENABLE, "1")
    };

    let stopped = app().file("host.json", MODE).start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    for part in [
        "extension \"opencensus\": not found\n",
        "add the library's folder to FUNCDOCK_EXTENSION_PATH",
        "\n    asked for: telemetryMode is \"OpenTelemetry\"\n",
    ] {
        assert!(
            stopped.stderr.contains(part),
            "{part:?} is not in\n{}",
            stopped.stderr
        );
    }

    let host = app().start();
    host.wait_for_log(
        "OTEL_EXPORTER_OTLP_ENDPOINT is set in the environment, but there are no traces:\n  extension \"opencensus\": \
         not found\n",
    );
    assert_eq!(docked(&host), [""; 0]);
    assert_eq!(spans_of(host, &receiver), [""; 0]);

    // It is an error where code imports it: of the function alone.
    let import = "from funcdock.extensions import opencensus\n\n\ndef main(req):\n    return \"\"\n";
    let host = app().file("hello/__init__.py", import).start();
    host.wait_for_log("ImportError: ");
    assert_eq!(host.get("/api/hello").status, 500);
    host.stop();
}

#[test]
fn the_list_of_extensions_names_it() {
    let app = App::case("hello").file("host.json", MODE);
    let listed = std::process::Command::new(binary())
        .args(["extension", "list", "--json"])
        .arg(app.path())
        .env(ENABLE, "1")
        .output()
        .expect("the funcdock binary runs");
    let list: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(list["docked"][0]["name"], "opencensus", "{list:#}");
    assert_eq!(list["docked"][0]["state"], "loaded", "{list:#}");
}
