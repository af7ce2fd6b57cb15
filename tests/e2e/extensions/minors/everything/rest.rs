//! What the frozen extension "rest" does: hooks that wait, data of bindings, the response, attributes on demand, its
//! companion, metrics, a strict hook, `on_exception`.

use funcdock_tests::{Answer, Host};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use super::{FUNCTIONS, recorded};

/// Calls the scenario "rest" with this header `x-rest`.
fn call(host: &Host, function: &str, what: &str) -> Answer {
    let url = host.url_of(&format!("/api/{function}/rest?q=a%20b"));
    let request = Request::post(url).header("x-rest", what);
    host.send(request.body(b"input".to_vec()).expect("a valid request"))
}

fn last(host: &Host, hook: &str) -> Json {
    recorded(host.app(), "rest", hook)
        .pop()
        .unwrap_or_else(|| panic!("no record of {hook}"))
}

/// Asserts that all of it works.
pub(super) fn works(host: &Host) {
    for function in FUNCTIONS {
        at_once(host, function);
        waiting(host, function);
        let refused = call(host, function, "fail");
        assert_eq!(refused.status, 500, "the hook is strict");
        let changed = call(host, function, "change");
        assert_eq!(
            (
                changed.status,
                changed.text().as_str(),
                changed.header("content-type")
            ),
            (203, "changed", "")
        );
    }
    host.wait_for_log("extension \"rest\" refused the call: pre_invocation failed");
    // The functions have raised this before.
    let raised = recorded(host.app(), "rest", "on_exception");
    assert!(!raised.is_empty());
    for raised in raised {
        assert_eq!(raised["message"], "raised as requested");
    }
    let metrics = host.get("/metrics").text();
    let calls = recorded(host.app(), "rest", "pre_invocation").len();
    for line in [
        format!("rest_calls_total{{worker=\"0\",kind=\"all\"}} {calls}\n"),
        format!("rest_input_bytes_count{{worker=\"0\"}} {calls}\n"),
        "rest_open{worker=\"0\"} 2.0\n".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

fn at_once(host: &Host, function: &str) {
    let answer = call(host, function, "");
    assert_eq!(answer.status, 200, "{}", host.output());
    let lazy = format!("made for {function}");
    let companion = format!("hello native {lazy}");
    let none = "AttributeError";
    assert_eq!(answer.json(), json!([lazy, companion, none, null]));
    assert_eq!(answer.header("x-rest-made"), "one, two");

    let pre = last(host, "pre_invocation");
    assert_eq!(
        (&pre["input"], &pre["unknown"], &pre["metadata"]),
        (&json!({ "http": b"input" }), &Json::Null, &Json::Null)
    );
    assert_eq!(pre["parameters"], json!(["rest", "a b"]));
    let post = last(host, "post_invocation");
    assert_eq!(
        ["state", "output", "outputs", "refused"].map(|field| &post[field]),
        [&json!("at once"), &Json::Null, &json!([]), &json!(true)]
    );
    assert_eq!(post["value"], json!({ "http": answer.text().as_bytes() }));
    let response = &post["response"];
    assert_eq!(
        (&response["status"], &response["type"], &response["body"]),
        (&json!(200), &json!("application/json"), &json!(answer.text()))
    );
    assert!(
        response["headers"]
            .as_array()
            .is_some_and(|names| names.contains(&json!("content-type"))),
        "{response}"
    );
}

fn waiting(host: &Host, function: &str) {
    let waited = call(host, function, "wait");
    assert_eq!(waited.json()[3], true, "set by the future, through a handle");
    assert_eq!(last(host, "post_invocation")["state"], "waited");
    let posts = recorded(host.app(), "rest", "post_invocation").len();
    let answered = call(host, function, "wait and respond");
    assert_eq!((answered.status, answered.text().as_str()), (202, "waited"));
    assert_eq!(
        recorded(host.app(), "rest", "post_invocation").len(),
        posts,
        "it did not continue"
    );
}
