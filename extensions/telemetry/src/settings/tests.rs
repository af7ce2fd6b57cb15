//! Settings and variables together, and the errors.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::*;

mod collector;
mod exporters;

fn resolve(json: &str, env: &[(&str, &str)]) -> Result<Config, InvalidSettings> {
    let settings: Settings = serde_json::from_str(json).expect("valid settings");
    settings.resolve(|name| {
        let found = env.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// The one exporter of settings that are valid.
fn only(resolved: Result<Config, InvalidSettings>) -> ExporterConfig {
    let mut exporters = resolved.expect("valid settings").exporters;
    assert_eq!(exporters.len(), 1, "{exporters:?}");
    exporters.remove(0)
}

/// The one exporter, which is OTLP's.
fn otlp(resolved: Result<Config, InvalidSettings>) -> Collector {
    match only(resolved).destination {
        Destination::Otlp(collector) => *collector,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_exporter_follows_from_settings_and_environment() {
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://whole/ingest?x=1");
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Variables<'_>, &str, &str); 9] = [
        ("{}", &[], "console", "nothing is configured"),
        ("{}", &[base], "http://base:4318/v1/traces", "the base variable"),
        (
            "{}",
            &[base, traces],
            "http://whole/ingest?x=1",
            "the variable for traces wins and is used as it is",
        ),
        (
            r#"{"endpoint": "https://mine/otlp/"}"#,
            &[base, traces],
            "https://mine/otlp/v1/traces",
            "settings win, without a double slash",
        ),
        (
            r#"{"exporter": "otlp"}"#,
            &[],
            "http://localhost:4318/v1/traces",
            "the default endpoint",
        ),
        (r#"{"exporter": "console"}"#, &[base], "console", "settings win"),
        (r#"{"exporter": "none"}"#, &[base], "", "off"),
        (
            r#"{"exporter": "none", "endpoint": "http://mine"}"#,
            &[],
            "",
            "off, with the endpoint left in place",
        ),
        (
            r#"{"endpoint": "http://[::1]:4318"}"#,
            &[],
            "http://[::1]:4318/v1/traces",
            "IPv6",
        ),
    ];
    for (json, env, expected, reason) in cases {
        let config = resolve(json, env).unwrap_or_else(|error| panic!("{reason}: {error}"));
        let shown = |exporter: &ExporterConfig| match &exporter.destination {
            Destination::Otlp(collector) => collector.url.to_string(),
            other => other.name().to_owned(),
        };
        let found: Vec<_> = config.exporters.iter().map(shown).collect();
        let expected: Vec<_> = expected.split_terminator(' ').collect();
        assert_eq!(found, expected, "{reason}");
    }
}

#[test]
fn batching_and_its_limits() {
    let cases = [
        (
            r#"{"exporter": "otlp"}"#,
            (2048, 512, 5000),
            "the specification's defaults",
        ),
        ("{}", (2048, 512, 100), "the console is prompt"),
        (r#"{"delay_ms": 50}"#, (2048, 512, 50), "unless a delay is set"),
        (
            r#"{"queue": 100}"#,
            (100, 100, 100),
            "the default batch fits a small queue",
        ),
        (
            r#"{"queue": 9, "batch": 9, "delay_ms": 1}"#,
            (9, 9, 1),
            "all given, at the limit",
        ),
    ];
    for (json, expected, reason) in cases {
        let batching = only(resolve(json, &[])).batching;
        let found = (batching.queue, batching.batch, batching.delay.as_millis());
        assert_eq!(found, expected, "{reason}");
    }
    let env = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4096"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000"),
    ];
    let config = only(resolve(r#"{"exporter": "otlp"}"#, &env));
    assert_eq!(config.batching.queue, 4096);
    assert_eq!(config.batching.batch, 512, "a bad variable is ignored");
    assert_eq!(config.batching.delay, Duration::from_secs(1));
    assert!(matches!(config.destination, Destination::Otlp(to) if to.timeout == Duration::from_secs(2)));
}

#[test]
fn errors_say_what_was_given() {
    let cases = [
        (
            r#"{"endpoint": "localhost:4318"}"#,
            r#"endpoint: "localhost:4318" is not the URL of a collector (http:// or https:// is missing); expected one like "http://localhost:4318""#,
        ),
        (
            r#"{"endpoint": "grpc://c:4317"}"#,
            r#"endpoint: "grpc://c:4317" is not the URL of a collector (the scheme is grpc, not http or https); expected one like "http://localhost:4318""#,
        ),
        (
            r#"{"endpoint": "http://c:4318/v1/traces"}"#,
            r#"endpoint: "http://c:4318/v1/traces" has the path /v1/traces, which is added to it: leave that out, or give the whole URL as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"#,
        ),
        (
            r#"{"endpoint": "http://c?key=1"}"#,
            r#"endpoint: "http://c?***" is not the URL of a collector (a base URL has no query); expected one like "http://localhost:4318""#,
        ),
        (
            r#"{"headers": {"api key": "x"}}"#,
            r#"headers: "api key" is not a header's name (letters, digits and hyphens)"#,
        ),
        (
            r#"{"headers": {"api-key": "a\nb"}}"#,
            "headers.api-key: the value has a character that no header may have, such as a line break",
        ),
        (r#"{"queue": 0}"#, "queue: expected at least 1, found 0"),
        (
            r#"{"queue_bytes": 0}"#,
            "queue_bytes: expected at least 1, found 0",
        ),
        (
            r#"{"attribute_count_limit": 0}"#,
            "attribute_count_limit: expected at least 1, found 0",
        ),
        (
            r#"{"exporter": []}"#,
            r#"exporter: the list is empty; expected at least one exporter, or "none""#,
        ),
        (
            r#"{"exporter": ["none", "otlp"]}"#,
            r#"exporter: "none" stands among others; leave it or the others out"#,
        ),
        (
            r#"{"protocol": "grpc", "endpoint": "https://c:4317/v1/traces"}"#,
            r#"endpoint: "https://c:4317/v1/traces" is not the URL of a collector (the protocol is grpc, which has no use for the path "/v1/traces"); expected one like "http://localhost:4317""#,
        ),
        (r#"{"delay_ms": 0}"#, "delay_ms: expected at least 1, found 0"),
        (
            r#"{"queue": 10, "batch": 11}"#,
            r#"batch: 11 spans do not fit a queue of 10: lower "batch" or raise "queue""#,
        ),
    ];
    for (json, expected) in cases {
        let error = resolve(json, &[]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected), "{json}");
    }
    let error = resolve("{}", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")]).expect_err("no URL");
    assert!(
        error
            .to_string()
            .starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: \"collector\""),
        "{error}"
    );
}

#[test]
fn the_service_has_a_name() {
    let app = tempfile::tempdir().expect("a folder");
    let root = app.path().join("traced-hello");
    std::fs::create_dir(&root).expect("a folder");
    let site = |name: &str| (name == "WEBSITE_SITE_NAME").then(|| "site".to_owned());
    let both = |name: &str| match name {
        "OTEL_SERVICE_NAME" => Some("otel".to_owned()),
        other => site(other),
    };
    let none = |_: &str| None;
    let resource = || Some("resource".to_owned());
    let settings = Settings::default();
    assert_eq!(settings.service_name(none, None, &root), "traced-hello");
    assert_eq!(settings.service_name(site, None, &root), "site");
    assert_eq!(settings.service_name(site, resource(), &root), "resource");
    assert_eq!(settings.service_name(both, resource(), &root), "otel");
    let settings = Settings {
        service_name: Some("mine".to_owned()),
        ..Settings::default()
    };
    assert_eq!(settings.service_name(both, resource(), &root), "mine");
}

#[test]
fn headers_from_settings_and_environment() {
    let base = (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "api-key=base%20key, tenant = a,,=x,b,c=%ff,",
    );
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=a=b");
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Variables<'_>, &str, &str); 3] = [
        (
            "{}",
            &[base],
            "api-key: base key, tenant: a",
            "what is malformed is left out",
        ),
        (
            "{}",
            &[base, traces],
            "api-key: a=b",
            "the variable for traces wins",
        ),
        (
            r#"{"headers": {"Api-Key": "mine"}}"#,
            &[base],
            "api-key: mine, tenant: a",
            "settings win",
        ),
    ];
    for (json, env, expected, reason) in cases {
        let env = [env, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318")]].concat();
        let collector = otlp(resolve(json, &env));
        let shown = format!("{collector:?}");
        assert!(shown.contains("Sensitive"), "{shown}");
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap_or("not ASCII"))
        };
        let mut found: Vec<_> = collector.headers.iter().map(pair).collect();
        found.sort();
        assert_eq!(found.join(", "), expected, "{reason}");
    }
}

#[test]
fn limits_of_spans() {
    let limits = |json, env| resolve(json, env).expect("valid settings").limits;
    assert_eq!(limits("{}", &[]), Limits::default());
    let general = [
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "9"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "10"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "11"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "12"),
    ];
    let expected = Limits {
        attributes: 12,
        value_length: 10,
        events: 11,
    };
    assert_eq!(limits("{}", &general), expected);
    let settings =
        r#"{"attribute_count_limit": 1, "attribute_value_length_limit": 2, "event_count_limit": 3}"#;
    let expected = Limits {
        attributes: 1,
        value_length: 2,
        events: 3,
    };
    assert_eq!(limits(settings, &general), expected);
}
