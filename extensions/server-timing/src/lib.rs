//! Shows clients how long the function took: a `Server-Timing` header on every response, which browsers show in their
//! developer tools and give to scripts ([Server Timing](https://www.w3.org/TR/server-timing/)). For a streamed response
//! that is the time until its headers are ready.
//!
//! host.json switches it on under the name "server-timing"; its one setting, `metric`, is the name in the header:
//!
//! ```json
//! "workerExtensions": { "server-timing": { "settings": { "metric": "function" } } }
//! ```
//!
//! As a model: an extension of application level, whose pre hook hands a value to its post hook, which changes the
//! response.

use std::time::{Duration, Instant};

use funcdock_extension_api::{
    AppInfo, Documented, Error, Extension, Flow, Invocation, Outcome, Result, extension,
};
use serde::Deserialize;

/// The `settings` object.
#[derive(Debug, Deserialize, Documented)]
#[serde(default)]
pub struct Settings {
    /// The name of the duration in the header.
    metric: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            metric: "function".to_owned(),
        }
    }
}

/// The extension: one a worker.
pub struct ServerTiming {
    metric: String,
}

#[extension]
impl Extension for ServerTiming {
    type Settings = Settings;
    type State = Instant;

    fn configure(settings: &Settings) -> Result<()> {
        if is_token(&settings.metric) {
            Ok(())
        } else {
            Err(Error::msg(format!(
                "metric: {:?} is not a valid metric name: expected letters, digits and any of {PUNCTUATION}",
                settings.metric
            )))
        }
    }

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(ServerTiming {
            metric: settings.metric,
        })
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<Instant>> {
        Ok(Flow::Continue(Instant::now()))
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        start: &mut Instant,
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        let duration = start.elapsed();
        match call.response() {
            // The function may have set the header too.
            Some(mut response) => response.append_header("server-timing", &entry(&self.metric, duration)),
            None => Ok(()),
        }
    }
}

/// The characters of an HTTP token besides letters and digits (RFC 9110, 5.6.2).
const PUNCTUATION: &str = "!#$%&'*+-.^_`|~";

fn is_token(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || PUNCTUATION.contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

/// `function;dur=12.3`: milliseconds, to the microsecond.
fn entry(metric: &str, duration: Duration) -> String {
    // A float holds microseconds exactly for 285 years, and is shown with as few digits as identify it.
    let milliseconds = duration.as_micros() as f64 / 1000.0;
    format!("{metric};dur={milliseconds}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_milliseconds_with_no_more_digits_than_needed() {
        for (nanoseconds, expected) in [
            (0, "m;dur=0"),
            (999, "m;dur=0"),
            (1_000, "m;dur=0.001"),
            (50_000, "m;dur=0.05"),
            (12_300_000, "m;dur=12.3"),
            (12_345_678, "m;dur=12.345"),
            (100_000_000, "m;dur=100"),
            (86_400_000_001_000, "m;dur=86400000.001"),
        ] {
            assert_eq!(entry("m", Duration::from_nanos(nanoseconds)), expected);
        }
    }

    #[test]
    fn the_metric_is_a_token() {
        let configure = |settings: &str| {
            let settings = serde_json::from_str(settings).expect("settings");
            ServerTiming::configure(&settings).map_err(|error| error.to_string())
        };
        assert_eq!(configure("{}"), Ok(()));
        assert_eq!(configure(r#"{ "metric": "my-app.total_1" }"#), Ok(()));
        for metric in ["", "two words", "a;b", "a,b", "a=b", "é"] {
            let error = configure(&serde_json::json!({ "metric": metric }).to_string());
            let error = error.expect_err("not a token");
            assert!(
                error.starts_with(&format!("metric: {metric:?} is not a valid metric name")),
                "{error}"
            );
        }
    }
}
