//! The web pages that may read responses: cross-origin resource sharing.

use std::str::FromStr;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use serde::{Deserialize, Serialize};

/// The origins whose pages may send requests and read the responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// The origins.
    pub origins: Origins,
    /// Whether their requests may have cookies and other credentials. Never for the pages of [any](Origins::Any) origin.
    pub credentials: bool,
}

/// A list of origins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origins {
    /// All there are: `*`.
    Any,
    /// These, as browsers write them in `Origin`: "https://shop.example:8443".
    These(Vec<String>),
}

/// What is not a list of origins.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin; expected a list such as \"https://shop.example,http://localhost:3000\" (scheme, host and port, \
     without a path), or \"*\" for all"
)]
pub struct OriginError(String);

impl Origins {
    /// Whether these have this origin, from the header of that name.
    pub fn contains(&self, origin: &HeaderValue) -> bool {
        match self {
            Origins::Any => true,
            Origins::These(origins) => origins.iter().any(|one| one.as_bytes() == origin.as_bytes()),
        }
    }
}

impl FromStr for Origins {
    type Err = OriginError;

    /// Parses a list, separated by commas. Each origin gets the form in which browsers send it.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let entries: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .collect();
        if entries.contains(&"*") {
            return Ok(Origins::Any);
        }
        if entries.is_empty() {
            return Err(OriginError(text.to_owned()));
        }
        let origin = |entry: &&str| origin(entry).ok_or_else(|| OriginError((*entry).to_owned()));
        entries
            .iter()
            .map(origin)
            .collect::<Result<_, _>>()
            .map(Origins::These)
    }
}

/// Returns an origin as browsers write it: in lower case, without a default port. `null` is that of pages from files.
fn origin(text: &str) -> Option<String> {
    if text == "null" {
        return Some(text.to_owned());
    }
    let lowered = text.to_ascii_lowercase();
    // The address of a page, as copied from a browser, often ends like this.
    let lowered = lowered.strip_suffix('/').unwrap_or(&lowered);
    let (scheme, authority) = lowered.split_once("://")?;
    let scheme = Scheme::try_from(scheme).ok()?;
    let authority = Authority::try_from(authority).ok()?;
    // A pattern would match nothing, as browsers send no stars.
    if authority.host().is_empty() || authority.as_str().contains(['@', '*']) {
        return None;
    }
    let default = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Some(match authority.port() {
        Some(port) if Some(port.as_u16()) != default => format!("{scheme}://{}:{port}", authority.host()),
        Some(_) => format!("{scheme}://{}", authority.host()),
        None if authority.as_str() == authority.host() => format!("{scheme}://{authority}"),
        // A colon without a valid port.
        None => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_get_the_form_of_browsers() {
        for (text, expected) in [
            ("https://shop.example", Some(&["https://shop.example"][..])),
            (
                "HTTP://LocalHost:3000/, https://a.example:443,http://a:80,https://a:80",
                Some(&[
                    "http://localhost:3000",
                    "https://a.example",
                    "http://a",
                    "https://a:80",
                ]),
            ),
            ("http://[::1]:8080", Some(&["http://[::1]:8080"])),
            (
                "null,capacitor://localhost",
                Some(&["null", "capacitor://localhost"]),
            ),
            ("shop.example", None),
            ("https://", None),
            ("https://shop.example/page", None),
            ("https://user@shop.example", None),
            ("https://shop.example:", None),
            ("https://shop.example:99999", None),
            ("https://*.example", None),
            (" , ", None),
        ] {
            let parsed = text.parse::<Origins>().ok();
            let expected = expected.map(|all| Origins::These(all.iter().map(ToString::to_string).collect()));
            assert_eq!(parsed, expected, "{text:?}");
        }
        assert_eq!("https://a,*".parse(), Ok(Origins::Any));
        let error = "https://a,b".parse::<Origins>().expect_err("no scheme");
        assert!(error.to_string().starts_with("\"b\" is not an origin"), "{error}");
    }

    #[test]
    fn an_origin_is_compared_exactly() {
        let origins: Origins = "https://shop.example".parse().expect("valid");
        for (origin, expected) in [
            ("https://shop.example", true),
            ("https://shop.example:8443", false),
            ("https://shop.example.evil", false),
            ("https://evil-shop.example", false),
            ("http://shop.example", false),
            ("null", false),
        ] {
            assert_eq!(
                origins.contains(&HeaderValue::from_static(origin)),
                expected,
                "{origin}"
            );
        }
    }
}
