//! What outcomes leave on spans.

use super::*;

#[test]
fn an_exception_is_an_event_and_a_status() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    let span = inner_of(&call, call.invocation(), "work");
    let exception = RaisedException {
        type_name: "ValueError",
        message: "no",
        traceback: "Traceback …",
    };
    span.record_exception(&exception);
    call.end_span(&span, SystemTime::now());
    call.finish(
        &CallEnd {
            kind: OutcomeKind::Raised,
            http_status: Some(500),
            exception: Some(exception),
            ..RETURNED
        },
        SystemTime::now(),
    );
    let spans = fixture.ended();
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(
            status(span),
            (StatusCode::Error, "ValueError: no"),
            "{}",
            span.name
        );
        assert_eq!(
            attribute(span, "error.type"),
            Some(&text("ValueError")),
            "{}",
            span.name
        );
        let [event] = &span.events[..] else {
            panic!("{}: one event", span.name);
        };
        assert_eq!(event.name, "exception");
        let expected = [
            ("exception.type", "ValueError"),
            ("exception.message", "no"),
            ("exception.stacktrace", "Traceback …"),
        ];
        let pair = |(key, value): (&str, &str)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(text(value)),
            }),
            ..KeyValue::default()
        };
        assert_eq!(event.attributes, expected.map(pair));
    }
    let code = Some(&Value::IntValue(500));
    assert_eq!(attribute(&spans[1], "http.response.status_code"), code);
}

#[test]
fn outcomes() {
    let cases = [
        (
            OutcomeKind::Returned,
            Some(200),
            None,
            StatusCode::Unset,
            "success",
        ),
        (
            OutcomeKind::Returned,
            Some(404),
            None,
            StatusCode::Unset,
            "the client's fault",
        ),
        (
            OutcomeKind::Returned,
            Some(503),
            Some("503"),
            StatusCode::Error,
            "the server's fault",
        ),
        (OutcomeKind::Returned, None, None, StatusCode::Unset, "not HTTP"),
        (
            OutcomeKind::Answered,
            Some(429),
            None,
            StatusCode::Unset,
            "an extension answered",
        ),
        (
            OutcomeKind::Answered,
            Some(503),
            Some("503"),
            StatusCode::Error,
            "an extension answered that it is overloaded",
        ),
        (
            OutcomeKind::Refused,
            Some(500),
            Some("refused"),
            StatusCode::Error,
            "an extension refused",
        ),
        (
            OutcomeKind::TimedOut,
            Some(500),
            Some("timeout"),
            StatusCode::Error,
            "too slow",
        ),
        (
            OutcomeKind::Cancelled,
            None,
            Some("cancelled"),
            StatusCode::Error,
            "the worker stopped",
        ),
        (
            OutcomeKind::Raised,
            Some(500),
            Some("_OTHER"),
            StatusCode::Error,
            "raised without a description",
        ),
    ];
    for (kind, http_status, error_type, code, reason) in cases {
        let fixture = Fixture::new();
        fixture.call("", "").finish(
            &CallEnd {
                kind,
                http_status,
                ..RETURNED
            },
            SystemTime::now(),
        );
        let [span] = fixture.ended().try_into().expect("one span");
        let error_type = error_type.map(text);
        assert_eq!(attribute(&span, "error.type"), error_type.as_ref(), "{reason}");
        assert_eq!(status(&span), (code, ""), "{reason}");
        assert_eq!(is_error(kind, http_status), code == StatusCode::Error, "{reason}");
        let http_status = http_status.map(|status| Value::IntValue(status.into()));
        let found = attribute(&span, "http.response.status_code");
        assert_eq!(found, http_status.as_ref(), "{reason}");
    }
}

#[test]
fn a_refusal_keeps_its_reason() {
    let fixture = Fixture::new();
    fixture.call("", "").finish(
        &CallEnd {
            kind: OutcomeKind::Refused,
            exception: Some(RaisedException {
                type_name: "Refused",
                message: "too many",
                traceback: "",
            }),
            extension: Some("limiter"),
            ..RETURNED
        },
        SystemTime::now(),
    );
    let [span] = fixture.ended().try_into().expect("one span");
    assert_eq!(attribute(&span, "error.type"), Some(&text("refused")));
    assert_eq!(attribute(&span, "funcdock.extension"), Some(&text("limiter")));
    assert_eq!(status(&span), (StatusCode::Error, "Refused: too many"));
    assert_eq!(span.events.len(), 1);
}

#[test]
fn retries_are_counted() {
    for retry in [0, 2] {
        let fixture = Fixture::new();
        fixture
            .call("", "")
            .finish(&CallEnd { retry, ..RETURNED }, SystemTime::now());
        let [span] = fixture.ended().try_into().expect("one span");
        let expected = (retry > 0).then(|| Value::IntValue(retry.into()));
        assert_eq!(attribute(&span, "funcdock.retry_count"), expected.as_ref());
    }
}

#[test]
fn a_wait_is_told_from_a_millisecond_on() {
    for (microseconds, expected) in [(0, None), (999, None), (1_000, Some(1)), (2_841_900, Some(2_841))] {
        let fixture = Fixture::new();
        let waited = Duration::from_micros(microseconds);
        let end = CallEnd { waited, ..RETURNED };
        fixture.call("", "").finish(&end, SystemTime::now());
        let [span] = fixture.ended().try_into().expect("one span");
        let expected = expected.map(Value::IntValue);
        assert_eq!(attribute(&span, "funcdock.wait_ms"), expected.as_ref());
    }
}

#[test]
fn ok_is_final() {
    let fixture = Fixture::new();
    let call = fixture.call("", "");
    call.invocation().set_status(Status::Ok);
    call.finish(
        &CallEnd {
            http_status: Some(500),
            ..RETURNED
        },
        SystemTime::now(),
    );
    assert_eq!(status(&fixture.ended()[0]), (StatusCode::Ok, ""));
}
