//! Which exporters are meant.

use super::*;

#[test]
fn exporters_by_name() {
    type Variables<'a> = &'a [(&'a str, &'a str)];
    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318");
    const AZURE: (&str, &str) = ("APPLICATIONINSIGHTS_CONNECTION_STRING", CONNECTION);
    const CONNECTION: &str = "InstrumentationKey=00000000-0000-0000-0000-000000000001";
    let variable = |names| ("OTEL_TRACES_EXPORTER", names);
    let cases: [(&str, Variables<'_>, &[&str], &str); 14] = [
        (
            r#"{"exporter": "otlp,console"}"#,
            &[],
            &["otlp", "console"],
            "in one text",
        ),
        (
            r#"{"exporter": ["console", "otlp"]}"#,
            &[],
            &["console", "otlp"],
            "a list, in its order",
        ),
        (
            r#"{"exporter": ["otlp", "otlp", " otlp "]}"#,
            &[],
            &["otlp"],
            "each once",
        ),
        (
            "{}",
            &[variable("otlp,console")],
            &["otlp", "console"],
            "by the variable",
        ),
        (
            "{}",
            &[variable("console"), BASE],
            &["console"],
            "which wins over an endpoint",
        ),
        (
            r#"{"exporter": "none"}"#,
            &[variable("otlp")],
            &[],
            "settings win over it",
        ),
        ("{}", &[variable("none"), BASE], &[], "off by the variable"),
        (
            "{}",
            &[variable("none,console")],
            &["console"],
            "none beside others is ignored",
        ),
        (
            "{}",
            &[variable("jaeger, console")],
            &["console"],
            "what is unknown is ignored",
        ),
        (
            "{}",
            &[variable("azure"), BASE],
            &["otlp"],
            "names that OpenTelemetry does not have, too",
        ),
        ("{}", &[variable(" , ")], &["console"], "nothing is named"),
        ("{}", &[AZURE], &["azure"], "a connection string"),
        ("{}", &[BASE, AZURE], &["otlp", "azure"], "all that is configured"),
        (
            "{}",
            &[("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://zipkin:9411/api/v2/spans")],
            &["console"],
            "the endpoint of Zipkin alone means nothing",
        ),
    ];
    for (json, env, expected, reason) in cases {
        let config = resolve(json, env).unwrap_or_else(|error| panic!("{reason}: {error}"));
        let found: Vec<_> = config
            .exporters
            .iter()
            .map(|exporter| exporter.destination.name())
            .collect();
        assert_eq!(found, expected, "{reason}");
    }
    let console = resolve(r#"{"exporter": ["otlp", "console"]}"#, &[]).expect("valid settings");
    let delays: Vec<_> = console
        .exporters
        .iter()
        .map(|exporter| exporter.batching.delay.as_millis())
        .collect();
    assert_eq!(delays, [5000, 100], "the console alone is prompt");

    let unknown = resolve(r#"{"exporter": ["otlp", "jaeger"]}"#, &[]);
    let error = unknown.map(|_| ()).expect_err("there is no such exporter");
    assert_eq!(
        error.to_string(),
        "exporter: there is no \"jaeger\"; expected otlp, zipkin, azure, console, file or none"
    );
    let number = serde_json::from_str::<Settings>(r#"{"exporter": 1}"#);
    let error = number.map(|_| ()).expect_err("no name");
    assert!(error.to_string().contains("a name or a list of names"), "{error}");
}
