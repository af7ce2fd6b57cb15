//! Samplers out of settings and variables, and the errors.

use super::*;

fn resolved(json: &str, env: &[(&str, &str)]) -> Result<Sampling, SamplingError> {
    let settings: Settings = serde_json::from_str(json).expect("valid settings");
    resolve(&settings, |name| {
        let found = env.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn shown(choice: Choice) -> String {
    format!("{} {}", choice.sampler, choice.rate)
}

#[test]
fn the_sampler_follows_from_settings_and_environment() {
    const NAME: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let tenth = (ARGUMENT, "0.1");
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Variables<'_>, &str, &str); 22] = [
        ("{}", &[], "parentbased_always_on 1", "nothing is configured"),
        (
            r#"{"sampler": "always_off"}"#,
            &[],
            "always_off 1",
            "a sampler without a rate",
        ),
        (
            r#"{"sampler": "probability", "rate": 0.25}"#,
            &[],
            "probability 0.25",
            "OpenCensus' way",
        ),
        (
            r#"{"sampler": "probability"}"#,
            &[],
            "probability 1",
            "the default of shares",
        ),
        (
            r#"{"sampler": "probability", "rate": 1}"#,
            &[],
            "probability 1",
            "a whole number",
        ),
        (
            r#"{"sampler": "traceidratio", "rate": 0}"#,
            &[],
            "traceidratio 0",
            "the smallest share",
        ),
        (
            r#"{"sampler": "parentbased_probability", "rate": 0.5}"#,
            &[],
            "parentbased_probability 0.5",
            "parentbased",
        ),
        (
            r#"{"sampler": "rate_limited"}"#,
            &[],
            "rate_limited 20",
            "the default of those that count",
        ),
        (
            r#"{"sampler": "parentbased_rate_limited", "rate": 0.5}"#,
            &[],
            "parentbased_rate_limited 0.5",
            "one in two seconds",
        ),
        (
            r#"{"sampler": "rate_limited", "rate": null}"#,
            &[],
            "rate_limited 20",
            "null is left out",
        ),
        (
            "{}",
            &[(NAME, "traceidratio"), tenth],
            "traceidratio 0.1",
            "by variables",
        ),
        (
            "{}",
            &[(NAME, " ParentBased_TraceIDRatio "), tenth],
            "parentbased_traceidratio 0.1",
            "in any case",
        ),
        (
            "{}",
            &[(NAME, "rate_limited"), (ARGUMENT, "5")],
            "rate_limited 5",
            "which OpenTelemetry does not have",
        ),
        (
            "{}",
            &[(NAME, "always_on"), (ARGUMENT, "what")],
            "always_on 1",
            "no argument is looked at",
        ),
        (
            "{}",
            &[tenth],
            "parentbased_always_on 1",
            "an argument of no sampler",
        ),
        (
            "{}",
            &[(NAME, "jaeger_remote"), tenth],
            "parentbased_always_on 1",
            "one that is not supported",
        ),
        (
            "{}",
            &[(NAME, "traceidratio"), (ARGUMENT, "1.5")],
            "traceidratio 1",
            "a bad argument",
        ),
        (
            "{}",
            &[(NAME, "traceidratio"), (ARGUMENT, "NaN")],
            "traceidratio 1",
            "no number",
        ),
        (
            "{}",
            &[(NAME, "rate_limited"), (ARGUMENT, "inf")],
            "rate_limited 20",
            "no number either",
        ),
        (
            r#"{"sampler": "traceidratio"}"#,
            &[(NAME, "rate_limited"), tenth],
            "traceidratio 1",
            "settings win, and the argument is the other's",
        ),
        (
            r#"{"rate": 0.5}"#,
            &[(NAME, "traceidratio"), tenth],
            "traceidratio 0.5",
            "the rate of a variable's sampler",
        ),
        (
            r#"{"rate": 0.5}"#,
            &[(NAME, "traceidratio"), (ARGUMENT, "x")],
            "traceidratio 0.5",
            "whatever its argument",
        ),
    ];
    for (json, env, expected, reason) in cases {
        let sampling = resolved(json, env).unwrap_or_else(|error| panic!("{reason}: {error}"));
        assert_eq!(shown(sampling.all), expected, "{reason}");
        assert!(sampling.functions.is_empty(), "{reason}");
    }
}

#[test]
fn functions_have_their_own() {
    let sampling = resolved(
        r#"{ "sampler": "probability", "rate": 0.1, "functions": {
            "Health": {"sampler": "always_off"},
            "Order": {"rate": 0.9},
            "Same": {"sampler": "probability"},
            "Search": {"sampler": "rate_limited", "rate": 5},
            "Other": {"sampler": "rate_limited"},
            "Plain": {}
        } }"#,
        &[],
    );
    let found: Vec<_> = sampling
        .expect("valid settings")
        .functions
        .into_iter()
        .map(|(name, choice)| format!("{name} {}", shown(choice)))
        .collect();
    let expected = [
        "Health always_off 1",
        "Order probability 0.9",
        "Other rate_limited 20",
        "Plain probability 0.1",
        "Same probability 0.1",
        "Search rate_limited 5",
    ];
    assert_eq!(found, expected);
}

#[test]
fn errors_name_the_key() {
    let cases = [
        (
            r#"{"sampler": "probability", "rate": 1.5}"#,
            "rate: expected a share of traces from 0 to 1 for the sampler probability, found 1.5",
        ),
        (
            r#"{"sampler": "parentbased_traceidratio", "rate": -1}"#,
            "rate: expected a share of traces from 0 to 1 for the sampler parentbased_traceidratio, found -1",
        ),
        (
            r#"{"sampler": "rate_limited", "rate": 0}"#,
            "rate: expected traces a second, above 0, for the sampler rate_limited, found 0",
        ),
        (
            r#"{"rate": 0.5}"#,
            "rate: the sampler parentbased_always_on takes none; leave it out, or choose a \"sampler\" that does, such \
             as \"probability\" or \"rate_limited\"",
        ),
        (
            r#"{"functions": {"Health": {"sampler": "traceidratio", "rate": 2}}}"#,
            "functions.Health.rate: expected a share of traces from 0 to 1 for the sampler traceidratio, found 2",
        ),
        (
            r#"{"functions": {"Health": {"sampler": "always_off", "rate": 1}}}"#,
            "functions.Health.rate: the sampler always_off takes none; leave it out, or choose a \"sampler\" that does, \
             such as \"probability\" or \"rate_limited\"",
        ),
    ];
    for (json, expected) in cases {
        let error = resolved(json, &[]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected), "{json}");
    }
    let unknown = serde_json::from_str::<Settings>(r#"{"sampler": "sometimes"}"#).expect_err("there is none");
    let message = unknown.to_string();
    assert!(
        message.contains("`sometimes`") && message.contains("`parentbased_rate_limited`"),
        "{message}"
    );
}
