//! Python's `logging` in the host's log: levels, formats, and the call that each record belongs to.

use funcdock_tests::{App, Host};

/// The line of the log with this text.
#[track_caller]
fn line(host: &Host, text: &str) -> String {
    host.wait_for_log(text);
    let log = host.stderr();
    let mut found = log.lines().filter(|line| line.contains(text));
    let line = found.next().expect("it was there just now").to_owned();
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
    assert_record(&host, "ERROR", "at critical", "root", Some(&id));
    host.wait_for_log(&format!(
        "root: caught invocation={id}\nTraceback (most recent call last):\n"
    ));
    host.wait_for_log("ZeroDivisionError: division by zero");
    assert!(!host.stderr().contains("at debug"), "INFO is the default");

    let host = App::case("logs").env("PYTHON_ENABLE_DEBUG_LOGGING", "1").start();
    let id = host.get("/api/levels").text();
    assert_record(&host, "DEBUG", "at debug", "root", Some(&id));
}

#[test]
fn the_first_handlers_format_is_the_apps_to_set() {
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
    assert_record(&host, "INFO", "of a thread that was told", "root", Some(&id));
    assert!(host.stderr().contains("root: of a thread\n"));
    let id = host.get("/api/tasks").text();
    for message in ["of the coroutine", "of a task", "of to_thread"] {
        assert_record(&host, "INFO", message, "root", Some(&id));
    }
}

#[test]
fn a_full_disk_costs_records_and_nothing_else() {
    let host = App::case("logs").log_to("/dev/full").start();
    let worker = host.workers();
    for _ in 0..50 {
        assert_eq!(host.get("/api/levels").status, 200);
    }
    assert_eq!(host.workers(), worker, "it is still the first one");
    host.stop().assert_clean();
}
