//! Environment variables, by OpenTelemetry's rules: an empty one counts as unset, a bad value is reported and ignored.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::signal::Signal;

/// Looks up an environment variable of this process; an empty one counts as unset.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the first of these variables that is set, with its name.
pub(super) fn first<const N: usize>(
    env: impl Fn(&str) -> Option<String>,
    names: [&'static str; N],
) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, env(name)?)))
}

/// Reads a positive number. Reports and ignores a bad value.
pub(super) fn number(env: impl Fn(&str) -> Option<String>, name: &str) -> Option<u64> {
    let given = env(name)?;
    let number = given.trim().parse().ok().filter(|number| *number > 0);
    if number.is_none() {
        tracing::warn!("{name}: expected a whole number above 0, found {given:?}; the default applies");
    }
    number
}

/// Reads a number of things that fit in memory; as [`number`].
pub(super) fn size(env: impl Fn(&str) -> Option<String>, name: &str) -> Option<usize> {
    number(env, name).and_then(|size| usize::try_from(size).ok())
}

/// Reads headers: `name=value` with commas between, values percent-encoded. Reports and ignores malformed entries.
pub(super) fn headers(signal: Signal, env: impl Fn(&str) -> Option<String>) -> HeaderMap {
    let names = [signal.variables().headers, "OTEL_EXPORTER_OTLP_HEADERS"];
    let Some((variable, given)) = first(env, names) else {
        return HeaderMap::new();
    };
    let parse = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((HeaderName::try_from(name.trim()).ok()?, secret(&value)?))
    };
    let mut headers = HeaderMap::new();
    for (index, pair) in given.split(',').enumerate() {
        match parse(pair) {
            Some((name, value)) => {
                headers.insert(name, value);
            }
            None if pair.trim().is_empty() => {}
            None => tracing::warn!(
                "{variable}: entry {} is ignored; expected name=value, the value percent-encoded",
                index + 1
            ),
        }
    }
    headers
}

/// Makes a header's value, which is often a secret: neither messages nor `Debug` show it.
pub(super) fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
