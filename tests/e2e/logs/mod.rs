//! Python's `logging` in the host's log: levels, formats, and each record's call.

mod access;
mod levels;
mod lines;
mod unread;

use funcdock_tests::{Answer, App, Host, python};
use serde_json::{Value, json};
use ureq::http::Request;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// GETs a path with a `traceparent` header.
fn get_traced(host: &Host, path: &str) -> Answer {
    let request = Request::get(host.url_of(path)).header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    host.send(request.body(Vec::new()).expect("a valid request"))
}

/// Returns the only record of a JSON log with this message, without its time.
#[track_caller]
fn record(host: &Host, message: &str) -> Value {
    let quoted = format!("\"message\":{}", json!(message));
    let line = line(host, &quoted);
    let mut record: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let time = record
        .as_object_mut()
        .and_then(|record| record.remove("timestamp"));
    let time = time.as_ref().and_then(Value::as_str).unwrap_or_default();
    assert!(time.len() == 27 && time.ends_with('Z'), "{line}");
    record
}

/// Returns the only log line with this text.
#[track_caller]
fn line(host: &Host, text: &str) -> String {
    host.wait_for_log(text);
    let log = host.stderr();
    let mut found = log.lines().filter(|line| line.contains(text));
    let line = found.next().expect("the line is still there").to_owned();
    assert_eq!(found.next(), None, "it is logged twice");
    line
}

#[track_caller]
fn assert_record(host: &Host, level: &str, message: &str, logger: &str, invocation: Option<&str>) {
    let line = line(host, message);
    let expected = format!(" {level} {logger}: {message}");
    assert!(line.contains(&expected), "{expected:?} is not in {line:?}");
    match invocation {
        Some(id) => assert!(line.ends_with(&format!(" invocation={id}")), "{line:?}"),
        None => assert!(!line.contains("invocation"), "{line:?}"),
    }
}

#[test]
fn records_have_level_logger_and_call() {
    let host = App::case("logs").start();
    let id = host.get("/api/levels").text();
    assert_record(&host, "INFO", "imported", "root", None);
    assert_record(&host, "INFO", "at info", "root", Some(&id));
    assert_record(&host, "WARN", "at warning", "root", Some(&id));
    assert_record(&host, "ERROR", "at error", "shop.orders", Some(&id));
    assert_record(&host, "CRITICAL", "at critical", "root", Some(&id));
    host.wait_for_log(&format!(
        "root: caught invocation={id}\n  Traceback (most recent call last):\n    File \""
    ));
    host.wait_for_log("\n  ZeroDivisionError: division by zero");
    assert!(!host.stderr().contains("at debug"), "INFO is the default");

    let host = App::case("logs").env("PYTHON_ENABLE_DEBUG_LOGGING", "1").start();
    let id = host.get("/api/levels").text();
    assert_record(&host, "DEBUG", "at debug", "root", Some(&id));
}

#[test]
fn the_app_may_set_the_first_handlers_format() {
    let settings = r#"{"Values": {"LOG_FORMAT": "[%(levelname)s|%(invocation_id)s] %(message)s"}}"#;
    let host = App::case("logs").file("local.settings.json", settings).start();
    let id = host.get("/api/levels").text();
    line(&host, "[INFO|None] imported");
    line(&host, &format!("[WARNING|{id}] at warning"));
}

#[test]
fn records_of_threads_and_tasks_belong_to_their_call() {
    let host = App::case("logs").start();
    let id = host.get("/api/threads").text();
    assert_record(&host, "INFO", "of the function", "root", Some(&id));
    assert_record(&host, "INFO", "of a thread with the context", "root", Some(&id));
    host.wait_for_log("root: of a thread\n");
    let id = host.get("/api/tasks").text();
    for message in ["of the coroutine", "of a task", "of to_thread"] {
        assert_record(&host, "INFO", message, "root", Some(&id));
    }
}

#[test]
fn a_full_disk_loses_log_records_and_nothing_else() {
    for format in ["text", "json"] {
        let app = App::case("logs").env("FUNCDOCK_LOG_FORMAT", format);
        let host = app.log_to("/dev/full").start();
        let worker = host.workers();
        for _ in 0..50 {
            assert_eq!(host.get("/api/levels").status, 200);
        }
        assert_eq!(host.workers(), worker, "it is still the first worker");
        host.stop().assert_clean();
    }
}

#[test]
fn records_of_any_handler_have_the_ids_of_their_call_and_trace() {
    for (_, python) in python::oldest_and_newest() {
        let host = App::case("logs").python(python).start();
        let assert_own = |ids: &str, message: &str| {
            line(&host, &format!("own|{ids}|{message}"));
        };
        assert_own("None|None|None|None", "begins");

        let id = get_traced(&host, "/api/ids").text();
        let ids = format!("{id}|ids|{TRACE}|{CALLER}");
        for message in [
            "of the function",
            "of a thread with the context",
            "of a queue",
            "of another factory",
        ] {
            assert_own(&ids, message);
        }
        assert_own(&format!("other|ids|mine|{CALLER}"), "with extra");
        assert_own("None|None|None|None", "of a thread");
        assert_own("another|None|None|None", "of another call");

        let id = get_traced(&host, "/api/ids_async").text();
        let ids = format!("{id}|ids_async|{TRACE}|{CALLER}");
        for message in ["of the coroutine", "of a task", "of to_thread", "after the call"] {
            assert_own(&ids, message);
        }
        host.stop().assert_clean();
    }
}

#[test]
fn the_span_of_an_extension_in_python_comes_first() {
    let host = App::case("logs").arg("--log-format").arg("json").start();
    let id = get_traced(&host, "/api/spans").text();
    let (trace, span) = ("a".repeat(32), "b".repeat(16));
    line(&host, &format!("own|{id}|spans|{TRACE}|{CALLER}|outside"));
    line(&host, &format!("own|{id}|spans|{trace}|{span}|inside"));
    line(&host, &format!("own|{id}|spans|{TRACE}|{CALLER}|broken"));
    let expected = json!({
        "level": "INFO", "logger": "root", "message": "for the host", "invocation_id": id, "function": "spans",
        "trace_id": trace, "span_id": span,
    });
    assert_eq!(record(&host, "for the host"), expected);
}

/// With the tracing extension, records name the call's span, which the function sees.
#[test]
fn records_have_the_trace_that_extensions_set() {
    let host = App::case("logs")
        .env("FUNCDOCK_LOG_FORMAT", "json")
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .file(
            "host.json",
            r#"{ "version": "2.0", "workerExtensions": { "opencensus": { "settings": { "exporter": "none" } } } }"#,
        )
        .start();
    get_traced(&host, "/api/levels");
    let traced = record(&host, "at info");
    assert_eq!(traced["trace_id"], TRACE);
    assert_ne!(traced["span_id"], CALLER);
    assert_eq!(traced["span_id"].as_str().map(str::len), Some(16), "{traced}");
}

#[test]
fn json_logs_have_one_object_per_line() {
    let host = App::case("logs").env("FUNCDOCK_LOG_FORMAT", "json").start();
    let id = get_traced(&host, "/api/fields").text();
    let of_call = |level: &str, message: &str| {
        json!({
            "level": level, "logger": "shop", "message": message, "invocation_id": id, "function": "fields",
            "trace_id": TRACE, "span_id": CALLER,
        })
    };
    let with = |mut record: Value, key: &str, value: Value| {
        record[key] = value;
        record
    };
    let plain = "plain\nin two lines";
    assert_eq!(record(&host, plain), of_call("INFO", plain));
    // Python's lone surrogates are three bytes that are not valid UTF-8.
    let fields = json!({ "order": 7, "paid": true, "on": "2026-01-02", "text": "\u{fffd}\u{fffd}\u{fffd}" });
    assert_eq!(
        record(&host, "extra"),
        with(of_call("INFO", "extra"), "fields", fields)
    );
    record(&host, "lone \u{fffd}\u{fffd}\u{fffd} surrogate");
    let no_json = with(of_call("INFO", "no JSON"), "fields", json!({ "ratio": "nan" }));
    assert_eq!(record(&host, "no JSON"), no_json);

    let mut caught = record(&host, "caught");
    let exception = caught["exception"].take();
    let exception = exception.as_str().unwrap_or_default();
    assert!(
        exception.starts_with("Traceback (most recent call last):\n"),
        "{exception}"
    );
    assert!(
        exception.ends_with("\nZeroDivisionError: division by zero"),
        "{exception}"
    );
    assert_eq!(caught, with(of_call("ERROR", "caught"), "exception", Value::Null));

    // The app's formatter makes the message; the exception stays a field of its own.
    let again = line(&host, &format!("formatted: {TRACE}: caught again"));
    let again: Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(again["exception"], exception);
    let message = again["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("\nStack (most recent call last):\n"),
        "{message}"
    );
    assert!(!message.contains("ZeroDivisionError"), "{message}");

    // The host's own records, too.
    assert_eq!(get_traced(&host, "/api/fields?raise=1").status, 500);
    let mut raised = record(&host, "the function raised ValueError: of the function");
    let exception = raised["exception"].take();
    assert!(
        exception
            .as_str()
            .is_some_and(|text| text.contains("/fields/__init__.py\", line ")),
        "{exception}"
    );
    assert!(raised["invocation_id"].take().is_string());
    let expected = json!({
        "level": "ERROR", "logger": "funcdock::pipeline",
        "message": "the function raised ValueError: of the function", "invocation_id": null, "exception": null,
        "function": "fields", "trace_id": TRACE, "span_id": CALLER,
    });
    assert_eq!(raised, expected);

    let stopped = host.stop();
    stopped.assert_clean();
    for line in stopped.stderr.lines() {
        // A handler of the app, not of the host.
        if !line.starts_with("own|") {
            let record: Result<Value, _> = serde_json::from_str(line);
            assert!(
                record.is_ok_and(|record| record["timestamp"].is_string()),
                "{line}"
            );
        }
    }
}

#[test]
fn json_says_why_the_host_does_not_start() {
    let stopped = App::empty().arg("--log-format").arg("json").start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    let record: Value = serde_json::from_str(&stopped.stderr).expect("one line of JSON");
    assert_eq!(record["level"], "ERROR");
    let message = record["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("no host.json in "), "{message}");

    let stopped = App::case("logs").arg("--log-format").arg("xml").start_fails();
    assert_eq!(stopped.status.code(), Some(2));
    assert!(
        stopped.stderr.contains("[possible values: text, json]"),
        "{}",
        stopped.stderr
    );
}
