//! Cookies of a response: the host takes them apart from the headers, as attributes.

use std::time::{Duration, SystemTime};

use funcdock_rpc::messages::{
    NullableBool, NullableDouble, NullableString, NullableTimestamp, RpcHttpCookie, nullable_bool,
    nullable_double, nullable_string, nullable_timestamp, rpc_http_cookie::SameSite,
};
use http::HeaderValue;
use prost_types::Timestamp;

/// Parses the value of a `Set-Cookie` header, as RFC 6265 says: what is wrong with an attribute drops that one alone. `None`
/// without a name.
pub(super) fn parse(value: &HeaderValue) -> Option<RpcHttpCookie> {
    let text = String::from_utf8_lossy(value.as_bytes());
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let mut cookie = RpcHttpCookie {
        name: name.to_owned(),
        value: value.trim().to_owned(),
        ..RpcHttpCookie::default()
    };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        set(&mut cookie, key.trim(), value.trim());
    }
    Some(cookie)
}

fn set(cookie: &mut RpcHttpCookie, key: &str, value: &str) {
    let text = || NullableString {
        string: Some(nullable_string::String::Value(value.to_owned())),
    };
    let yes = NullableBool {
        bool: Some(nullable_bool::Bool::Value(true)),
    };
    match key.to_ascii_lowercase().as_str() {
        "domain" => cookie.domain = Some(text()),
        "path" => cookie.path = Some(text()),
        "secure" => cookie.secure = Some(yes),
        "httponly" => cookie.http_only = Some(yes),
        "max-age" => {
            if let Ok(seconds) = value.parse::<i64>() {
                cookie.max_age = Some(NullableDouble {
                    // No cookie lives so long that a second more or less counts.
                    double: Some(nullable_double::Double::Value(seconds as f64)),
                });
            }
        }
        "expires" => {
            // An older form has hyphens between day, month and year.
            if let Ok(time) = httpdate::parse_http_date(&value.replace('-', " ")) {
                let since = time.duration_since(SystemTime::UNIX_EPOCH);
                cookie.expires = Some(NullableTimestamp {
                    timestamp: Some(nullable_timestamp::Timestamp::Value(timestamp(
                        since.unwrap_or_default(),
                    ))),
                });
            }
        }
        "samesite" => {
            cookie.same_site = match value.to_ascii_lowercase().as_str() {
                "lax" => SameSite::Lax,
                "strict" => SameSite::Strict,
                "none" => SameSite::ExplicitNone,
                _ => SameSite::None,
            }
            .into();
        }
        _ => {}
    }
}

fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_its_attributes() {
        let header = HeaderValue::from_static(
            "id=a=b; Domain=example.org; Path=/x; Expires=Wed, 21-Oct-2015 07:28:00 GMT; Max-Age=60; Secure; HttpOnly; \
             SameSite=None; Unknown=1",
        );
        let cookie = parse(&header).expect("a cookie");
        assert_eq!((cookie.name.as_str(), cookie.value.as_str()), ("id", "a=b"));
        let text = |field: Option<NullableString>| match field.and_then(|field| field.string) {
            Some(nullable_string::String::Value(text)) => text,
            None => String::new(),
        };
        assert_eq!(text(cookie.domain), "example.org");
        assert_eq!(text(cookie.path), "/x");
        let nullable_timestamp::Timestamp::Value(time) =
            cookie.expires.and_then(|it| it.timestamp).expect("a time");
        assert_eq!(time.seconds, 1_445_412_480);
        let nullable_double::Double::Value(age) = cookie.max_age.and_then(|it| it.double).expect("an age");
        assert!((age - 60.0).abs() < f64::EPSILON);
        assert!(cookie.secure.is_some() && cookie.http_only.is_some());
        assert_eq!(cookie.same_site, i32::from(SameSite::ExplicitNone));
    }

    #[test]
    fn what_is_wrong_is_left_out() {
        assert_eq!(parse(&HeaderValue::from_static("no name")), None);
        assert_eq!(parse(&HeaderValue::from_static("=value")), None);
        let cookie = parse(&HeaderValue::from_static(
            "a=; Max-Age=soon; Expires=never; SameSite=maybe",
        ));
        let plain = RpcHttpCookie {
            name: "a".to_owned(),
            ..RpcHttpCookie::default()
        };
        assert_eq!(cookie, Some(plain));
    }
}
