//! The extension's `settings` in host.json.

use std::num::NonZeroUsize;
use std::time::Duration;

use funcdock_extension_api::{Documented, HttpRequest};
use http::HeaderName;
use serde::Deserialize;
use thiserror::Error;

use crate::bucket::Limit;

const MAX_PER_SECOND: f64 = 1e6;
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The `settings` object.
#[derive(Debug, Deserialize, Documented)]
pub struct Settings {
    /// How many calls a second go through in the long run. Fractions are for slower rates: 0.1 is one in ten seconds.
    per_second: f64,
    /// How many calls may come at once after a pause; `per_second`, rounded up, unless given.
    burst: Option<u32>,
    /// Which calls share a bucket.
    #[serde(default)]
    pub(crate) key: Key,
    /// The maximum number of keys that are kept.
    #[serde(default = "default_max_keys")]
    pub(crate) max_keys: NonZeroUsize,
}

fn default_max_keys() -> NonZeroUsize {
    const { NonZeroUsize::new(10_000).expect("not 0") }
}

/// Which calls of a function share a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Key {
    /// All.
    #[default]
    Function,
    /// Those of a client's address.
    Client,
    /// Those with the same value of a header.
    Header(HeaderName),
}

/// Settings that make no sense.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum SettingsError {
    #[error("per_second: expected a number above 0, at most {MAX_PER_SECOND}, found {0}")]
    PerSecond(f64),
    #[error("burst: expected at least 1, found 0")]
    NoBurst,
    #[error(
        "burst: {burst} calls at {per_second} a second take more than a year to come back: \
         lower \"burst\" or raise \"per_second\""
    )]
    Burst { burst: u32, per_second: f64 },
    #[error("expected \"function\", \"client\" or \"header:<name>\", found {0:?}")]
    Key(String),
    #[error("{0:?} is not a header's name (letters, digits and hyphens)")]
    HeaderName(String),
}

impl Settings {
    /// Returns the limit that these settings describe.
    pub(crate) fn limit(&self) -> Result<Limit, SettingsError> {
        let per_second = self.per_second;
        // Neither is NaN.
        if !(per_second > 0.0 && per_second <= MAX_PER_SECOND) {
            return Err(SettingsError::PerSecond(per_second));
        }
        // A float of at most a million fits.
        let burst = self.burst.unwrap_or(per_second.ceil() as u32);
        if burst == 0 {
            return Err(SettingsError::NoBurst);
        }
        let interval = Duration::try_from_secs_f64(1.0 / per_second).ok();
        interval
            .and_then(|interval| Some((interval, interval.checked_mul(burst)?)))
            .filter(|(_, window)| *window <= YEAR)
            .map(|(interval, window)| Limit::new(interval, window))
            .ok_or(SettingsError::Burst { burst, per_second })
    }
}

impl TryFrom<String> for Key {
    type Error = SettingsError;

    fn try_from(text: String) -> Result<Self, SettingsError> {
        match text.as_str() {
            "function" => Ok(Key::Function),
            "client" => Ok(Key::Client),
            other => match other.strip_prefix("header:") {
                Some(name) => name
                    .parse()
                    .map(Key::Header)
                    .map_err(|_| SettingsError::HeaderName(name.to_owned())),
                None => Err(SettingsError::Key(text)),
            },
        }
    }
}

impl Key {
    /// The key of a call; `None` for those that share the function's one bucket: all of them, or those that have no
    /// such header or address.
    pub(crate) fn of<'a>(&self, request: Option<HttpRequest<'a>>) -> Option<&'a [u8]> {
        match self {
            Key::Function => None,
            Key::Client => request?.client_address().map(without_port).map(str::as_bytes),
            Key::Header(name) => request?.header_bytes(name.as_str()),
        }
    }
}

/// An address as a socket has it, `127.0.0.1:1234` or `[::1]:1234`, without its port.
fn without_port(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn limit(settings: Json) -> Result<String, String> {
        let settings: Settings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        let limit = settings.limit().map_err(|error| error.to_string())?;
        Ok(format!("{limit:?}"))
    }

    #[test]
    fn the_burst_is_the_rate_unless_given() {
        for (settings, interval, window) in [
            (json!({ "per_second": 10 }), 100_000_000, 1_000_000_000),
            (json!({ "per_second": 2.5 }), 400_000_000, 1_200_000_000),
            (json!({ "per_second": 0.5 }), 2_000_000_000, 2_000_000_000_u64),
            (
                json!({ "per_second": 1, "burst": 5 }),
                1_000_000_000,
                5_000_000_000,
            ),
            (json!({ "per_second": 1e6, "burst": 1 }), 1_000, 1_000),
        ] {
            let expected = format!("Limit {{ interval: {interval}, window: {window} }}");
            assert_eq!(limit(settings.clone()), Ok(expected), "{settings}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (settings, expected) in [
            (json!({}), "missing field `per_second`"),
            (
                json!({ "per_second": 0 }),
                "per_second: expected a number above 0, at most 1000000, found 0",
            ),
            (
                json!({ "per_second": -1.5 }),
                "per_second: expected a number above 0, at most 1000000, found -1.5",
            ),
            (json!({ "per_second": 1e7 }), "at most 1000000, found 10000000"),
            (
                json!({ "per_second": 1, "burst": 0 }),
                "burst: expected at least 1, found 0",
            ),
            (
                json!({ "per_second": 1e-7, "burst": 4 }),
                "burst: 4 calls at 0.0000001 a second take more than a year",
            ),
            (json!({ "per_second": 1e-300 }), "more than a year"),
            (json!({ "per_second": 1, "max_keys": 0 }), "nonzero"),
            (
                json!({ "per_second": 1, "key": "ip" }),
                "expected \"function\", \"client\" or \"header:<name>\", found \"ip\"",
            ),
            (
                json!({ "per_second": 1, "key": "header:two words" }),
                "\"two words\" is not a header's name",
            ),
        ] {
            let error = limit(settings.clone()).expect_err("refused");
            assert!(error.contains(expected), "{settings}: {error}");
        }
    }

    #[test]
    fn keys_are_read() {
        let key = |text: &str| Key::try_from(text.to_owned());
        assert_eq!(key("function"), Ok(Key::Function));
        assert_eq!(key("client"), Ok(Key::Client));
        assert_eq!(
            key("header:X-Api-Key"),
            Ok(Key::Header(HeaderName::from_static("x-api-key")))
        );
    }

    #[test]
    fn an_address_is_used_without_its_port() {
        assert_eq!(without_port("192.0.2.1:1234"), "192.0.2.1");
        assert_eq!(without_port("[2001:db8::1]:1234"), "[2001:db8::1]");
    }
}
