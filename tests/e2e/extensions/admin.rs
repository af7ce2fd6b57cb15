//! The operator's endpoints for a worker's extensions, and the hooks behind them.

use funcdock_tests::Host;
use serde_json::json;
use ureq::http::Request;

use crate::extensions::support::{
    app, counts, extension, fixture, recording, records, records_of, wait_for_records,
};

fn request_status(host: &Host, method: &str, path: &str) -> u16 {
    let request = Request::builder().method(method).uri(host.url_of(path));
    host.send(request.body(Vec::new()).expect("a valid request"))
        .status
}

#[test]
fn extensions_flush_when_the_operator_asks_for_it() {
    let extensions = [
        ("record", fixture(recording("app"))),
        ("record-function", fixture(recording("function"))),
        ("noop", fixture(json!({}))),
    ];
    let host = app(&extensions).start();
    const FLUSH: &str = "/admin/extensions/flush";
    assert_eq!(request_status(&host, "GET", FLUSH), 405, "only a POST");
    assert_eq!(records_of(host.app(), "flush").len(), 0);
    let functions = records_of(host.app(), "post_function_load").len() / 2;
    for round in 1..=2 {
        assert_eq!(request_status(&host, "POST", FLUSH), 204);
        let flushed = records_of(host.app(), "flush");
        assert_eq!(
            flushed.len(),
            round * (1 + functions),
            "all instances, before the answer"
        );
        for record in &flushed {
            let deadline = record["deadline_ms"].as_u64().expect("a number");
            assert!((1..=5000).contains(&deadline), "{deadline}");
        }
    }
    assert_eq!(
        counts(&extension(&host, "record"), "flush", ["calls", "errors"]),
        [2, 0]
    );
    assert!(
        extension(&host, "noop")["hooks"]["flush"].is_null(),
        "it has no such hook"
    );
    host.stop().assert_clean();
}

#[test]
fn the_report_is_the_same_as_in_the_host_status() {
    let extensions = [
        ("record", fixture(recording("app"))),
        ("noop", fixture(json!({}))),
    ];
    let host = app(&extensions).start();
    let report = host.get("/admin/extensions");
    assert_eq!(report.header("content-type"), "application/json");
    let report = report.json()["workers"][0].clone();
    let names: Vec<_> = report["extensions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|extension| &extension["name"])
        .collect();
    assert_eq!(names, ["record", "noop"], "in the order of host.json");
    assert_eq!(report["worker"], 0);
    assert_eq!(
        report["extensions"],
        host.get("/admin/host/status").json()["extensions"]
    );
    assert_eq!(request_status(&host, "HEAD", "/admin/extensions"), 200);
    assert_eq!(request_status(&host, "POST", "/admin/extensions"), 405);
}

#[test]
fn on_exception_is_called_for_what_the_function_raised_and_nothing_else() {
    let extensions = [
        ("record", fixture(recording("app"))),
        ("answer", fixture(json!({}))),
    ];
    let host = app(&extensions).start();
    for (path, header) in [
        ("/api/returns", ("x-none", "")),
        ("/api/returns", ("x-answer", "500")),
        ("/api/returns", ("x-refuse", "no")),
        ("/api/raises", ("x-none", "")),
        ("/api/raises_async", ("x-none", "")),
    ] {
        let before = records(host.app()).len();
        let posts = records_of(host.app(), "post_invocation").len();
        crate::extensions::support::send(&host, path, &[header]);
        wait_for_records(&host, "post_invocation", posts + 1);
        let records = &records(host.app())[before..];
        let hooks: Vec<_> = records
            .iter()
            .filter_map(|record| record["hook"].as_str())
            .collect();
        let raised = path.starts_with("/api/raises");
        let calls = hooks.iter().filter(|hook| **hook == "on_exception").count();
        assert_eq!(calls, usize::from(raised), "{path} {header:?}: {hooks:?}");
        if raised {
            assert_eq!(
                hooks,
                ["pre_invocation", "function", "on_exception", "post_invocation"]
            );
            let exception = &records[2];
            assert_eq!(exception["message"], "raised on purpose");
            assert_eq!(exception["type"], "__app__.shared_code.calls.Trouble");
            assert_eq!(exception["invocation"], records[0]["invocation"]);
        }
    }
    host.stop().assert_clean();
}
