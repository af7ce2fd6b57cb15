//! Where metrics and log records go.

use super::*;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).expect("valid settings")
}

fn of<'a>(variables: Variables<'a>) -> impl Fn(&str) -> Option<String> + 'a {
    |name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    }
}

#[test]
fn they_are_exported_where_asked_for() {
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
    let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://whole/m?x=1");
    let otlp = ("OTEL_METRICS_EXPORTER", "otlp");
    let cases: [(&str, Variables<'_>, Option<&str>, &str); 11] = [
        ("{}", &[], None, "nothing is configured"),
        ("{}", &[base], None, "an endpoint for traces, maybe"),
        (
            "{}",
            &[base, otlp],
            Some("http://base:4318/v1/metrics"),
            "the variable",
        ),
        ("{}", &[base, own], Some("http://whole/m?x=1"), "its own endpoint"),
        (
            r#"{"metrics": true}"#,
            &[],
            Some("http://localhost:4318/v1/metrics"),
            "the setting, and the default endpoint",
        ),
        (r#"{"metrics": false}"#, &[own, otlp], None, "the setting wins"),
        (
            r#"{"metrics": true, "endpoint": "https://mine/otlp/"}"#,
            &[own],
            Some("https://mine/otlp/v1/metrics"),
            "the setting's endpoint wins",
        ),
        (
            "{}",
            &[own, ("OTEL_METRICS_EXPORTER", "none")],
            None,
            "switched off by the variable",
        ),
        (
            "{}",
            &[("OTEL_METRICS_EXPORTER", "prometheus, otlp")],
            Some("http://localhost:4318/v1/metrics"),
            "one of several exporters",
        ),
        (
            "{}",
            &[("OTEL_METRICS_EXPORTER", "statsd")],
            None,
            "an unknown exporter",
        ),
        ("{}", &[("OTEL_LOGS_EXPORTER", "otlp")], None, "that is for logs"),
    ];
    for (json, variables, expected, reason) in cases {
        let config = settings(json).metrics(of(variables)).expect(reason);
        let url = config.map(|config| config.collector.url.to_string());
        assert_eq!(url.as_deref(), expected, "{reason}");
    }
}

fn logs(settings: &Settings, variables: Variables<'_>) -> LogsConfigs {
    let config = settings.resolve(of(variables)).expect("valid");
    settings.logs(&config, of(variables)).expect("valid")
}

#[test]
fn log_records_go_where_anything_asks_for_them() {
    let insights = (
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=http://insights",
    );
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces/v1/traces");
    let own = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://own/logs");
    let otlp = ("OTEL_LOGS_EXPORTER", "otlp");
    let none = ("OTEL_LOGS_EXPORTER", "none");
    let (on, off) = (r#"{"logs": true}"#, r#"{"logs": false}"#);
    let local = Some("http://localhost:4318/v1/logs");
    let cases: [(&str, Variables<'_>, Option<&str>, bool, &str); 17] = [
        ("{}", &[], None, false, "nothing is configured"),
        ("{}", &[insights], None, true, "a connection string alone"),
        (on, &[insights], None, true, "nobody asks for OTLP"),
        (off, &[insights, own], None, false, "off by the setting"),
        ("{}", &[insights, none], None, false, "off by the variable"),
        (on, &[insights, none], None, true, "the setting wins"),
        (
            "{}",
            &[insights, otlp],
            local,
            false,
            "the variable names the exporters",
        ),
        (on, &[insights, otlp], local, true, "all that is configured"),
        (
            "{}",
            &[insights, base],
            None,
            true,
            "an endpoint for traces, maybe",
        ),
        (
            on,
            &[insights, base],
            Some("http://base:4318/v1/logs"),
            true,
            "both are configured",
        ),
        (
            "{}",
            &[insights, own],
            Some("http://own/logs"),
            true,
            "an endpoint of their own",
        ),
        (
            on,
            &[insights, traces],
            None,
            true,
            "an endpoint for traces alone",
        ),
        (on, &[], None, false, "nowhere"),
        (
            r#"{"logs": true, "exporter": "otlp"}"#,
            &[insights],
            local,
            false,
            "as the spans",
        ),
        (
            r#"{"exporter": "console"}"#,
            &[insights],
            None,
            false,
            "not where spans go",
        ),
        (
            r#"{"exporter": ["console", "azure"]}"#,
            &[insights],
            None,
            true,
            "where spans go",
        ),
        (
            r#"{"logs": true, "endpoint": "http://mine"}"#,
            &[],
            Some("http://mine/v1/logs"),
            false,
            "the setting",
        ),
    ];
    for (json, variables, collector, to_insights, reason) in cases {
        let logs = logs(&settings(json), variables);
        assert_eq!(logs.warning().is_some(), reason == "nowhere", "{reason}");
        let url = logs.collector.map(|config| match config.destination {
            LogsDestination::Otlp(collector) => collector.url.to_string(),
            other => panic!("{reason}: {other:?}"),
        });
        assert_eq!(url.as_deref(), collector, "{reason}");
        let url = logs.insights.map(|config| match config.destination {
            LogsDestination::Azure(_, to) => to.url.to_string(),
            other => panic!("{reason}: {other:?}"),
        });
        assert_eq!(
            url.as_deref(),
            to_insights.then_some("http://insights/v2.1/track"),
            "{reason}"
        );
    }
}

#[test]
fn each_signal_has_variables_of_its_own() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=all"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "key=metrics"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "700"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "2500"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "20"),
    ];
    let settings = settings(r#"{"metrics": true, "logs": true, "exporter": "otlp"}"#);
    let metrics = settings.metrics(of(&variables)).expect("valid").expect("on");
    let logs = logs(&settings, &variables).collector.expect("on");
    let LogsDestination::Otlp(collector) = logs.destination else {
        panic!("{logs:?}");
    };
    assert_eq!(metrics.collector.headers["key"], "metrics");
    assert_eq!(metrics.collector.timeout, Duration::from_millis(700));
    assert_eq!(metrics.interval, Duration::from_millis(2500));
    assert_eq!(collector.url.path(), "/v1/logs");
    assert_eq!(collector.headers["key"], "all");
    assert_eq!(collector.timeout, Duration::from_secs(5));
    let batching = logs.batching;
    assert_eq!(
        (batching.queue, batching.batch),
        (100, 100),
        "a batch fits the queue"
    );
    assert_eq!(batching.delay, Duration::from_millis(20));
}

#[test]
fn bad_endpoints_are_errors() {
    let variables = [("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "collector:4318")];
    let settings = settings("{}");
    let config = settings.resolve(of(&variables)).expect("valid");
    let error = settings.logs(&config, of(&variables)).expect_err("no URL");
    assert!(
        error
            .to_string()
            .starts_with("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: \"collector:4318\""),
        "{error}"
    );
}
