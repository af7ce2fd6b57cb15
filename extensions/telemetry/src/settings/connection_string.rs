//! An Application Insights connection string: the resource that telemetry belongs to, and where it goes.

use std::fmt;

use http::Uri;

use super::collector::http_url;
use crate::credentials::url_to_show;

const TRACK_PATH: &str = "/v2.1/track";
/// The endpoint of connection strings that name none.
const GLOBAL_ENDPOINT: &str = "https://dc.services.visualstudio.com";

/// What a connection string says. The key is a kind of credential, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ConnectionString {
    pub(crate) instrumentation_key: String,
    /// The whole URL, path included.
    pub(crate) track_url: Uri,
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionString")
            .field("track_url", &self.track_url)
            .finish_non_exhaustive()
    }
}

impl ConnectionString {
    /// Reads `key=value` pairs with semicolons between, the keys in any case.
    ///
    /// # Errors
    /// What is missing or wrong, without any value that may be secret.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for (index, part) in text.split(';').enumerate() {
            if part.trim().is_empty() {
                continue;
            }
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("part {} has no \"=\"", index + 1));
            };
            parts.push((key.trim(), value.trim()));
        }
        let part = |name: &str| {
            let found = parts.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value).filter(|value| !value.is_empty())
        };
        if part("Authorization").is_some_and(|by| !by.eq_ignore_ascii_case("ikey")) {
            return Err("Authorization: only ikey is supported".to_owned());
        }
        let instrumentation_key = part("InstrumentationKey").ok_or("InstrumentationKey is missing")?;
        // Hyphenated: the other forms have other lengths.
        if instrumentation_key.len() != 36 || uuid::Uuid::try_parse(instrumentation_key).is_err() {
            return Err("InstrumentationKey is not a UUID".to_owned());
        }
        let endpoint = match (
            part("IngestionEndpoint"),
            part("EndpointSuffix"),
            part("Location"),
        ) {
            (Some(endpoint), ..) => endpoint.to_owned(),
            (None, Some(suffix), Some(location)) => format!("https://{location}.dc.{suffix}"),
            (None, Some(suffix), None) => format!("https://dc.{suffix}"),
            // A location without a suffix means nothing, as in Microsoft's SDKs.
            (None, None, _) => GLOBAL_ENDPOINT.to_owned(),
        };
        let culprit = match part("IngestionEndpoint") {
            Some(_) => "IngestionEndpoint",
            None => "EndpointSuffix or Location",
        };
        let url = format!("{}{TRACK_PATH}", endpoint.trim_end_matches('/'));
        Ok(ConnectionString {
            instrumentation_key: instrumentation_key.to_owned(),
            track_url: http_url(&url).map_err(|reason| {
                format!("{culprit}: {:?} is not a URL ({reason})", url_to_show(&endpoint))
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "11111111-2222-3333-4444-abcdefABCDEF";

    #[test]
    fn where_telemetry_goes() {
        let key = format!("InstrumentationKey={KEY}");
        let cases = [
            (
                format!(
                    "{key};IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;LiveEndpoint=x"
                ),
                "https://westeurope-5.in.applicationinsights.azure.com/v2.1/track",
                "as the portal gives it",
            ),
            (
                format!("instrumentationkey = {KEY} ;; INGESTIONENDPOINT=http://127.0.0.1:1 ;"),
                "http://127.0.0.1:1/v2.1/track",
                "any case, white space, empty parts",
            ),
            (
                format!("{key};EndpointSuffix=ai.contoso.com;Location=weu"),
                "https://weu.dc.ai.contoso.com/v2.1/track",
                "a suffix and a location",
            ),
            (
                format!("{key};EndpointSuffix=ai.contoso.com"),
                "https://dc.ai.contoso.com/v2.1/track",
                "a suffix alone",
            ),
            (
                format!("{key};EndpointSuffix=ai.contoso.com;IngestionEndpoint=https://own"),
                "https://own/v2.1/track",
                "an endpoint wins over a suffix",
            ),
            (
                format!("Authorization=iKey;{key};Location=weu"),
                "https://dc.services.visualstudio.com/v2.1/track",
                "the default",
            ),
        ];
        for (text, url, reason) in cases {
            let read = ConnectionString::parse(&text).unwrap_or_else(|error| panic!("{reason}: {error}"));
            assert_eq!(read.track_url.to_string(), url, "{reason}");
            assert_eq!(read.instrumentation_key, KEY, "{reason}");
            assert!(!format!("{read:?}").contains(KEY), "{read:?}");
        }
    }

    #[test]
    fn errors_name_the_part_and_show_no_key() {
        let cases = [
            ("", "InstrumentationKey is missing"),
            ("IngestionEndpoint=https://x", "InstrumentationKey is missing"),
            ("InstrumentationKey=", "InstrumentationKey is missing"),
            ("InstrumentationKey=s3cret", "InstrumentationKey is not a UUID"),
            (KEY, "part 1 has no \"=\""),
            (
                "Authorization=aad;InstrumentationKey=x",
                "Authorization: only ikey is supported",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(ConnectionString::parse(text), Err(expected.to_owned()), "{text}");
        }
        for (part, culprit) in [
            (
                "IngestionEndpoint=ftp://x",
                "IngestionEndpoint: \"ftp://x\" is not a URL (the scheme is ftp",
            ),
            (
                "IngestionEndpoint=x.com",
                "IngestionEndpoint: \"x.com\" is not a URL",
            ),
            (
                "EndpointSuffix=a b",
                "EndpointSuffix or Location: \"https://dc.a b\" is not a URL",
            ),
        ] {
            let error = ConnectionString::parse(&format!("InstrumentationKey={KEY};{part}"));
            let error = error.expect_err("no URL");
            assert!(error.starts_with(culprit), "{error}");
        }
    }
}
