//! Retry policies, of functions and of host.json.

use super::{app, lines};

#[test]
fn a_call_that_failed_is_made_again_as_the_policy_says() {
    let code = r#"
@app.timer_trigger(schedule="01:00:00", arg_name="timer", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
async def flaky(timer: func.TimerRequest, context: func.Context) -> None:
    retry = context.retry_context
    exception = retry.exception
    seen = exception and (exception.message, exception.source, "flaky" in exception.stack_trace)
    logging.info("attempt %s of %s after %s: %s", retry.retry_count, retry.max_retry_count, seen, context.invocation_id)
    if retry.retry_count < 2:
        raise KeyError(f"no {retry.retry_count}")
"#;
    let host = app(code).arg("--log-calls").spawn();
    let found = lines(&host, "root: attempt ", 3);
    for (line, expected) in found.iter().zip([
        "attempt 0 of 2 after None: ",
        "attempt 1 of 2 after (\"KeyError: 'no 0'\", 'KeyError', True): ",
        "attempt 2 of 2 after (\"KeyError: 'no 1'\", 'KeyError', True): ",
    ]) {
        assert!(line.contains(expected), "{expected}\n{found:?}");
    }
    let ids: std::collections::BTreeSet<_> =
        found.iter().filter_map(|line| line.rsplit(": ").next()).collect();
    assert_eq!(ids.len(), 3, "each attempt is a call of its own");
    host.wait_for_log("function \"flaky\": retry 2 of 2 in 0ns");
    host.stop().assert_clean();
}

#[test]
fn host_json_has_the_policy_of_functions_without_one() {
    let code = r#"
@app.timer_trigger(schedule="01:00:00", arg_name="timer", run_on_startup=True)
def failing(timer: func.TimerRequest, context: func.Context) -> None:
    logging.info("failing %s of %s", context.retry_context.retry_count, context.retry_context.max_retry_count)
    raise ValueError("always")

@app.timer_trigger(schedule="01:00:00", arg_name="timer", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="0", delay_interval="00:00:01")
def once(timer: func.TimerRequest) -> None:
    logging.info("once")
    raise ValueError("always")
"#;
    let policy = r#"{"retry": {"strategy": "exponentialBackoff", "maxRetryCount": -1, "minimumInterval": "00:00:00",
                     "maximumInterval": "00:00:01"}}"#;
    let host = app(code).file("host.json", policy).spawn();
    let found = lines(&host, "root: failing ", 4);
    assert!(found[3].contains("failing 3 of -1"), "{found:?}");
    host.wait_for_log("(there is no limit)");
    // A stop does not wait for retries.
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stderr.matches("INFO root: once").count(),
        1,
        "{}",
        stopped.stderr
    );
}
