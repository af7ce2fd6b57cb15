//! Which records are logged: `logging.logLevel` of host.json, by category.

use funcdock_tests::{App, Host};

use super::line;

/// An app whose functions log at all levels, with these levels in host.json.
fn app(levels: &str) -> App {
    let code = "import logging\n\n\ndef main(req):\n    log = logging.getLogger(req.params.get('logger'))\n    \
                for level in (1, 10, 20, 30, 40, 50):\n        log.log(level, 'one at %d', level)\n    \
                return f'{log.getEffectiveLevel()}'\n";
    let host = format!(r#"{{ "version": "2.0", "logging": {{ "logLevel": {levels} }} }}"#);
    let raising = "def main(req):\n    raise ValueError('on purpose')\n";
    App::empty()
        .file("host.json", &host)
        .function("shop", code)
        .function("other", code)
        .function("raise", raising)
}

/// Returns the levels of the records that a request makes, and that of Python's logger.
#[track_caller]
fn logged(host: &Host, path: &str) -> (Vec<u8>, String) {
    let start = host.stderr().len();
    let effective = host.get(path).text();
    // Every level lets this one through, or no other.
    host.get("/api/raise");
    let from = |log: &str| {
        let marks = log.split("one at ").skip(1);
        let number = |mark: &str| {
            mark.split_whitespace()
                .next()
                .and_then(|number| number.parse().ok())
        };
        marks.filter_map(number).collect()
    };
    host.wait_for_log_from(start, "on purpose");
    (from(&host.stderr()[start..]), effective)
}

#[test]
fn records_of_functions_follow_their_category() {
    for (levels, path, expected, python) in [
        ("{}", "/api/shop", &[20, 30, 40, 50][..], "20"),
        (r#"{"default": "Warning"}"#, "/api/shop", &[30, 40, 50], "30"),
        (
            r#"{"default": "Error", "Function": "Debug"}"#,
            "/api/shop",
            &[10, 20, 30, 40, 50],
            "10",
        ),
        (
            r#"{"Function": "Trace"}"#,
            "/api/shop",
            &[1, 10, 20, 30, 40, 50],
            "1",
        ),
        (r#"{"Function.shop.User": "Critical"}"#, "/api/shop", &[50], "20"),
        (
            r#"{"Function.shop.User": "Debug"}"#,
            "/api/shop",
            &[10, 20, 30, 40, 50],
            "10",
        ),
        (
            r#"{"Function.shop.User": "Debug"}"#,
            "/api/other",
            &[20, 30, 40, 50],
            "10",
        ),
        (r#"{"function.SHOP": "None"}"#, "/api/shop", &[], "20"),
        // A category may name a Python logger.
        (
            r#"{"shop.sql": "Error"}"#,
            "/api/shop?logger=shop.sql.slow",
            &[40, 50],
            "20",
        ),
        // What is meant for the makers of these libraries stays off, unless somebody asks.
        ("{}", "/api/shop?logger=azure.functions.AsgiMiddleware", &[], "20"),
        ("{}", "/api/shop?logger=azure_functions_worker", &[], "20"),
        (
            r#"{"azure.functions": "Warning"}"#,
            "/api/shop?logger=azure.functions.AsgiMiddleware",
            &[30, 40, 50],
            "20",
        ),
    ] {
        let host = app(levels).start();
        let found = logged(&host, path);
        assert_eq!(
            found,
            (expected.to_vec(), python.to_owned()),
            "{levels} {path}\n{}",
            host.output()
        );
    }
}

#[test]
fn app_settings_and_variables_win_over_the_file() {
    let warning = r#"{"default": "Warning"}"#;
    let setting = "AzureFunctionsJobHost__logging__logLevel__Function";
    let host = app(warning).env(setting, "Error").start();
    assert_eq!(logged(&host, "/api/shop").0, [40, 50]);
    let host = app(warning).env("PYTHON_ENABLE_DEBUG_LOGGING", "1").start();
    assert_eq!(logged(&host, "/api/shop").0, [10, 20, 30, 40, 50]);
    let host = app(warning).env("FUNCDOCK_LOG", "debug").start();
    assert_eq!(logged(&host, "/api/shop").0, [10, 20, 30, 40, 50]);
    let host = app(warning).env("FUNCDOCK_LOG", "info,shop=error").start();
    assert_eq!(logged(&host, "/api/shop?logger=shop").0, [40, 50]);
}

#[test]
fn the_hosts_own_records_follow_theirs() {
    let timer = r#"{ "bindings": [{ "type": "serviceBusTrigger", "direction": "in", "name": "t", "queueName": "q" }] }"#;
    let of_worker = "has a serviceBusTrigger, which this host does not serve";
    let of_host = "requests need keys";
    for (levels, has_host, has_worker) in [
        (r#"{"Worker": "Error"}"#, true, false),
        (r#"{"Host": "Warning"}"#, false, true),
        (
            r#"{"default": "Error", "Host.General": "Information"}"#,
            true,
            false,
        ),
        (r#"{"default": "None", "Worker": "Warning"}"#, false, true),
    ] {
        let app = app(levels)
            .file("tick/function.json", timer)
            .file("tick/__init__.py", "def main(t): ...\n");
        let stopped = app.arg("--enable-auth").start().stop();
        let found = |text: &str| stopped.stderr.contains(text);
        assert_eq!(
            (found(of_host), found(of_worker)),
            (has_host, has_worker),
            "{levels}\n{}",
            stopped.stderr
        );
    }
    let host = app(r#"{"Worker": "None", "Function.shop": "None"}"#).start();
    host.get("/api/raise");
    host.wait_for_log("the function raised ValueError: on purpose");
    let host = app(r#"{"Function.raise": "None"}"#).start();
    host.get("/api/raise");
    host.get("/api/shop");
    host.wait_for_log("one at 50");
    assert!(!host.stderr().contains("on purpose"), "{}", host.stderr());
}

#[test]
fn calls_are_logged_when_somebody_asks() {
    let host = app("{}").arg("--log-calls").start();
    host.get("/api/shop");
    host.get("/api/raise");
    let begun = line(&host, "Executing 'Functions.shop' (Id=");
    assert!(begun.contains(" INFO Function.shop: Executing"), "{begun}");
    let ended = line(&host, "Executed 'Functions.shop' (Succeeded, Id=");
    let id = |line: &str| line.split("Id=").nth(1).map(|rest| rest[..36].to_owned());
    assert_eq!(id(&ended), id(&begun));
    assert!(ended.ends_with("ms)"), "{ended}");
    assert!(begun.ends_with(')'), "the id is there once: {begun}");
    line(&host, "Executed 'Functions.raise' (Failed, Id=");
    for app in [
        app("{}"),
        app("{}").arg("--log-calls").arg("--quiet"),
        app(r#"{"Function.shop": "Warning"}"#).arg("--log-calls"),
    ] {
        let host = app.start();
        host.get("/api/shop");
        host.wait_for_log("one at 50");
        let stopped = host.stop();
        assert!(!stopped.stderr.contains("Functions.shop"), "{}", stopped.stderr);
    }
}

#[test]
fn the_records_of_a_call_have_its_ids_as_keys() {
    let host = app("{}")
        .arg("--log-calls")
        .arg("--log-format")
        .arg("json")
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env("OTEL_TRACES_EXPORTER", "console")
        .start();
    // No traceparent: the extension starts the trace.
    host.get("/api/shop");
    let mine = super::record(&host, "one at 50");
    for start in ["Executing 'Functions.shop'", "Executed 'Functions.shop'"] {
        let record = line(&host, &format!("\"message\":\"{start}"));
        let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
        assert!(record["trace_id"].is_string(), "{record:#}");
        for key in ["invocation_id", "function", "trace_id"] {
            assert_eq!(record[key], mine[key], "{key}\n{record:#}\n{mine:#}");
        }
    }
}

#[test]
fn critical_is_a_level_of_its_own() {
    let host = app("{}").start();
    host.get("/api/shop");
    let line = line(&host, "one at 50");
    assert!(line.contains(" CRITICAL root: one at 50"), "{line}");
    let host = app("{}").arg("--log-format").arg("json").start();
    host.get("/api/shop");
    let record = super::record(&host, "one at 50");
    assert_eq!(record["level"], "CRITICAL");
    assert!(record.get("fields").is_none(), "{record}");
}
