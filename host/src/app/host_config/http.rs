//! Reads `extensions.http` of host.json.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::time;
use crate::app::HttpConfig;
use crate::app::error::Problem;
use crate::app::json::Item;
use crate::model::{TrustedProxies, is_connection_header};

/// The first segments of the host's own paths.
pub(crate) const RESERVED: [&str; 2] = ["admin", "runtime"];

const DEFAULT_BODY_SIZE: u64 = 100 << 20;

/// The number of the largest bodies that a worker holds at once by default. With a copy of each for Python, they fit into
/// the gigabyte that a small machine has for a worker.
const DEFAULT_BODIES: u64 = 4;

/// Each response has them, and clients read them all.
const MAX_CUSTOM_HEADERS: usize = 500;

/// Headers of which a second value would be wrong, beside those of the connection.
static OF_THE_SERVER: [HeaderName; 2] = [header::DATE, header::SEC_WEBSOCKET_ACCEPT];

const NAME_RULE: &str = "use letters, digits and dashes";
const VALUE_RULE: &str = "the value of an HTTP header: printable ASCII characters without line breaks";

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            route_prefix: "api".to_owned(),
            custom_headers: HeaderMap::new(),
            max_concurrent_requests: None,
            max_outstanding_requests: None,
            max_request_body_size: DEFAULT_BODY_SIZE,
            max_total_request_body_size: DEFAULT_BODIES * DEFAULT_BODY_SIZE,
            client_timeout: Duration::from_secs(30),
            trusted_proxies: TrustedProxies::default(),
            cors: None,
            has_home: true,
            keys: None,
            access_log: None,
            tls: None,
            admin: None,
        }
    }
}

/// Reads `extensions.http`.
pub(super) fn read(http: &Item<'_>) -> Result<HttpConfig, Problem> {
    let mut config = HttpConfig::default();
    if let Some(prefix) = http.get("routePrefix")? {
        config.route_prefix = route_prefix(&prefix)?;
    }
    if let Some(headers) = http.get("customHeaders")? {
        config.custom_headers = custom_headers(&headers)?;
    }
    let limit = |key| match http.get(key)? {
        Some(item) => limit(&item),
        None => Ok(None),
    };
    config.max_concurrent_requests = limit("maxConcurrentRequests")?;
    config.max_outstanding_requests = limit("maxOutstandingRequests")?;
    if let Some(size) = http.get("maxRequestBodySize")? {
        let bytes = size.integer(0..=i64::MAX, "a number of bytes")?;
        config.max_request_body_size = bytes.unsigned_abs();
    }
    config.max_total_request_body_size = match http.get("maxTotalRequestBodySize")? {
        Some(size) => total_size(&size, config.max_request_body_size)?,
        None => config.max_request_body_size.saturating_mul(DEFAULT_BODIES),
    };
    if let Some(timeout) = http.get("clientTimeout")? {
        config.client_timeout = time(&timeout, "a time \"hh:mm:ss\" of at least a second")?;
    }
    Ok(config)
}

/// Reads the size of all bodies together, of which each may have `each` bytes; -1 means unlimited.
fn total_size(item: &Item<'_>, each: u64) -> Result<u64, Problem> {
    let expected =
        format!("a number of bytes of at least maxRequestBodySize, which is {each}, or -1 for unlimited");
    match u64::try_from(item.integer(-1..=i64::MAX, &expected)?) {
        Err(_) => Ok(u64::MAX),
        Ok(bytes) if bytes >= each => Ok(bytes),
        Ok(_) => Err(item.wrong_value(&expected)),
    }
}

fn custom_headers(item: &Item<'_>) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    for (name, value) in item.entries()? {
        let text = value.string()?;
        let name = HeaderName::try_from(name)
            .map_err(|_| value.problem(format!("{name:?} is not a valid HTTP header name; {NAME_RULE}")))?;
        let text = HeaderValue::from_str(text).map_err(|_| value.wrong_value(VALUE_RULE))?;
        if is_connection_header(&name) || OF_THE_SERVER.contains(&name) {
            return Err(value.problem(format!(
                "the server itself sets the header {name:?}, to what fits each response; remove it"
            )));
        }
        if headers.len() >= MAX_CUSTOM_HEADERS {
            return Err(item.problem(format!("there are at most {MAX_CUSTOM_HEADERS} custom headers")));
        }
        headers.append(name, text);
    }
    Ok(headers)
}

fn route_prefix(item: &Item<'_>) -> Result<String, Problem> {
    let prefix = item.string()?.trim_matches('/');
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"{}?#%*\\".contains(c);
    if !prefix.chars().all(plain) || prefix.contains("//") {
        return Err(item.wrong_value("a plain path such as \"api\" or \"api/v1\", or \"\" for none"));
    }
    let first = prefix.split('/').next().unwrap_or_default();
    if RESERVED
        .iter()
        .any(|reserved| first.eq_ignore_ascii_case(reserved))
    {
        return Err(item.problem(format!(
            "{first:?} is reserved for the host; choose another prefix"
        )));
    }
    Ok(prefix.to_owned())
}

/// Reads a limit of at least one; -1 means unlimited.
fn limit(item: &Item<'_>) -> Result<Option<u32>, Problem> {
    const EXPECTED: &str = "a number of at least 1, or -1 for unlimited";
    match item.integer(-1..=u32::MAX.into(), EXPECTED)? {
        -1 => Ok(None),
        0 => Err(item.wrong_value(EXPECTED)),
        limit => Ok(u32::try_from(limit).ok()),
    }
}
