//! Propagators out of the setting and the variable, and the errors.

use super::*;

fn resolved(json: &str, variable: Option<&str>) -> Result<String, String> {
    let settings = serde_json::from_str::<Settings>(json).map_err(|error| error.to_string())?;
    let env = |name: &str| (name == "OTEL_PROPAGATORS").then_some(variable?.to_owned());
    let propagators = resolve(&settings, env).map_err(|error| error.to_string())?;
    let names: Vec<_> = propagators.iter().map(Propagator::name).collect();
    Ok(names.join(" "))
}

#[test]
fn the_formats_follow_from_setting_and_variable() {
    let cases = [
        ("{}", None, "tracecontext baggage", "the default"),
        (
            r#"{"propagators": ["b3", "tracecontext"]}"#,
            None,
            "b3 tracecontext",
            "a list, in order",
        ),
        (
            r#"{"propagators": "b3multi, baggage"}"#,
            None,
            "b3multi baggage",
            "a text",
        ),
        (r#"{"propagators": ["b3", "b3"]}"#, None, "b3", "each once"),
        (r#"{"propagators": "none"}"#, None, "", "none"),
        (r#"{"propagators": ["none"]}"#, None, "", "none, in a list"),
        (r#"{"propagators": []}"#, None, "", "an empty list"),
        (r#"{"propagators": null}"#, Some("b3"), "b3", "null is left out"),
        (
            r#"{"propagators": ["b3"]}"#,
            Some("tracecontext"),
            "b3",
            "the setting wins",
        ),
        ("{}", Some("b3multi"), "b3multi", "the variable"),
        (
            "{}",
            Some("B3, ,tracecontext,b3,"),
            "b3 tracecontext",
            "in any case, each once",
        ),
        (
            "{}",
            Some("jaeger,xray,b3"),
            "b3",
            "those that are not supported are ignored",
        ),
        ("{}", Some("jaeger"), "tracecontext baggage", "nothing is left"),
        ("{}", Some("none"), "", "none"),
        ("{}", Some("none,b3"), "b3", "none and another"),
    ];
    for (json, variable, expected, reason) in cases {
        assert_eq!(resolved(json, variable).as_deref(), Ok(expected), "{reason}");
    }
}

#[test]
fn errors_name_the_key() {
    let supported = "is not supported; expected some of tracecontext, baggage, b3, b3multi, or none";
    let cases = [
        (
            r#"{"propagators": ["jaeger"]}"#,
            format!("propagators: \"jaeger\" {supported}"),
        ),
        (
            r#"{"propagators": "b3,"}"#,
            format!("propagators: \"\" {supported}"),
        ),
        (
            r#"{"propagators": ["B3"]}"#,
            format!("propagators: \"B3\" {supported}"),
        ),
        (
            r#"{"propagators": "none,b3"}"#,
            "propagators: \"none\" goes with no other".to_owned(),
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(resolved(json, None), Err(expected), "{json}");
    }
    let wrong = resolved(r#"{"propagators": 3}"#, None).expect_err("a number");
    assert!(wrong.contains("expected a name or a list of names"), "{wrong}");
}
