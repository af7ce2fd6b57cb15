//! The hooks around calls: their order, what they see, and how they answer instead of the function.

use funcdock_tests::Host;
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{
    app, assert_paired, fixture, fixture_for, order, recording, records, records_of, send, wait_for_lines,
    wait_for_records,
};

/// Two app-level extensions, and a function-level one that host.json names before them.
fn recorders() -> [(&'static str, Json); 3] {
    [
        ("record-function", fixture(recording("function"))),
        ("record", fixture(recording("first"))),
        ("record-again", fixture(recording("second"))),
    ]
}

#[test]
fn app_level_hooks_are_around_function_level_ones_in_the_order_of_host_json() {
    let host = app(&recorders()).start();
    for path in ["returns", "returns_async", "raises", "raises_async"] {
        let before = order(host.app()).len();
        host.get(&format!("/api/{path}"));
        wait_for_records(&host, "post_invocation", (before / 7 + 1) * 3);
        assert_eq!(
            order(host.app())[before..],
            [
                "first pre_invocation",
                "second pre_invocation",
                "function pre_invocation",
                "function",
                "function post_invocation",
                "second post_invocation",
                "first post_invocation",
            ],
            "{path}"
        );
    }
    assert_paired(host.app());
    // On load the function's own extensions come first.
    let loaded = records_of(host.app(), "post_function_load");
    let of_returns = loaded.iter().filter(|record| record["function"] == "returns");
    let labels: Vec<&str> = of_returns.filter_map(|record| record["label"].as_str()).collect();
    assert_eq!(labels, ["function", "first", "second"]);
    host.stop().assert_clean();
}

#[test]
fn hooks_see_the_app_the_function_and_the_request() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let host = app(&recorders()[..2]).start();
    let request = Request::post(host.url_of("/api/returns?a=1&b=%20x"))
        .header("traceparent", TRACE)
        .header("tracestate", "vendor=1")
        .header("accept", "text/plain")
        .body(b"a body".to_vec());
    let answer = host.send(request.expect("a valid request"));
    assert_eq!(answer.header("x-trace"), format!("{TRACE} vendor=1"));

    let root = host.app().path().canonicalize().expect("the copy is there");
    let init = records_of(host.app(), "init");
    let expected = json!({ "hook": "init", "label": "first", "root": root, "worker": 0 });
    assert!(init.contains(&expected), "{init:#?}");

    let loaded = records_of(host.app(), "post_function_load");
    let expected = json!({
        "hook": "post_function_load", "label": "first", "function": "objects", "directory": root.join("objects"),
        "trigger": "httpTrigger", "route": "api/objects/{scenario}",
    });
    assert!(loaded.contains(&expected), "{loaded:#?}");

    let mut pre = records_of(host.app(), "pre_invocation").remove(0);
    let request = pre["request"].take();
    let invocation = pre["invocation"].as_str().expect("an id").to_owned();
    assert_eq!(
        pre,
        json!({
            "hook": "pre_invocation", "label": "first", "function": "returns", "invocation": invocation,
            "traceparent": TRACE, "tracestate": "vendor=1", "retry": [0, 0], "request": null,
        })
    );
    let fields = ["method", "path", "query", "version", "body", "accept"];
    let seen: Vec<&Json> = fields.iter().map(|field| &request[field]).collect();
    assert_eq!(
        seen,
        [
            "POST",
            "/api/returns",
            "a=1&b=%20x",
            "1.1",
            "a body",
            "text/plain"
        ]
    );
    let client = request["client"].as_str().expect("an address");
    assert!(client.starts_with("127.0.0.1:"), "{client}");
    let headers: Vec<&str> = request["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    assert!(
        headers.contains(&"traceparent") && headers.contains(&"content-length"),
        "{headers:?}"
    );

    let post = wait_for_records(&host, "post_invocation", 2);
    let first = post.iter().find(|record| record["label"] == "first");
    assert_eq!(
        first.expect("a record"),
        &json!({
            "hook": "post_invocation", "label": "first", "function": "returns", "invocation": invocation,
            "state": invocation, "outcome": "Returned", "status": 200, "extension": null, "exception": null,
        })
    );
}

#[test]
fn a_pre_hook_may_replace_the_trace_context() {
    const OURS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut settings = recording("first");
    settings["traceparent"] = OURS.into();
    let extensions = [
        ("record", fixture(settings)),
        ("record-again", fixture(recording("second"))),
    ];
    let host = app(&extensions).start();
    let answer = host.get("/api/returns");
    assert_eq!(answer.header("x-trace"), format!("{OURS} recorded=1"));
    let pre = records_of(host.app(), "pre_invocation");
    assert_eq!(
        [&pre[0]["traceparent"], &pre[1]["traceparent"]],
        ["", OURS],
        "the next extension sees it too"
    );
}

#[test]
fn post_hooks_see_what_the_function_raised() {
    let host = app(&recorders()).start();
    for (number, path) in ["raises", "raises_async"].into_iter().enumerate() {
        let answer = host.get(&format!("/api/{path}"));
        assert_eq!((answer.status, answer.text().as_str()), (500, ""), "{path}");
        let posts = wait_for_records(&host, "post_invocation", (number + 1) * 3);
        for post in &posts[number * 3..] {
            assert_eq!(
                (&post["outcome"], &post["status"]),
                (&json!("Raised"), &json!(500))
            );
            let exception = &post["exception"];
            assert_eq!(exception["type"], "__app__.shared_code.calls.Trouble");
            assert_eq!(exception["message"], "raised on purpose");
            let traceback = exception["traceback"].as_str().expect("a traceback");
            assert!(
                traceback.starts_with("Traceback (most recent call last):\n")
                    && traceback.contains("calls.py\", line ")
                    && traceback.ends_with("Trouble: raised on purpose"),
                "{traceback}"
            );
        }
    }
    assert_paired(host.app());
}

/// A host with the extension that answers, between two recorders.
fn answering() -> Host {
    let extensions = [
        ("answer", fixture_for(&["returns", "returns_async"], json!({}))),
        ("record", fixture(recording("before"))),
        ("record-function", fixture(recording("behind"))),
    ];
    app(&extensions).start()
}

#[test]
fn a_pre_hook_may_answer_instead_of_the_function() {
    let host = answering();
    for path in ["returns", "returns_async"] {
        let before = records(host.app()).len();
        let headers = [("x-answer", "418"), ("x-answer-header", "x-more=as requested")];
        let answer = send(&host, &format!("/api/{path}"), &headers);
        assert_eq!(answer.status, 418);
        assert_eq!(answer.text(), format!("answered instead of {path}"));
        assert_eq!(answer.header("x-answered-for"), path);
        assert_eq!(answer.header("x-more"), "as requested");

        let records = &records(host.app())[before..];
        let hooks: Vec<&Json> = records.iter().map(|record| &record["hook"]).collect();
        assert_eq!(
            hooks,
            ["pre_invocation", "post_invocation"],
            "neither the function nor what is behind"
        );
        let post = &records[1];
        assert_eq!(post["label"], "before");
        assert_eq!(
            [
                &post["outcome"],
                &post["status"],
                &post["extension"],
                &post["exception"]
            ],
            [&json!("Answered"), &json!(418), &json!("answer"), &json!(null)]
        );
    }
    // Without the header, and at other functions, nothing is answered.
    assert_eq!(host.get("/api/returns").text(), "returned");
    assert_eq!(send(&host, "/api/raises", &[("x-answer", "418")]).status, 500);
    wait_for_records(&host, "post_invocation", 2 + 2 + 2);
    assert_paired(host.app());
    host.stop().assert_clean();
}

#[test]
fn an_answer_that_cannot_be_sent_is_500_and_logged() {
    let host = answering();
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("x-answer", "99")], "99 is not a final HTTP status"),
        (&[("x-answer", "101")], "101 is not a final HTTP status"),
        (&[("x-answer", "1000")], "1000 is not a final HTTP status"),
        (
            &[("x-answer", "200"), ("x-answer-header", "no name=1")],
            "\"no name\" is not a valid header name",
        ),
        (
            &[("x-answer", "200"), ("x-answer-header", "x-lines=1\\n2")],
            "the value of header \"x-lines\" is not valid",
        ),
    ];
    for (headers, problem) in cases {
        let before = records(host.app()).len();
        let answer = send(&host, "/api/returns", headers);
        assert_eq!((answer.status, answer.text().as_str()), (500, ""), "{problem}");
        let post = &records(host.app())[before + 1];
        let message = format!("its answer cannot be sent: {problem}");
        assert_eq!(
            [
                &post["outcome"],
                &post["extension"],
                &post["exception"]["message"]
            ],
            [&json!("Refused"), &json!("answer"), &json!(message)]
        );
        let logged = [&message, "ERROR", "answer", "function=returns ", "invocation="];
        wait_for_lines(&host, &logged, 1);
    }
    assert_paired(host.app());
}

#[test]
fn a_pre_hook_may_refuse_a_call() {
    let host = answering();
    for path in ["returns", "returns_async"] {
        let before = records(host.app()).len();
        let reason = format!("no {path} for you");
        let answer = send(&host, &format!("/api/{path}"), &[("x-refuse", &reason)]);
        assert_eq!((answer.status, answer.text().as_str()), (500, ""));
        let records = &records(host.app())[before..];
        assert_eq!(records.len(), 2, "{records:#?}");
        let post = &records[1];
        assert_eq!(
            [
                &post["outcome"],
                &post["status"],
                &post["extension"],
                &post["exception"]["message"]
            ],
            [&json!("Refused"), &json!(500), &json!("answer"), &json!(reason)]
        );
        wait_for_lines(&host, &[&reason], 1);
        wait_for_lines(&host, &[&reason, "ERROR", "extension \"answer\" refused"], 1);
    }
    assert_paired(host.app());
}

#[test]
fn the_log_is_filtered_by_extension() {
    for (filter, is_logged) in [
        ("warn,fixture_hooks=info", true),
        ("warn,fixture-hooks::record=info", true),
        ("info,fixture-hooks=warn", false),
        ("info", true),
        ("warn", false),
        ("warn,other=debug", false),
    ] {
        let host = app(&[("record", fixture(recording("app")))])
            .env("FUNCDOCK_LOG", filter)
            .start();
        assert_eq!(host.get("/api/returns").status, 200);
        let stopped = host.stop();
        let recorded = "INFO fixture_hooks::record: recorded";
        assert_eq!(
            stopped.stderr.contains(recorded),
            is_logged,
            "{filter}\n{}",
            stopped.stderr
        );
        // Others keep their level.
        let others = stopped.stderr.contains("INFO funcdock::cli::start: ");
        assert_eq!(others, filter.starts_with("info"), "{filter}\n{}", stopped.stderr);
    }
}
