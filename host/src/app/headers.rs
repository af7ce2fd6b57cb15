//! HTTP headers on the way to a worker: a JSON list of pairs, each parsed when it arrives.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the headers, of which each value is ASCII.
pub(super) fn serialize<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.to_str().map_err(S::Error::custom)?;
        Ok((name.as_str().to_owned(), value.to_owned()))
    };
    let pairs: Vec<(String, String)> = headers.iter().map(pair).collect::<Result<_, S::Error>>()?;
    pairs.serialize(serializer)
}

/// Reads headers.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let pairs: Vec<(String, String)> = Deserialize::deserialize(deserializer)?;
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
        let value = HeaderValue::from_str(&value).map_err(D::Error::custom)?;
        headers.try_append(name, value).map_err(D::Error::custom)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] HeaderMap);

    #[test]
    fn headers_arrive_as_sent() {
        let mut headers = HeaderMap::new();
        headers.append("x-one", HeaderValue::from_static("1"));
        headers.append("x-two", HeaderValue::from_static("a"));
        headers.append("x-two", HeaderValue::from_static("b"));
        let sent = Holder(headers);
        let json = serde_json::to_string(&sent).expect("serializable");
        assert_eq!(serde_json::from_str::<Holder>(&json).expect("as sent"), sent);
    }

    #[test]
    fn a_header_that_is_not_valid_is_refused() {
        for json in [r#"[["a b", "1"]]"#, r#"[["a", "1\n2"]]"#] {
            serde_json::from_str::<Holder>(json).expect_err(json);
        }
    }
}
