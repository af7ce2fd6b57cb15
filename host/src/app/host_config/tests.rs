//! host.json: its values, its overrides, and the messages of errors.

use ::http::{HeaderMap, HeaderValue};

use std::collections::BTreeMap;

use super::*;
use crate::app::{AppSettings, ExtensionConfig, overrides};
use crate::model::TrustedProxies;

fn log_levels(levels: &[(&str, LogLevel)]) -> LogLevels {
    let mut all = LogLevels::default();
    levels
        .iter()
        .for_each(|(category, level)| all.set(category, *level));
    all
}

/// Reads host.json with settings that override it. Returns the warnings too.
fn parse(text: &str, settings: &[(&str, &str)]) -> Result<(HostConfig, Vec<String>), String> {
    let mut document = Document::parse("host.json".into(), text).map_err(|problem| problem.to_string())?;
    let environment: BTreeMap<_, _> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut warnings = Vec::new();
    overrides::apply(&AppSettings::new([], &environment), &mut document, &mut warnings);
    let config = read(&document, Path::new("/app"), &mut warnings).map_err(|problem| problem.to_string())?;
    Ok((config, warnings.iter().map(Problem::to_string).collect()))
}

#[test]
fn defaults_are_those_of_the_model() {
    let (config, warnings) = parse("{}", &[]).expect("valid");
    assert_eq!(config, HostConfig::default());
    assert_eq!(config.http.route_prefix, "api");
    assert_eq!(config.http.max_request_body_size, 104_857_600);
    assert_eq!(config.http.max_total_request_body_size, 419_430_400);
    assert_eq!(config.http.client_timeout, Duration::from_secs(30));
    assert_eq!(config.function_timeout, Some(Duration::from_secs(1800)));
    assert_eq!(config.telemetry_mode, TelemetryMode::ApplicationInsights);
    assert!(warnings.is_empty());
}

#[test]
fn every_key_that_we_use_is_read() {
    let text = r#"{
        "version": "2.0",
        "extensionBundle": {"id": "ignored"},
        "functionTimeout": "1.02:03:04",
        "functions": ["A", "B"],
        "extensions": {
            "queues": {"ignored": 1},
            "http": {
                "routePrefix": "/api/v1/", "customHeaders": {"X-Frame-Options": "DENY"},
                "maxConcurrentRequests": 100, "maxOutstandingRequests": -1, "maxRequestBodySize": 0,
                "clientTimeout": "00:00:10", "other": {}
            }
        },
        "telemetryMode": "openTelemetry",
        "logging": {"fileLoggingMode": "always", "logLevel": {"default": "warning", "Function.A": "None"}},
        "workerExtensions": {
            "zulu": {},
            "alpha": {
                "functions": ["A"], "required": false, "library": "lib/libalpha.so",
                "settings": {"rate": 0.5, "nested": {"list": [1, null]}}
            },
            "mike": {"library": "/opt/libmike.so", "sha256": "00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF"}
        }
    }"#;
    let (config, warnings) = parse(text, &[]).expect("valid");
    assert_eq!(
        warnings,
        [
            "host.json:7: extensions.queues.ignored: unknown key, ignored",
            "host.json:11: extensions.http.other: unknown key, ignored",
            "host.json: these keys have no effect here: logging.fileLoggingMode (the log is on stderr, or in --log-file)"
        ]
    );
    let extension = |name: &str, library: Option<&str>| ExtensionConfig {
        library: library.map(Into::into),
        ..ExtensionConfig::new(name)
    };
    let serde_json::Value::Object(settings) = serde_json::json!({"rate": 0.5, "nested": {"list": [1, null]}})
    else {
        unreachable!("written as an object")
    };
    let expected = HostConfig {
        http: HttpConfig {
            route_prefix: "api/v1".to_owned(),
            custom_headers: HeaderMap::from_iter([(
                ::http::header::X_FRAME_OPTIONS,
                HeaderValue::from_static("DENY"),
            )]),
            max_concurrent_requests: Some(100),
            max_outstanding_requests: None,
            max_request_body_size: 0,
            max_total_request_body_size: 0,
            client_timeout: Duration::from_secs(10),
            trusted_proxies: TrustedProxies::default(),
            cors: None,
            has_home: true,
            keys: None,
            access_log: None,
            tls: None,
            admin: None,
        },
        function_timeout: Some(Duration::from_secs(((24 + 2) * 60 + 3) * 60 + 4)),
        telemetry_mode: TelemetryMode::OpenTelemetry,
        functions: Some(vec!["A".to_owned(), "B".to_owned()]),
        retry: None,
        queues: QueuesConfig::default(),
        log_levels: log_levels(&[("default", LogLevel::Warning), ("Function.A", LogLevel::None)]),
        worker_extensions: vec![
            extension("zulu", None),
            ExtensionConfig {
                functions: vec!["A".to_owned()],
                required: Some(false),
                after: None,
                settings,
                ..extension("alpha", Some("/app/lib/libalpha.so"))
            },
            ExtensionConfig {
                sha256: Some("00ff".repeat(16)),
                ..extension("mike", Some("/opt/libmike.so"))
            },
        ],
    };
    assert_eq!(config, expected);
}

#[test]
fn timeouts_are_times_or_none() {
    let timeout = |json: &str| {
        parse(&format!("{{\"functionTimeout\": {json}}}"), &[]).map(|(config, _)| config.function_timeout)
    };
    let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
    assert_eq!(timeout("\"00:10:00\""), seconds(600), "ten minutes");
    assert_eq!(timeout("\"1.00:00:00\""), seconds(86_400), "a day");
    assert_eq!(timeout("\"0:0:1\""), seconds(1), "digits may be left out");
    assert_eq!(timeout("\"-1\""), Ok(None), "no limit");
    assert_eq!(timeout("-1"), Ok(None), "no limit, as a number");
    assert_eq!(timeout("null"), seconds(1800), "null is the default");
    let refused = [
        ("\"00:00:00\"", "nothing could run"),
        ("\"24:00:00\"", "a day is 1.00:00:00"),
        ("\"00:60:00\"", "too many minutes"),
        ("\"00:00:60\"", "too many seconds"),
        ("\"10:00\"", "seconds are missing"),
        ("\"1:2:3:4\"", "one too many"),
        ("\"+1:00:00\"", "only digits"),
        ("\".00:00:01\"", "no days before the point"),
        ("\"99999999999999999999.00:00:00\"", "too many days"),
        ("\"\"", "nothing"),
        ("30", "a number without a unit"),
    ];
    let expected =
        "expected a time \"hh:mm:ss\" or \"d.hh:mm:ss\" of at least a second, or \"-1\" for no limit";
    for (json, reason) in refused {
        let message = format!("host.json:1: functionTimeout: {expected}, found {json}");
        assert_eq!(timeout(json), Err(message), "{reason}");
    }
    assert_eq!(
        timeout("[]"),
        Err(format!("host.json:1: functionTimeout: {expected}, found array"))
    );
}

#[test]
fn an_error_says_what_is_wrong() {
    let http = |text: &str| format!("{{\"extensions\": {{\"http\": {{{text}}}}}}}");
    let extension = |text: &str| format!("{{\"workerExtensions\": {{\"x\": {text}}}}}");
    let cases = [
        (
            "{\n\"extensions\": {\n\"http\": {\n\"routePrefix\": 5}}}".to_owned(),
            "host.json:4: extensions.http.routePrefix: expected a string, found number",
            "the line of the value",
        ),
        (
            http("\"routePrefix\": \"{x}\""),
            "host.json:1: extensions.http.routePrefix: expected a plain path such as \"api\" or \"api/v1\", or \
             \"\" for none, found \"{x}\"",
            "a parameter in the prefix",
        ),
        (
            http("\"routePrefix\": \"Admin/x\""),
            "host.json:1: extensions.http.routePrefix: \"Admin\" is reserved for the host; choose another prefix",
            "the host's own paths",
        ),
        (
            http("\"customHeaders\": {\"a b\": \"c\"}"),
            "host.json:1: extensions.http.customHeaders.a b: \"a b\" is not a valid HTTP header name; use letters, digits and \
             dashes",
            "a space in a header's name",
        ),
        (
            http("\"customHeaders\": {\"a\": \"b\\nc\"}"),
            "host.json:1: extensions.http.customHeaders.a: expected the value of an HTTP header: printable ASCII \
             characters without line breaks, found \"b\\nc\"",
            "a line break in a header",
        ),
        (
            http("\"customHeaders\": {\"Transfer-Encoding\": \"chunked\"}"),
            "host.json:1: extensions.http.customHeaders.Transfer-Encoding: the server itself sets the header \
             \"transfer-encoding\", to what fits each response; remove it",
            "framing",
        ),
        (
            http("\"customHeaders\": {\"keep-alive\": \"timeout=5\"}"),
            "host.json:1: extensions.http.customHeaders.keep-alive: the server itself sets the header \
             \"keep-alive\", to what fits each response; remove it",
            "the connection",
        ),
        (
            http("\"customHeaders\": {\"Date\": \"today\"}"),
            "host.json:1: extensions.http.customHeaders.Date: the server itself sets the header \"date\", to what fits \
             each response; remove it",
            "the date",
        ),
        (
            http("\"customHeaders\": {\"a\": 1}"),
            "host.json:1: extensions.http.customHeaders.a: expected a string, found number",
            "a number as header",
        ),
        (
            http("\"maxConcurrentRequests\": 0"),
            "host.json:1: extensions.http.maxConcurrentRequests: expected a number of at least 1, or -1 for \
             unlimited, found 0",
            "nothing could run",
        ),
        (
            http("\"maxOutstandingRequests\": -2"),
            "host.json:1: extensions.http.maxOutstandingRequests: expected a number of at least 1, or -1 for \
             unlimited, found -2",
            "less than unlimited",
        ),
        (
            http("\"maxOutstandingRequests\": \"5\""),
            "host.json:1: extensions.http.maxOutstandingRequests: expected a number of at least 1, or -1 for \
             unlimited, found string",
            "a number in quotes",
        ),
        (
            http("\"maxRequestBodySize\": 1000, \"maxTotalRequestBodySize\": 999"),
            "host.json:1: extensions.http.maxTotalRequestBodySize: expected a number of bytes of at least \
             maxRequestBodySize, which is 1000, or -1 for unlimited, found 999",
            "not one body would fit",
        ),
        (
            http("\"maxRequestBodySize\": \"1 MB\""),
            "host.json:1: extensions.http.maxRequestBodySize: expected a number of bytes, found string",
            "a unit",
        ),
        (
            http("\"clientTimeout\": \"-1\""),
            "host.json:1: extensions.http.clientTimeout: expected a time \"hh:mm:ss\" of at least a second, found \
             \"-1\"",
            "a client that may take forever",
        ),
        (
            "{\"functions\": \"A\"}".to_owned(),
            "host.json:1: functions: expected an array, found string",
            "one name instead of a list",
        ),
        (
            "{\"logging\": {\"logLevel\": {\"default\": \"Verbose\"}}}".to_owned(),
            "host.json:1: logging.logLevel.default: expected one of \"Trace\", \"Debug\", \"Information\", \
             \"Warning\", \"Error\", \"Critical\", \"None\", found \"Verbose\"",
            "a level of another library",
        ),
        (
            "{\"workerExtensions\": []}".to_owned(),
            "host.json:1: workerExtensions: expected an object, found array",
            "extensions have names",
        ),
        (
            "{\"workerExtensions\": {\"\": {}}}".to_owned(),
            "host.json:1: workerExtensions.: an extension needs a name",
            "which are not empty",
        ),
        (
            extension("null"),
            "host.json:1: workerExtensions.x: expected an object, found null",
            "null is not {}",
        ),
        (
            extension("{\"reqired\": true}"),
            "host.json:1: workerExtensions.x.reqired: unknown key; the keys of an extension are functions, \
             required, after, library, sha256, settings, hookBudgetMs, suspendAfterPanics, onError (did you mean \"required\"?)",
            "a misspelling",
        ),
        (
            extension("{\"connectionString\": \"\"}"),
            "host.json:1: workerExtensions.x.connectionString: unknown key; the keys of an extension are \
             functions, required, after, library, sha256, settings, hookBudgetMs, suspendAfterPanics, onError",
            "a setting in the wrong place",
        ),
        (
            extension("{\"functions\": \"*\"}"),
            "host.json:1: workerExtensions.x.functions: expected an array, found string",
            "not a list",
        ),
        (
            extension("{\"required\": \"no\"}"),
            "host.json:1: workerExtensions.x.required: expected a boolean, found string",
            "not a boolean",
        ),
        (
            extension("{\"library\": \"\"}"),
            "host.json:1: workerExtensions.x.library: expected a string that is not empty, found \"\"",
            "not a file",
        ),
        (
            extension("{\"sha256\": \"12ab\"}"),
            "host.json:1: workerExtensions.x.sha256: expected the 64 hex digits that sha256sum prints for the \
             library, found \"12ab\"",
            "too short",
        ),
        (
            extension(&format!("{{\n\"sha256\": \"{}\"}}", "0g".repeat(32))),
            &format!(
                "host.json:2: workerExtensions.x.sha256: expected the 64 hex digits that sha256sum prints for the \
                 library, found \"{}\"",
                "0g".repeat(32)
            ),
            "not hex",
        ),
        (
            "{\n\"telemetryMode\": \"OpenTelemetri\"}".to_owned(),
            "host.json:2: telemetryMode: expected one of \"ApplicationInsights\", \"OpenTelemetry\", found \
             \"OpenTelemetri\"",
            "a mode that does not exist",
        ),
        (
            "{\"telemetryMode\": true}".to_owned(),
            "host.json:1: telemetryMode: expected a string, found boolean",
            "a mode is a name",
        ),
        (
            extension("{\"settings\": []}"),
            "host.json:1: workerExtensions.x.settings: expected an object, found array",
            "settings are an object",
        ),
    ];
    for (text, expected, reason) in cases {
        assert_eq!(parse(&text, &[]).expect_err(reason), expected, "{reason}");
    }
}

#[test]
fn a_warning_says_what_is_odd() {
    let cases = [
        (
            "{\"version\": \"1.0\"}",
            "host.json:1: version: only version \"2.0\" of host.json is supported; the file is read as version 2.0",
        ),
        (
            "{\"workerExtension\": {}}",
            "host.json:1: workerExtension: unknown key, ignored (did you mean \"workerExtensions\"?)",
        ),
        (
            "{\"telemetrymod\": \"\"}",
            "host.json:1: telemetrymod: unknown key, ignored (did you mean \"telemetryMode\"?)",
        ),
    ];
    for (text, expected) in cases {
        let (_, warnings) = parse(text, &[]).expect(expected);
        assert_eq!(warnings, [expected]);
    }
}

#[test]
fn app_settings_override_values() {
    let text = r#"{
        "functionTimeout": "00:01:00", "functions": ["A", "B"], "extensions": {"http": {"routePrefix": "a"}},
        "workerExtensions": {"x": {"settings": {"Rate": 1, "keep": 2}}}
    }"#;
    let (config, warnings) = parse(
        text,
        &[
            ("AzureFunctionsJobHost__functionTimeout", "-1"),
            ("AZUREFUNCTIONSJOBHOST__EXTENSIONS__HTTP__ROUTEPREFIX", "5"),
            (
                "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests",
                "7",
            ),
            ("AzureFunctionsJobHost__telemetryMode", "OPENTELEMETRY"),
            ("AzureFunctionsJobHost__functions__0", "Zero"),
            ("AzureFunctionsJobHost__functions__10", "Ten"),
            ("AzureFunctionsJobHost__functions__2", "Two"),
            ("AzureFunctionsJobHost__logging__logLevel__Function.A", "debug"),
            ("AzureFunctionsJobHost__workerExtensions__x__required", "No"),
            ("AzureFunctionsJobHost__workerExtensions__x__functions__0", "A"),
            (
                "AzureFunctionsJobHost__workerExtensions__x__settings__rate",
                "0.25",
            ),
            ("AzureFunctionsJobHost__workerExtensions__x__settings__on", "True"),
            (
                "AzureFunctionsJobHost__workerExtensions__x__settings__list__0__name",
                "first",
            ),
            ("AzureFunctionsJobHost__", "x"),
            ("AzureFunctionsJobHost__a____b", "x"),
            ("OTHER__functionTimeout", "x"),
        ],
    )
    .expect("valid");
    assert_eq!(config.function_timeout, None);
    assert_eq!(config.telemetry_mode, TelemetryMode::OpenTelemetry);
    assert_eq!(config.http.route_prefix, "5", "text where text is expected");
    assert_eq!(
        config.http.max_concurrent_requests,
        Some(7),
        "a number where one is expected"
    );
    let functions: Vec<_> = ["Zero", "B", "Two", "Ten"].map(str::to_owned).into();
    assert_eq!(
        config.functions,
        Some(functions),
        "replaced, kept, and appended in the order of numbers"
    );
    assert_eq!(config.log_levels, log_levels(&[("Function.A", LogLevel::Debug)]));
    let [extension] = config.worker_extensions.as_slice() else {
        panic!("one extension")
    };
    assert!(!extension.is_required());
    assert_eq!(extension.functions, ["A"]);
    assert_eq!(
        serde_json::Value::Object(extension.settings.clone()),
        serde_json::json!({"Rate": 0.25, "keep": 2, "on": true, "list": [{"name": "first"}]}),
        "values take the type that they look like, keys the case of the file"
    );
    let ignored = "ignored, as it names no key of host.json; expected AzureFunctionsJobHost__section__key";
    assert_eq!(
        warnings,
        [
            format!("app setting AzureFunctionsJobHost__: {ignored}"),
            format!("app setting AzureFunctionsJobHost__a____b: {ignored}"),
        ]
    );
}

#[test]
fn a_wrong_override_names_the_setting() {
    let cases = [
        (
            ("AzureFunctionsJobHost__functionTimeout", "soon"),
            "app setting AzureFunctionsJobHost__functionTimeout: expected a time \"hh:mm:ss\" or \
             \"d.hh:mm:ss\" of at least a second, or \"-1\" for no limit, found \"soon\"",
            "a bad value",
        ),
        (
            (
                "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests",
                "many",
            ),
            "app setting AzureFunctionsJobHost__extensions__http__maxConcurrentRequests: expected a number of \
             at least 1, or -1 for unlimited, found \"many\"",
            "not a number",
        ),
        (
            ("AzureFunctionsJobHost__telemetryMode", ""),
            "app setting AzureFunctionsJobHost__telemetryMode: expected one of \"ApplicationInsights\", \
             \"OpenTelemetry\", found \"\"",
            "not a mode",
        ),
        (
            ("AzureFunctionsJobHost__workerExtensions__x__required", "on"),
            "app setting AzureFunctionsJobHost__workerExtensions__x__required: expected a boolean (1, true, t, yes or y; \
             0, false, f, no or n), found \"on\"",
            "not a boolean",
        ),
        (
            ("AzureFunctionsJobHost__functions", "A"),
            "app setting AzureFunctionsJobHost__functions: expected a list, found \"A\"; set its elements with \
             AzureFunctionsJobHost__functions__0, AzureFunctionsJobHost__functions__1, …",
            "not a list",
        ),
        (
            ("AzureFunctionsJobHost__functions__first", "A"),
            "app setting AzureFunctionsJobHost__functions__first: expected an array, found object",
            "a name in a list",
        ),
        (
            ("AzureFunctionsJobHost__extensions", "x"),
            "app setting AzureFunctionsJobHost__extensions: expected an object, found \"x\"",
            "a whole section",
        ),
    ];
    for (setting, expected, reason) in cases {
        assert_eq!(
            parse("{\"functions\": []}", &[setting]).expect_err(reason),
            expected,
            "{reason}"
        );
    }
}
