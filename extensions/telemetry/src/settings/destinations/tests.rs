//! Zipkin, Azure Monitor and files, out of settings and variables.

use super::super::{Config, InvalidSettings};
use super::*;

const KEY: &str = "00000000-0000-0000-0000-000000000001";

fn resolve(json: &str, env: &[(&str, &str)]) -> Result<Config, InvalidSettings> {
    let settings: Settings = serde_json::from_str(json).expect("valid settings");
    settings.resolve(|name| {
        let found = env.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn only(json: &str, env: &[(&str, &str)]) -> Destination {
    let config = resolve(json, env).unwrap_or_else(|error| panic!("{json}: {error}"));
    let [exporter] = <[_; 1]>::try_from(config.exporters).unwrap_or_else(|all| panic!("{json}: {all:?}"));
    exporter.destination
}

#[test]
fn zipkin_by_setting_variable_and_default() {
    let variable = [
        (ZIPKIN_VARIABLE, "http://var:9411/x"),
        ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "7"),
    ];
    let zipkin = |json, env| match only(json, env) {
        Destination::Zipkin(target) => target,
        other => panic!("{other:?}"),
    };
    assert_eq!(zipkin(r#"{"exporter": "zipkin"}"#, &[]).url, ZIPKIN_ENDPOINT);
    let by_variable = zipkin(r#"{"exporter": "zipkin"}"#, &variable);
    assert_eq!(by_variable.url, "http://var:9411/x");
    assert_eq!(by_variable.timeout, Duration::from_millis(7));
    let given = r#"{"zipkin_endpoint": "https://mine/", "timeout_ms": 9, "compression": "gzip", "headers": {"k": "v"}}"#;
    let given = zipkin(given, &variable);
    assert_eq!(given.url, "https://mine/");
    assert_eq!(given.timeout, Duration::from_millis(9));
    assert_eq!(given.compression, Compression::Gzip);
    assert!(given.headers.is_empty(), "they are the collector's");
}

#[test]
fn azure_by_setting_and_variable() {
    let string = |host: &str| format!("InstrumentationKey={KEY};IngestionEndpoint=https://{host}/");
    let (setting, variable) = (string("setting"), string("variable"));
    let env = [(CONNECTION_STRING_VARIABLE, variable.as_str())];
    let azure = |json: &str, env| match only(json, env) {
        Destination::Azure(connection, target) => {
            assert_eq!(connection.instrumentation_key, KEY);
            target
        }
        other => panic!("{other:?}"),
    };
    let by_variable = azure("{}", &env);
    assert_eq!(by_variable.url, "https://variable/v2.1/track");
    assert_eq!(by_variable.compression, Compression::Gzip);
    let json = format!(r#"{{"connection_string": {setting:?}}}"#);
    assert_eq!(azure(&json, &env).url, "https://setting/v2.1/track");
    let settings: Settings = serde_json::from_str(&json).expect("valid settings");
    assert!(!format!("{settings:?}").contains(KEY), "{settings:?}");
}

#[test]
fn a_file_for_each_worker() {
    let file = |json| match only(json, &[]) {
        Destination::File(target) => target,
        other => panic!("{other:?}"),
    };
    let by_default = file(r#"{"file": "traces.jsonl"}"#);
    assert_eq!((by_default.max_bytes, by_default.keep), (10 << 20, 5));
    let given = file(r#"{"exporter": "file", "file": "/a/traces", "file_max_bytes": 9, "file_keep": 0}"#);
    assert_eq!((given.max_bytes, given.keep), (9, 0));
    let root = Path::new("/app");
    for (target, worker, expected) in [
        (&by_default, 0, "/app/traces.jsonl"),
        (&by_default, 3, "/app/traces.worker-3.jsonl"),
        (&given, 0, "/a/traces"),
        (&given, 1, "/a/traces.worker-1"),
    ] {
        assert_eq!(target.path_of(root, worker), Path::new(expected));
    }
}

#[test]
fn several_are_configured_at_once() {
    let string = format!("InstrumentationKey={KEY}");
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        (CONNECTION_STRING_VARIABLE, string.as_str()),
    ];
    let config = resolve(r#"{"zipkin_endpoint": "http://z", "file": "f"}"#, &env).expect("valid");
    let names: Vec<_> = config
        .exporters
        .iter()
        .map(|exporter| exporter.destination.name())
        .collect();
    assert_eq!(names, ["otlp", "zipkin", "azure", "file"]);
}

#[test]
fn errors_say_what_is_missing() {
    let cases = [
        (
            r#"{"exporter": "azure"}"#,
            "exporter: azure needs the setting \"connection_string\", or the variable APPLICATIONINSIGHTS_CONNECTION_STRING",
        ),
        (
            r#"{"connection_string": "IngestionEndpoint=https://x"}"#,
            "connection_string: InstrumentationKey is missing; expected \"InstrumentationKey=...;IngestionEndpoint=https://...\", as the overview of the Application Insights resource shows it",
        ),
        (
            r#"{"exporter": "file"}"#,
            "exporter: file needs the setting \"file\", the path of a file such as \"traces.jsonl\"",
        ),
        (
            r#"{"file": "traces/"}"#,
            "file: \"traces/\" is not the path of a file",
        ),
        (r#"{"file": ""}"#, "file: \"\" is not the path of a file"),
        (
            r#"{"file": "f", "file_max_bytes": 0}"#,
            "file_max_bytes: expected at least 1, found 0",
        ),
        (
            r#"{"zipkin_endpoint": "z:9411"}"#,
            "zipkin_endpoint: \"z:9411\" is not the URL that Zipkin takes spans at (http:// or https:// is missing); expected one like \"http://localhost:9411/api/v2/spans\"",
        ),
    ];
    for (json, expected) in cases {
        let error = resolve(json, &[]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected), "{json}");
    }
    let env = [(CONNECTION_STRING_VARIABLE, "InstrumentationKey=s3cret")];
    let error = resolve("{}", &env).expect_err("no UUID").to_string();
    assert!(
        error.starts_with("APPLICATIONINSIGHTS_CONNECTION_STRING: InstrumentationKey is not a UUID"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
}
