//! `retry` policies of host.json and of functions.

use std::time::Duration;

use super::error::Problem;
use super::json::Item;
use super::values::{one_of, time_span};
use crate::model::{Binding, RetryPolicy, RetryStrategy};

/// The name of the key.
const KEY: &str = "retry";

const COUNT: &str = "a number of retries, or -1 for no limit";
const DELAY: &str = "a time \"hh:mm:ss\" or \"d.hh:mm:ss\"";

/// Reads the policy of this object, if it has one.
pub(super) fn read(top: &Item<'_>) -> Result<Option<RetryPolicy>, Problem> {
    let Some(policy) = top.get(KEY)? else {
        return Ok(None);
    };
    let required = |key: &str, expected: &str| {
        let found = policy.get(key)?;
        found.ok_or_else(|| policy.problem(format!("expected a member \"{key}\": {expected}")))
    };
    let delay = |key: &str| -> Result<Duration, Problem> {
        let item = required(key, DELAY)?;
        let text = item.scalar_text().map_err(|_| item.wrong_type(DELAY))?;
        time_span(text).ok_or_else(|| item.wrong_value(DELAY))
    };
    let strategy = one_of(
        &required("strategy", "\"fixedDelay\" or \"exponentialBackoff\"")?,
        &["fixedDelay", "exponentialBackoff"],
    )?;
    let max = {
        let item = required("maxRetryCount", COUNT)?;
        let text = item.scalar_text().map_err(|_| item.wrong_type(COUNT))?;
        match text.trim().parse::<i32>() {
            Ok(-1) => None,
            Ok(count) => Some(u32::try_from(count).map_err(|_| item.wrong_value(COUNT))?),
            Err(_) => return Err(item.wrong_value(COUNT)),
        }
    };
    let strategy = match strategy.as_str() {
        "fixedDelay" => RetryStrategy::Fixed {
            delay: delay("delayInterval")?,
        },
        _ => {
            let (min, max) = (delay("minimumInterval")?, delay("maximumInterval")?);
            if max < min {
                let item = required("maximumInterval", DELAY)?;
                return Err(item.wrong_value("a time that is not shorter than minimumInterval"));
            }
            RetryStrategy::Exponential { min, max }
        }
    };
    Ok(Some(RetryPolicy { max, strategy }))
}

/// Reads the policy of a function with these bindings. One that nothing follows becomes a warning.
pub(super) fn of_function(
    top: &Item<'_>,
    bindings: &[Binding],
    warnings: &mut Vec<Problem>,
) -> Result<Option<RetryPolicy>, Problem> {
    let trigger = bindings.iter().find(|binding| binding.is_trigger());
    let reason = match trigger
        .map(|trigger| trigger.kind.to_ascii_lowercase())
        .as_deref()
    {
        Some("httptrigger") => "calls of HTTP functions are never retried, as their clients can do that",
        Some("warmuptrigger") => "a worker warms up once, and takes requests also if that fails",
        _ => return read(top),
    };
    if read(top)?.is_some()
        && let Some(item) = top.get(KEY)?
    {
        warnings.push(item.problem(format!("has no effect: {reason}")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::json::Document;
    use super::*;

    fn parse(policy: &str) -> Result<Option<RetryPolicy>, String> {
        let text = format!("{{\"retry\": {policy}}}");
        let document = Document::parse("host.json".into(), &text).expect("an object");
        read(&document.item()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn policies_are_read_as_both_models_write_them() {
        let fixed = RetryPolicy {
            max: Some(4),
            strategy: RetryStrategy::Fixed {
                delay: Duration::from_secs(10),
            },
        };
        let text = r#"{"strategy": "fixedDelay", "maxRetryCount": 4, "delayInterval": "00:00:10"}"#;
        assert_eq!(parse(text), Ok(Some(fixed)));
        let forever = RetryPolicy {
            max: None,
            strategy: RetryStrategy::Exponential {
                min: Duration::from_secs(1),
                max: Duration::from_secs(900),
            },
        };
        let text = r#"{"strategy": "ExponentialBackoff", "maxRetryCount": "-1", "minimumInterval": "00:00:01",
                      "maximumInterval": "00:15:00"}"#;
        assert_eq!(parse(text), Ok(Some(forever)));
        assert_eq!(parse("null"), Ok(None));
    }

    #[test]
    fn a_policy_that_nothing_follows_is_named() {
        let text =
            r#"{"retry": {"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "00:00:01"}}"#;
        let document = Document::parse("function.json".into(), text).expect("an object");
        for (kind, expected) in [
            ("HttpTrigger", Some("calls of HTTP functions are never retried")),
            ("warmupTrigger", Some("a worker warms up once")),
            ("queueTrigger", None),
        ] {
            let binding = serde_json::json!({
                "name": "start", "kind": kind, "direction": "in", "data_type": null, "settings": "other", "properties": {},
            });
            let bindings = [serde_json::from_value(binding).expect("a binding")];
            let mut warnings = Vec::new();
            let policy = of_function(&document.item(), &bindings, &mut warnings).expect("valid");
            assert_eq!(policy.is_some(), expected.is_none(), "{kind}");
            let warning = warnings.first().map(ToString::to_string);
            match expected {
                Some(reason) => assert!(warning.is_some_and(|warning| warning.contains(reason)), "{kind}"),
                None => assert_eq!(warning, None, "{kind}"),
            }
        }
    }

    #[test]
    fn a_wrong_policy_is_named() {
        for (policy, expected) in [
            (
                "{}",
                "retry: expected a member \"strategy\": \"fixedDelay\" or \"exponentialBackoff\"",
            ),
            (
                r#"{"strategy": "fixed"}"#,
                "retry.strategy: expected one of \"fixedDelay\", \"exponentialBackoff\", found \"fixed\"",
            ),
            (
                r#"{"strategy": "fixedDelay"}"#,
                "retry: expected a member \"maxRetryCount\": a number of retries, or -1 for no limit",
            ),
            (
                r#"{"strategy": "fixedDelay", "maxRetryCount": -2}"#,
                "retry.maxRetryCount: expected a number of retries, or -1 for no limit, found -2",
            ),
            (
                r#"{"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "10"}"#,
                "retry.delayInterval: expected a time \"hh:mm:ss\" or \"d.hh:mm:ss\", found \"10\"",
            ),
            (
                r#"{"strategy": "exponentialBackoff", "maxRetryCount": 1, "minimumInterval": "00:01:00",
                   "maximumInterval": "00:00:01"}"#,
                "retry.maximumInterval: expected a time that is not shorter than minimumInterval, found \"00:00:01\"",
            ),
        ] {
            let found = parse(policy).expect_err(policy);
            assert!(found.ends_with(expected), "{policy}\n{found}\n{expected}");
        }
    }
}
