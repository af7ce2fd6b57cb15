//! Hooks that wait.

use std::time::Duration;

use funcdock_extension_api::testing::{Decision, Request, TestHost, json};
use funcdock_extension_api::{OutcomeKind, Response};

use crate::extensions::Waiter;
use crate::{SOON, message};

#[test]
fn hooks_wait() {
    let host = TestHost::app::<Waiter>(json!({})).expect("it starts");
    let cases = [
        ("continue", Decision::Continue),
        ("respond", Decision::Respond(Response::new(418))),
        ("never", Decision::TimedOut),
        ("panic", Decision::Continue),
        ("wait again", Decision::Continue),
    ];
    for (how, expected) in cases {
        let limit = if how == "never" {
            Duration::from_millis(20)
        } else {
            SOON
        };
        let call = host.call(Request::get("/").header("x-how", how).timeout(limit));
        assert_eq!(call.decision(), &expected, "{how}");
        let errors = message(call.errors());
        match how {
            "panic" => assert!(
                errors[0].starts_with("pre_invocation failed: panicked: while it waited"),
                "{errors:?}"
            ),
            "wait again" => assert!(
                errors[0].contains("await the second future in the first"),
                "{errors:?}"
            ),
            _ => assert!(errors.is_empty(), "{how}: {errors:?}"),
        }
        if how == "continue" {
            assert_eq!(
                call.attribute("waited"),
                Some(true.into()),
                "set through a handle"
            );
            let logs = call.logs();
            assert!(
                logs.iter().any(|record| record.message == "has waited"
                    && record.invocation.as_deref() == Some(call.id())),
                "{logs:?}"
            );
            let call = call.returning("Hello");
            assert_eq!(
                call.response_header("x-state"),
                Some("7"),
                "the state of the future's Continue"
            );
        }
    }
    let call = host.call(
        Request::get("/")
            .header("x-how", "never")
            .timeout(Duration::from_millis(1)),
    );
    assert_eq!(
        (call.outcome(), call.response().status),
        (Some(OutcomeKind::TimedOut), 504)
    );
    // The answer to the first call of wait_for, and to the second.
    let call = host.call(Request::get("/").header("x-how", "wait for"));
    assert_eq!(
        call.attribute("second"),
        Some("this hook waits already: one future can await several".into())
    );
    assert_eq!(message(call.errors()), ["pre_invocation failed: nobody came"]);
    // A post hook that waits too long is given up.
    let request = Request::get("/")
        .header("x-how", "post never")
        .timeout(Duration::from_millis(1));
    let call = host.call(request).returning("Hello");
    assert_eq!(
        message(call.errors()),
        ["post_invocation failed: what it waits for did not come in time"]
    );
    assert_eq!(call.response().status, 200);
}
