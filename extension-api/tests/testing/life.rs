//! What a host does around calls: settings, `init`, loading, flushing, the end.

use std::time::Duration;

use funcdock_extension_api::testing::{Request, TestApp, TestFunction, TestHost, json};

use crate::extensions::Probe;
use crate::{SOON, probe};

#[test]
fn settings_and_init_fail_in_the_hosts_words() {
    let cases = [
        (
            json!({"lable": "x"}),
            "extension \"probe\": host.json: workerExtensions.probe.settings: unknown key \"lable\": the keys are \
             label, fail",
        ),
        (
            json!({"label": 1}),
            "extension \"probe\": host.json: workerExtensions.probe.settings: label: expected text, found 1",
        ),
        (
            json!({"label": ""}),
            "extension \"probe\": host.json: workerExtensions.probe.settings: label: must not be empty",
        ),
        (
            json!([]),
            "extension \"probe\": host.json: workerExtensions.probe.settings: expected an object, found []",
        ),
        (
            json!({"fail": "init"}),
            "extension \"probe\": init failed: asked to fail",
        ),
    ];
    for (settings, expected) in cases {
        let error = TestHost::app::<Probe>(settings).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
    let error = TestHost::app::<Probe>(json!({"fail": "init by panic"})).expect_err("it panics");
    assert!(
        error.reason().starts_with("panicked: asked to panic (at "),
        "{error}"
    );
    TestHost::app::<Probe>(json!(null)).expect("no settings are the defaults");
}

#[test]
fn init_learns_of_the_app() {
    let app = TestApp::new().root("/srv/app").worker_index(3);
    let host = app.app::<Probe>(json!({})).expect("it starts");
    let call = host.call(Request::get("/"));
    assert_eq!(call.attribute("app"), Some("/srv/app worker 3".into()));
}

#[test]
fn functions_are_told() {
    let host = probe();
    let function = TestFunction::http("hello", "api/hello/{name}").directory("/srv/app/hello");
    assert_eq!(host.load(&function), Ok(()));
    let logged: Vec<_> = host.logs().iter().map(ToString::to_string).collect();
    let expected =
        "INFO testing::extensions: loaded hello in /srv/app/hello: httpTrigger Some(\"api/hello/{name}\")";
    assert_eq!(logged, [expected]);
    let error = host
        .load(&TestFunction::new("bad", "timerTrigger"))
        .expect_err("it fails for this name");
    assert_eq!(error.to_string(), "post_function_load failed: a bad function");
    assert!(!error.panicked);
}

#[test]
fn flush_and_shutdown_have_a_deadline() {
    let mut host = probe();
    assert_eq!(host.flush(SOON), Ok(()));
    assert_eq!(host.shutdown(SOON), Ok(()));
    let logged: Vec<_> = host.logs().into_iter().map(|record| record.message).collect();
    let expected = ["flush within 10s", "flush within 10s", "dropped"];
    assert_eq!(logged, expected, "asked for, as a part of shutdown, at the end");
    let host = probe();
    let error = host
        .flush(Duration::from_millis(1))
        .expect_err("it hangs when asked so briefly");
    assert_eq!(error.to_string(), "flush failed: did not return within 1ms");
}

#[test]
#[should_panic(expected = "the extension was shut down")]
fn nothing_is_called_after_shutdown() {
    let mut host = probe();
    host.shutdown(SOON).expect("well");
    let _ = host.call(Request::get("/"));
}
