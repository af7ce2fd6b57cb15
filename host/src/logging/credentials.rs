//! Keeps credentials out of the log, errors and lists: those in URLs, and settings whose names say that they are secret.
//!
//! `funcdock_telemetry` has the same rule for URLs, and does not know this crate.

use funcdock_extension_api::driver::is_secret_name;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

const HIDDEN: &str = "***";

/// Returns text without what is secret in the URLs in it: user and password, query, fragment.
pub(crate) fn hide_credentials(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(is_end) {
        let (word, end) = word.split_at(word.rfind(is_end).unwrap_or(word.len()));
        let (scheme, rest) = word.split_at(word.find("://").map_or(0, |at| at + "://".len()));
        shown.push_str(scheme);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let at = match authority.rfind('@') {
            _ if scheme.is_empty() => None,
            // A password with a slash makes a URL that is none. Its user looks like a host.
            None if authority.contains(':') => rest.rfind('@'),
            at => at,
        };
        let rest = match at {
            Some(at) => {
                shown.push_str(HIDDEN);
                &rest[at..]
            }
            None => rest,
        };
        // Also of a path alone: "/x?sig=…".
        let is_url = !scheme.is_empty() || rest.starts_with('/');
        match rest.find(['?', '#']).filter(|at| is_url && at + 1 < rest.len()) {
            Some(at) => {
                shown.push_str(&rest[..=at]);
                shown.push_str(HIDDEN);
            }
            None => shown.push_str(rest),
        }
        shown.push_str(end);
    }
    shown
}

/// Names of parameters that do not look secret: a key of the host, the signature of a URL for Azure's storage, a password.
const SECRET_PARAMETERS: [&str; 3] = ["code", "sig", "pw"];

/// Returns the query of a URL without the values of parameters that say by their name that they are secret.
pub(crate) fn hide_secret_parameters(query: &str) -> String {
    let is_secret = |name: &str| {
        // As whoever looks for it reads it.
        let name = percent_decode_str(name).decode_utf8_lossy();
        is_secret_name(&name)
            || SECRET_PARAMETERS
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
    };
    let shown = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

/// Returns settings to show: without credentials.
pub(crate) fn settings_to_show(settings: &Map<String, Value>) -> Map<String, Value> {
    let shown = |(name, value): (&String, &Value)| (name.clone(), to_show(value, is_secret_name(name)));
    settings.iter().map(shown).collect()
}

fn to_show(value: &Value, is_hidden: bool) -> Value {
    match value {
        Value::Object(members) => {
            let shown = |(name, value): (&String, &Value)| {
                (name.clone(), to_show(value, is_hidden || is_secret_name(name)))
            };
            Value::Object(members.iter().map(shown).collect())
        }
        Value::Array(items) => items.iter().map(|item| to_show(item, is_hidden)).collect(),
        Value::String(_) | Value::Number(_) if is_hidden => HIDDEN.into(),
        Value::String(text) => hide_credentials(text).into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_lose_their_credentials_and_nothing_else() {
        for (text, expected) in [
            ("no URL", "no URL"),
            (
                "see https://pypi.org/simple/ now",
                "see https://pypi.org/simple/ now",
            ),
            (
                "http://[::1]:80/a and http://b/c@d",
                "http://[::1]:80/a and http://b/c@d",
            ),
            ("https://u:s3cret@host/x", "https://***@host/x"),
            ("https://s3cret@host", "https://***@host"),
            (
                "git+https://s3cret@host/r.git@main#egg=x",
                "git+https://***@host/r.git@main#***",
            ),
            ("a \"https://u:s3@cret@h\" b", "a \"https://***@h\" b"),
            ("https://u:s3/cret@host/x", "https://***@host/x"),
            ("https://u:1/s3cret@host/x", "https://***@host/x"),
            ("https://host/p?code=s3cret&x=1, b", "https://host/p?*** b"),
            (
                "with url: /x.zip?sig=s3cret (refused)",
                "with url: /x.zip?*** (refused)",
            ),
            ("://", "://"),
            ("is it /a? or #1?", "is it /a? or #1?"),
            ("x://s3cret@a http://b", "x://***@a http://b"),
        ] {
            assert_eq!(hide_credentials(text), expected);
        }
    }

    #[test]
    fn secret_settings_are_hidden() {
        let given = json!({
            "rate": 0.5, "endpoint": "https://s3cret@host/x", "headers": { "x-api": "s3cret" },
            "connection_string": "s3cret", "nested": [{ "apiKey": "s3cret", "on": true }]
        });
        let shown = settings_to_show(given.as_object().expect("an object"));
        let expected = json!({
            "rate": 0.5, "endpoint": "https://***@host/x", "headers": { "x-api": "***" },
            "connection_string": "***", "nested": [{ "apiKey": "***", "on": true }]
        });
        assert_eq!(Value::Object(shown), expected);
    }
}
