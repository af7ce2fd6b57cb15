//! What the host counts of each hook of each extension.

use serde_json::{Value as Json, json};

use crate::extensions::support::{app, find, fixture, lines, status};

#[test]
fn calls_of_hooks_are_counted() {
    const THREADS: usize = 4;
    const CALLS: usize = 50;
    let extensions = [
        ("noop", fixture(json!({}))),
        ("no-hooks", fixture(json!({}))),
        ("answer", fixture(json!({}))),
    ];
    let host = app(&extensions).arg("--verbose").start();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let host = &host;
            scope.spawn(move || {
                let path = [
                    "/api/returns",
                    "/api/returns_async",
                    "/api/raises",
                    "/api/raises_async",
                ][thread];
                for _ in 0..CALLS {
                    host.get(path);
                }
            });
        }
    });

    let noop = status(&host, "noop");
    let library = funcdock_tests::library("fixture-hooks");
    let fields = ["version", "scope", "source", "state", "message"].map(|field| &noop[field]);
    let expected = [
        json!(env!("CARGO_PKG_VERSION")),
        json!("app"),
        json!(library),
        json!("started"),
        Json::Null,
    ];
    assert_eq!(fields, expected.each_ref());
    assert_eq!(hook_names(&noop), ["post_invocation", "pre_invocation"]);
    for hook in ["pre_invocation", "post_invocation"] {
        let counts = &noop["hooks"][hook];
        let fields = ["calls", "errors", "panics"].map(|field| &counts[field]);
        assert_eq!(fields, [THREADS * CALLS, 0, 0], "{hook}");
        let mean = counts["mean_ns"].as_u64().expect("a number");
        assert!(
            (1..1_000_000_000).contains(&mean),
            "{mean} ns for a hook that does nothing"
        );
    }
    let no_hooks = status(&host, "no-hooks");
    assert_eq!(
        hook_names(&no_hooks),
        ["shutdown"],
        "no entry for hooks that it does not have"
    );
    assert_eq!(no_hooks["hooks"]["shutdown"]["calls"], 0);
    let answer = status(&host, "answer");
    assert_eq!(answer["scope"], "function");
    assert_eq!(hook_names(&answer), ["pre_invocation"]);
    assert_eq!(
        answer["hooks"]["pre_invocation"]["calls"],
        THREADS * CALLS,
        "the instances of all functions together"
    );

    let stopped = host.stop();
    stopped.assert_clean();
    let said = lines(&stopped.stderr, &["worker 0: ["]);
    let [line] = said.as_slice() else {
        panic!("statistics are logged once:\n{}", stopped.stderr)
    };
    let (_, report) = line.split_once("worker 0: ").expect("found by it");
    let report: Json = serde_json::from_str(report).expect("JSON");
    assert_eq!(
        find(&report, "noop")["hooks"]["post_invocation"]["calls"],
        THREADS * CALLS
    );
    let no_hooks = find(&report, "no-hooks");
    assert_eq!(no_hooks["hooks"]["shutdown"]["calls"], 1);
    assert_eq!(no_hooks["state"], "started");
}

fn hook_names(report: &Json) -> Vec<&str> {
    let hooks = report["hooks"].as_object().into_iter().flatten();
    hooks.map(|(name, _)| name.as_str()).collect()
}
