//! How far the host trusts an extension: budgets, suspension, what a failure does to the call, slow starts.

use funcdock_tests::{Host, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};

use crate::extensions::support::{app_of, counts, extension, fixture, fixture_with, lines, send};

/// Starts the app with an extension that fails where a request header says so.
fn host(name: &str, more: Json) -> Host {
    app_of("answers", "", &[(name, fixture_with(json!({}), more))]).start()
}

/// Calls a function with this trouble. Returns the status, and whether the post hook completed.
fn call(host: &Host, trouble: &str) -> (u16, bool) {
    let answer = send(host, "/api/kinds/str", &[("x-trouble", trouble)]);
    (answer.status, answer.headers.contains_key("x-trouble"))
}

const WELL: (u16, bool) = (200, true);

#[test]
fn a_hook_beyond_its_budget_is_counted_and_sometimes_logged() {
    let host = host("trouble", json!({ "hookBudgetMs": 10 }));
    for _ in 0..9 {
        assert_eq!(call(&host, "pre slow"), WELL);
    }
    assert_eq!(call(&host, "post slow"), WELL);
    let trouble = extension(&host, "trouble");
    let stopped = host.stop();
    stopped.assert_clean();
    let log = &stopped.stderr;
    for (hook, least) in [("pre_invocation", 9), ("post_invocation", 1)] {
        // On a busy machine a quick hook may be slow too.
        let [slow] = counts(&trouble, hook, ["slow"]);
        assert!((least..=10).contains(&slow), "{hook}: {slow}");
        let warned = lines(
            log,
            &[
                "WARN",
                hook,
                "longer than its budget of 10ms",
                "extension=trouble",
            ],
        );
        assert_eq!(warned.len() as u32, slow.ilog2() + 1, "at 1, 2, 4, 8: {log}");
        for (index, line) in warned.iter().enumerate() {
            assert!(line.contains(&format!("({} times so far)", 1 << index)), "{line}");
            assert!(
                line.contains("function=kinds") && line.contains("invocation="),
                "{line}"
            );
        }
    }
}

/// A future that blocks while it is polled holds up other calls as a hook does.
#[test]
fn a_future_beyond_the_budget_counts_as_well() {
    // In the first poll, right after the hook, and in a later one.
    for (hook, after) in [("pre", 0), ("pre", 10), ("post", 0), ("post", 10)] {
        let settings = json!({ "hook": hook, "after_ms": after });
        let wait = fixture_with(settings, json!({ "hookBudgetMs": 10 }));
        let host = app_of("answers", "", &[("wait", wait)]).start();
        let answer = send(&host, "/api/kinds/str", &[("x-wait", "slow")]);
        assert_eq!(answer.status, 200);
        let hook = format!("{hook}_invocation");
        let [calls, slow] = counts(&extension(&host, "wait"), &hook, ["calls", "slow"]);
        assert_eq!(calls, 1);
        // On a busy machine the hook itself may be slow too.
        assert!((1..=2).contains(&slow), "{slow}");
        let log = host.stop().stderr;
        let warned = lines(
            &log,
            &["WARN", &hook, "budget of 10ms", "extension=wait", "invocation="],
        );
        assert_eq!(warned.len() as u64, slow, "{log}");
    }
}

#[test]
fn a_budget_of_none_is_never_exceeded() {
    let host = host("trouble", json!({ "hookBudgetMs": 0 }));
    assert_eq!(call(&host, "pre slow"), WELL);
    assert_eq!(
        counts(&extension(&host, "trouble"), "pre_invocation", ["calls", "slow"]),
        [1, 0]
    );
    let log = host.stop().stderr;
    assert!(!log.contains("budget"), "{log}");
}

#[test]
fn too_many_panics_in_a_row_suspend_until_the_worker_restarts() {
    for hook in ["pre", "post"] {
        let host = host("trouble", json!({ "suspendAfterPanics": 3 }));
        let panics = format!("{hook} panic");
        for trouble in ["none", &format!("{hook} error")] {
            for _ in 0..3 {
                assert_eq!(call(&host, &panics), (200, false));
            }
            // A call that does not panic ends the row, whether it succeeds or fails.
            assert_eq!(call(&host, trouble).0, 200);
        }
        assert_eq!(extension(&host, "trouble")["state"], "started");
        for _ in 0..4 {
            assert_eq!(call(&host, &panics), (200, false));
        }
        assert_eq!(extension(&host, "trouble")["state"], "suspended");
        let calls = counts(&extension(&host, "trouble"), "pre_invocation", ["calls"]);
        for _ in 0..3 {
            assert_eq!(call(&host, "none"), (200, false), "without it");
        }
        let after = extension(&host, "trouble");
        assert_eq!(
            counts(&after, "pre_invocation", ["calls"]),
            calls,
            "not called any more"
        );
        assert_eq!(
            counts(&after, &format!("{hook}_invocation"), ["panics", "errors"]),
            [10, 1]
        );

        let worker = host.workers()[0];
        kill(Pid::from_raw(worker), Signal::SIGKILL).expect("a worker of the host");
        let successor = wait_for(|| host.workers().first().copied().filter(|pid| *pid != worker));
        assert!(successor.is_some(), "{}", host.output());
        assert_eq!(call(&host, "none"), WELL, "back, with a new worker");
        let trouble = extension(&host, "trouble");
        assert_eq!(trouble["state"], "started");
        assert_eq!(counts(&trouble, "pre_invocation", ["calls", "panics"]), [1, 0]);
        let stopped = host.stop();
        stopped.assert_clean();
        let log = &stopped.stderr;
        let said = format!("suspended: {hook}_invocation has panicked 4 times in a row");
        assert_eq!(
            lines(log, &["ERROR", "extension=trouble", &said]).len(),
            1,
            "{log}"
        );
    }
}

/// The result of the future ends a row of panics, not the return of the hook that made it.
#[test]
fn panics_in_futures_suspend_as_well() {
    for hook in ["pre", "post"] {
        let wait = fixture_with(
            json!({ "hook": hook, "after_ms": 1 }),
            json!({ "suspendAfterPanics": 1 }),
        );
        let host = app_of("answers", "", &[("wait", wait)]).start();
        for comes_to in ["panic", "continue", "panic", "panic"] {
            assert_eq!(extension(&host, "wait")["state"], "started", "{hook}");
            assert_eq!(send(&host, "/api/kinds/str", &[("x-wait", comes_to)]).status, 200);
        }
        assert_eq!(extension(&host, "wait")["state"], "suspended", "{hook}");
    }
}

#[test]
fn by_default_an_extension_is_suspended_after_ten_panics() {
    let host = host("trouble", json!({}));
    for _ in 0..10 {
        assert_eq!(call(&host, "pre panic"), (200, false));
    }
    assert_eq!(extension(&host, "trouble")["state"], "started");
    assert_eq!(call(&host, "pre panic"), (200, false));
    assert_eq!(extension(&host, "trouble")["state"], "suspended");
}

#[test]
fn on_error_says_what_a_failure_does_to_the_call() {
    let (goes_on, fails) = ((200, false), (500, false));
    for (name, more, pre, post) in [
        ("trouble", json!({}), goes_on, goes_on),
        ("trouble", json!({ "onError": "fail" }), fails, fails),
        (
            "trouble",
            json!({ "onError": { "preInvocation": "fail" } }),
            fails,
            goes_on,
        ),
        (
            "trouble",
            json!({ "onError": { "postInvocation": "fail" } }),
            goes_on,
            fails,
        ),
        ("strict-trouble", json!({}), fails, fails),
        (
            "strict-trouble",
            json!({ "onError": "continue" }),
            goes_on,
            goes_on,
        ),
        (
            "strict-trouble",
            json!({ "onError": { "postInvocation": "continue" } }),
            fails,
            goes_on,
        ),
    ] {
        let host = host(name, more.clone());
        assert_eq!(call(&host, "none"), WELL, "{name} {more}");
        for (hook, expected) in [("pre", pre), ("post", post)] {
            for way in ["error", "panic"] {
                let case = format!("{name} {more}: {hook} {way}");
                assert_eq!(call(&host, &format!("{hook} {way}")), expected, "{case}");
            }
        }
        let stopped = host.stop();
        stopped.assert_clean();
        let log = &stopped.stderr;
        let name = format!("extension={name} ");
        for hook in ["pre", "post"] {
            let hook = format!("{hook}_invocation failed: ");
            let said = lines(log, &["ERROR", &name, "function=kinds", "invocation=", &hook]);
            assert_eq!(said.len(), 2, "{more} {hook}: {log}");
        }
        let refused = lines(
            log,
            &[
                "ERROR",
                "refused the call: pre_invocation failed, and no call goes on",
            ],
        );
        assert_eq!(refused.len(), if pre == fails { 2 } else { 0 }, "{more}: {log}");
    }
}

/// No call goes on without an extension whose failure fails the call, whichever of its hooks that is.
#[test]
fn calls_fail_while_a_strict_extension_is_suspended() {
    for on_error in [
        json!("fail"),
        json!({ "preInvocation": "fail" }),
        json!({ "postInvocation": "fail" }),
    ] {
        let host = host("trouble", json!({ "suspendAfterPanics": 1, "onError": on_error }));
        for _ in 0..2 {
            call(&host, "post panic");
        }
        assert_eq!(extension(&host, "trouble")["state"], "suspended");
        for _ in 0..2 {
            assert_eq!(call(&host, "none"), (500, false), "{on_error}");
        }
        let log = host.stop().stderr;
        let said = lines(
            &log,
            &[
                "ERROR",
                "invocation=",
                "\"trouble\" refused the call: it is suspended for its panics",
            ],
        );
        assert_eq!(said.len(), 2, "{log}");
    }
}

#[test]
fn a_panic_in_on_exception_does_not_cost_the_post_hook() {
    let host = host("trouble", json!({}));
    for way in ["error", "panic"] {
        let trouble = format!("exception {way}");
        let answer = send(&host, "/api/kinds/raise", &[("x-trouble", &trouble)]);
        assert_eq!(
            (answer.status, answer.header("x-trouble")),
            (500, "none after the call"),
            "{way}"
        );
    }
    let trouble = extension(&host, "trouble");
    assert_eq!(
        counts(&trouble, "post_invocation", ["calls", "errors", "panics"]),
        [2, 1, 1]
    );
    assert_eq!(call(&host, "exception panic"), WELL, "nothing was raised");
    let stopped = host.stop();
    stopped.assert_clean();
    let panic = "post_invocation failed: in on_exception: panicked: as requested (at ";
    let said = lines(&stopped.stderr, &["ERROR", "extension=trouble", panic]);
    assert_eq!(said.len(), 1, "{}", stopped.stderr);
}

#[test]
fn an_app_runs_without_an_extension_that_is_not_required() {
    for hook in ["configure", "init"] {
        let optional = fixture_with(json!({ "hook": hook }), json!({ "required": false }));
        let extensions = [("fail", optional), ("trouble", fixture(json!({})))];
        let host = app_of("answers", "", &extensions).start();
        let failed = extension(&host, "fail");
        assert_eq!(failed["state"], "failed", "{hook}");
        let message = failed["message"].as_str().unwrap_or_default();
        assert!(message.contains(&format!("no {hook} today")), "{message}");
        assert_eq!(counts(&failed, "pre_invocation", ["calls"]), [0]);
        assert_eq!(call(&host, "none"), WELL, "the other one is there");
        let stopped = host.stop();
        stopped.assert_clean();
        let said = lines(&stopped.stderr, &[&format!("no {hook} today")]);
        assert_eq!(said.len(), 1, "{}", stopped.stderr);
    }
}

#[test]
fn an_init_that_blocks_is_named() {
    let extensions = [
        ("trouble", fixture(json!({}))),
        ("block", fixture(json!({ "init_ms": 6000 }))),
    ];
    let host = app_of("answers", "", &extensions)
        .arg("--drain-timeout")
        .arg("1")
        .start();
    assert_eq!(call(&host, "none"), WELL, "it starts in the end");
    let stopped = host.stop();
    let log = &stopped.stderr;
    let said = lines(log, &["ERROR", "init has not returned for 5s"]);
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains("extension=block"), "{log}");
    let named = lines(
        &stopped.stderr,
        &["shutdown did not return within", "extension=block"],
    );
    assert_eq!(named.len(), 1, "{}", stopped.stderr);
}
