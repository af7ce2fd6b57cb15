//! What an extension hands out and leaves behind: objects, metrics, log records.

use std::sync::Arc;
use std::time::Instant;

use funcdock_extension_api::testing::{PyValue, Request, TestFunction, TestHost, json};
use funcdock_extension_api::{Arguments, ErrorKind};

use crate::extensions::Limit;
use crate::{SOON, probe};

#[test]
fn objects_behave_as_python_would_see_them() {
    let host = probe();
    let call = host.call(Request::get("/"));
    let counter = call.object("counter");
    assert_eq!(counter.class_name(), "Counter");
    assert_eq!(counter.methods(), ["increment", "burst", "match"]);
    counter.set("set_up", true).expect("the prefix goes once");
    assert!(counter.set("up", true).is_err());
    assert_eq!(counter.call("increment", ()).expect("counts"), 1.into());
    assert_eq!(counter.call("increment", (2,)).expect("counts"), 3.into());
    let by = Arguments::default().with("by", 4);
    assert_eq!(counter.call("increment", by).expect("counts"), 7.into());
    assert_eq!(counter.get("value").expect("is there"), 7.into());
    counter.set("value", 0).expect("can be set");
    assert_eq!(counter.get("value").expect("is there"), 0.into());
    let failures = [
        (
            counter.call("increment", ("x",)),
            ErrorKind::Type,
            "increment() by: expected int, found str",
        ),
        (
            counter.call("decrement", ()),
            ErrorKind::Attribute,
            "'Counter' object has no attribute 'decrement'",
        ),
        (
            counter.call("value", ()),
            ErrorKind::Type,
            "Counter.value is not callable",
        ),
    ];
    for (result, kind, expected) in failures {
        let error = result.expect_err(expected);
        assert_eq!((error.kind(), error.message()), (kind, expected));
    }
    let error = counter.call("burst", ()).expect_err("it panics");
    let place = "Counter.burst() panicked: counter burst (at ";
    assert!(error.message().starts_with(place), "{error}");
    assert_eq!(counter.enter().expect("a context manager").into_object(), counter);
    counter.exit().expect("well");
    assert!(counter.exit_raising("KeyError", "k").expect("swallows"));
    assert!(!counter.exit_raising("ValueError", "v").expect("does not swallow"));
    let logged: Vec<_> = call
        .logs()
        .into_iter()
        .map(|record| (record.message, record.invocation))
        .collect();
    assert!(
        logged.contains(&("exit by KeyError".to_owned(), None)),
        "methods log within the call, not in a hook's name: {logged:?}"
    );
    let PyValue::Map(entries) = call.attribute("values").expect("is set") else {
        panic!("a dict");
    };
    let list = PyValue::List(vec![
        PyValue::None,
        true.into(),
        1.5.into(),
        PyValue::Bytes(vec![1]),
    ]);
    assert_eq!(entries, [("list".to_owned(), list)]);
    assert_eq!(
        call.attribute("invocation_id"),
        None,
        "context's own is not replaced"
    );
    let host_logs = || host.logs().into_iter().map(|record| record.message);
    drop(call);
    assert_eq!(
        counter.call("increment", ()).expect("lives on, as in Python"),
        1.into()
    );
    assert!(!host_logs().any(|message| message == "counted to 1"), "is alive");
    drop(counter);
    assert!(
        host_logs().any(|message| message == "counted to 1"),
        "was dropped, and says so in its own host"
    );
}

#[test]
fn metrics_are_read_by_name_and_labels() {
    let host = TestHost::function::<Limit>(json!({"calls": 1}), TestFunction::http("hello", "api/hello"))
        .expect("it starts");
    let labels = [("function", "hello"), ("why", "calls")];
    assert_eq!(host.counter("rate_limit_limited_total", &labels), Some(0));
    for (status, reason) in [(200, "the first"), (429, "no call is left"), (429, "still not")] {
        let call = host.call(Request::get("/api/hello")).returning("Hello");
        assert_eq!(call.response().status, status, "{reason}");
    }
    assert_eq!(host.counter("rate_limit_limited_total", &labels), Some(2));
    assert_eq!(host.counter("rate_limit_limited_total", &[]), None);
    let sizes = host
        .histogram("rate_limit_size_bytes", &[("function", "hello")])
        .expect("it is registered");
    assert_eq!((sizes.count, sizes.sum), (1, 5.0));
    assert_eq!(sizes.buckets, [(1.0, 0), (10.0, 1), (f64::INFINITY, 0)]);
    let error = TestHost::function::<Limit>(
        json!({"calls": 1, "metric": "bad-name"}),
        TestFunction::http("hello", "api/hello"),
    );
    let error = error.expect_err("it cannot register");
    assert_eq!(
        error.reason(),
        "\"bad-name\" is not a valid metric name: use letters, digits and underscores"
    );
}

#[test]
fn records_of_hosts_and_calls_are_kept_apart() {
    let hosts: Vec<_> = (0..4).map(|_| Arc::new(probe())).collect();
    std::thread::scope(|scope| {
        for host in hosts.iter().flat_map(|host| [host, host]) {
            scope.spawn(move || {
                for _ in 0..50 {
                    let call = host.call(Request::get("/")).raising("ValueError", "no");
                    let (id, logs) = (call.id(), call.logs());
                    assert_eq!(logs.len(), 1, "{logs:?}");
                    assert_eq!(logs[0].invocation.as_deref(), Some(id));
                }
            });
        }
    });
    for host in hosts {
        let logs = host.logs();
        let hooks = logs
            .iter()
            .filter(|record| record.message.starts_with("on_exception"));
        assert_eq!(hooks.count(), 100, "{logs:?}");
    }
}

#[test]
fn records_of_threads_are_in_the_background() {
    let host = probe();
    let call = host
        .call(Request::get("/").header("x-pre", "thread"))
        .returning("Hello");
    let wanted = format!("a thread of {}", call.id());
    let deadline = Instant::now() + SOON;
    while !host
        .background_logs()
        .iter()
        .any(|record| record.message == wanted)
    {
        assert!(Instant::now() < deadline, "{:?}", host.background_logs());
        std::thread::yield_now();
    }
    assert!(call.logs().iter().all(|record| record.message != wanted));
}
