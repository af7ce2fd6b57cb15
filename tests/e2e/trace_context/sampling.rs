//! Sampling: which calls are recorded.

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, Raw};
use serde_json::json;

use super::{CALLER, Seen, TRACE, ask, hex, ids, traced, wait_for_span};

fn health(host: &Host) -> Seen {
    ask::<&str>(&mut Raw::connect(host), "/api/Health", &[])
}

fn probe(host: &Host, flags: &str) -> Seen {
    super::probe(
        host,
        &[
            format!("traceparent: 00-{TRACE}-{CALLER}-{flags}"),
            "tracestate: a=1".to_owned(),
        ],
    )
}

/// Asserts that a call that is not recorded still has a place in its trace.
fn assert_passed_on(seen: &Seen, trace: Option<&str>, flags: &str) {
    let (own_trace, id, own_flags) = seen.ids();
    match trace {
        Some(trace) => {
            assert_eq!(own_trace, trace);
            assert_eq!(seen.headers["tracestate"], "a=1");
        }
        None => assert_ne!(own_trace, TRACE),
    }
    assert_eq!(own_flags, flags);
    assert_eq!(seen.headers["traceparent"], seen.traceparent);
    let (inner_trace, inner_id, inner_flags) = ids(&seen.inner["traceparent"]);
    assert_eq!((inner_trace, inner_flags), (own_trace, flags));
    assert_ne!(inner_id, id);
}

#[test]
fn a_function_may_have_its_own_sampler() {
    let receiver = Receiver::start();
    let settings = json!({
        "functions": { "Health": { "sampler": "always_off" }, "Helth": { "sampler": "always_off" } }
    });
    let host = traced(&receiver, settings).start();
    for _ in 0..3 {
        assert_passed_on(&health(&host), None, "02");
    }
    let sampled = super::probe::<&str>(&host, &[]);
    wait_for_span(&receiver, sampled.ids().1);
    assert_passed_on(&probe(&host, "00"), Some(TRACE), "00");
    host.wait_for_log(
        "functions.Helth: this setting applies to no function; those that are traced are Health, probe",
    );
    host.stop().assert_clean();
    let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["inner", "probe"], "one call was sampled");
}

#[test]
fn opencensus_way_of_setting_a_rate() {
    let receiver = Receiver::start();
    let app = traced(&receiver, json!({}));
    let module = app.path().join("shared_code/probe.py");
    let code = std::fs::read_to_string(&module).expect("the module exists");
    let code = format!(
        "from funcdock.extensions import opencensus\n\nopencensus.configure(sampler=\"probability\", rate=0)\n{code}"
    );
    let host = app.file("shared_code/probe.py", &code).start();
    assert_passed_on(&super::probe::<&str>(&host, &[]), None, "02");
    assert_passed_on(&probe(&host, "00"), Some(TRACE), "00");
    let sampled = probe(&host, "01");
    assert_eq!(sampled.ids().2, "01", "a caller that samples wins");
    wait_for_span(&receiver, sampled.ids().1);
    host.stop().assert_clean();
    assert_eq!(receiver.count(), 2);
}

#[test]
fn samplers_set_by_variables() {
    let receiver = Receiver::start();
    let host = traced(&receiver, json!({}))
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .start();
    assert_passed_on(&probe(&host, "01"), Some(TRACE), "00");
    host.stop().assert_clean();
    assert_eq!(receiver.count(), 0);

    let host = traced(&receiver, json!({}))
        .env("OTEL_TRACES_SAMPLER", "rate_limited")
        .env("OTEL_TRACES_SAMPLER_ARG", "0.001")
        .start();
    let calls: Vec<_> = (0..5).map(|_| health(&host)).collect();
    let flags: Vec<_> = calls.iter().map(|seen| seen.ids().2).collect();
    assert_eq!(
        flags,
        ["03", "02", "02", "02", "02"],
        "one trace in a thousand seconds"
    );
    let span = wait_for_span(&receiver, calls[0].ids().1);
    assert_eq!(hex(&span.trace_id), calls[0].ids().0);
    host.stop().assert_clean();
    assert_eq!(receiver.count(), 2);

    let host = traced(&receiver, json!({}))
        .env("OTEL_TRACES_SAMPLER", "jaeger_remote")
        .start();
    host.wait_for_log("OTEL_TRACES_SAMPLER: unknown variant `jaeger_remote`, expected one of `always_on`");
    assert_eq!(health(&host).ids().2, "03", "the default applies");
}

#[test]
fn bad_settings_stop_the_host() {
    let cases = [
        (
            json!({ "sampler": "probability", "rate": 1.5 }),
            "rate: expected a share of traces from 0 to 1",
        ),
        (
            json!({ "sampler": "sometimes" }),
            "sampler: expected one of \"always_on\"",
        ),
        (
            json!({ "functions": { "Health": { "sampler": "rate_limited", "rate": 0 } } }),
            "functions.Health.rate: expected traces a second, above 0",
        ),
        (
            json!({ "functions": { "Health": { "smapler": "always_off" } } }),
            "functions.Health.smapler",
        ),
        (
            json!({ "propagators": ["xray"] }),
            "propagators: \"xray\" is not supported",
        ),
    ];
    for (settings, expected) in cases {
        let host =
            json!({ "version": "2.0", "workerExtensions": { "opencensus": { "settings": settings } } });
        let stopped = App::case("trace_context")
            .file("host.json", &host.to_string())
            .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
            .start_fails();
        assert!(
            stopped.stderr.contains(expected),
            "{expected}\n{}",
            stopped.stderr
        );
    }
}
