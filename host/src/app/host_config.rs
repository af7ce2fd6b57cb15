//! host.json.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::error::{Problem, suggestion};
use super::json::{Document, Item};
use super::{ExtensionConfig, HostConfig, HttpConfig, OnError, Policy, TelemetryMode};

const SECTION: &str = "workerExtensions";
const TELEMETRY_MODE: &str = "telemetryMode";
const EXTENSION_KEYS: [&str; 8] = [
    "functions",
    "required",
    "library",
    "sha256",
    "settings",
    "hookBudgetMs",
    "suspendAfterPanics",
    "onError",
];
const LOG_LEVELS: [&str; 7] = [
    "Trace",
    "Debug",
    "Information",
    "Warning",
    "Error",
    "Critical",
    "None",
];
/// First segments of the host's own paths.
pub(super) const RESERVED: [&str; 2] = ["admin", "runtime"];

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            route_prefix: "api".to_owned(),
            custom_headers: BTreeMap::new(),
            max_concurrent_requests: None,
            max_outstanding_requests: None,
            max_request_body_size: 100 * 1024 * 1024,
            client_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            http: HttpConfig::default(),
            function_timeout: Some(Duration::from_secs(30 * 60)),
            telemetry_mode: TelemetryMode::default(),
            functions: None,
            log_level: BTreeMap::new(),
            worker_extensions: Vec::new(),
        }
    }
}

/// Reads host.json. Keys that we do not know are left to the tools that do, except in our own section.
pub(super) fn read(
    document: &Document,
    root: &Path,
    warnings: &mut Vec<Problem>,
) -> Result<HostConfig, Problem> {
    let top = document.item();
    let mut config = HostConfig::default();
    if let Some(version) = top.get("version")?
        && version.scalar_text()? != "2.0"
    {
        warnings.push(version.problem("only version \"2.0\" of host.json is known; it is read as that"));
    }
    if let Some(extensions) = top.get("extensions")?
        && let Some(http) = extensions.get("http")?
    {
        config.http = http_config(&http)?;
    }
    if let Some(timeout) = top.get("functionTimeout")? {
        config.function_timeout = function_timeout(&timeout)?;
    }
    if let Some(mode) = top.get(TELEMETRY_MODE)? {
        config.telemetry_mode = telemetry_mode(&mode)?;
    }
    if let Some(functions) = top.get("functions")? {
        // An empty list is no filter: that is how the tools read it.
        config.functions = Some(functions.strings()?).filter(|names| !names.is_empty());
    }
    if let Some(logging) = top.get("logging")?
        && let Some(levels) = logging.get("logLevel")?
    {
        for (category, level) in levels.entries()? {
            config
                .log_level
                .insert(category.to_owned(), one_of(&level, &LOG_LEVELS)?);
        }
    }
    for (key, item) in top.entries()? {
        if key.eq_ignore_ascii_case(SECTION) {
            let extensions = item.entries()?.into_iter();
            config.worker_extensions = extensions
                .map(|(name, item)| extension(name, &item, root))
                .collect::<Result<_, _>>()?;
        } else if !key.eq_ignore_ascii_case(TELEMETRY_MODE)
            && let hint = suggestion(key, [SECTION, TELEMETRY_MODE])
            && !hint.is_empty()
        {
            warnings.push(item.problem(format!("unknown key, ignored{hint}")));
        }
    }
    Ok(config)
}

fn http_config(http: &Item<'_>) -> Result<HttpConfig, Problem> {
    let mut config = HttpConfig::default();
    if let Some(prefix) = http.get("routePrefix")? {
        config.route_prefix = route_prefix(&prefix)?;
    }
    if let Some(headers) = http.get("customHeaders")? {
        for (name, value) in headers.entries()? {
            let text = value.string()?;
            if HeaderName::try_from(name).is_err() {
                return Err(value.problem(format!("{name:?} cannot be the name of an HTTP header")));
            }
            if HeaderValue::try_from(text).is_err() {
                return Err(value.wrong_value("the value of an HTTP header, without line breaks"));
            }
            config.custom_headers.insert(name.to_owned(), text.to_owned());
        }
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
    if let Some(timeout) = http.get("clientTimeout")? {
        config.client_timeout = time(&timeout, "a time \"hh:mm:ss\" of at least a second")?;
    }
    Ok(config)
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
        return Err(item.problem(format!("{first:?} is reserved for the host; take another prefix")));
    }
    Ok(prefix.to_owned())
}

/// A limit of at least one; -1 is none.
fn limit(item: &Item<'_>) -> Result<Option<u32>, Problem> {
    const EXPECTED: &str = "a number of at least 1, or -1 for unlimited";
    match item.integer(-1..=u32::MAX.into(), EXPECTED)? {
        -1 => Ok(None),
        0 => Err(item.wrong_value(EXPECTED)),
        limit => Ok(u32::try_from(limit).ok()),
    }
}

fn function_timeout(item: &Item<'_>) -> Result<Option<Duration>, Problem> {
    const EXPECTED: &str =
        "a time \"hh:mm:ss\" or \"d.hh:mm:ss\" of at least a second, or \"-1\" for no limit";
    match item.scalar_text() {
        Ok("-1") => Ok(None),
        _ => time(item, EXPECTED).map(Some),
    }
}

/// A time of at least a second, which `expected` describes.
fn time(item: &Item<'_>, expected: &str) -> Result<Duration, Problem> {
    let text = item.scalar_text().map_err(|_| item.wrong_type(expected))?;
    let time = time_span(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| item.wrong_value(expected))
}

fn telemetry_mode(item: &Item<'_>) -> Result<TelemetryMode, Problem> {
    let mode = one_of(item, &["ApplicationInsights", "OpenTelemetry"])?;
    Ok(if mode == "OpenTelemetry" {
        TelemetryMode::OpenTelemetry
    } else {
        TelemetryMode::ApplicationInsights
    })
}

/// `[d.]hh:mm:ss`.
fn time_span(text: &str) -> Option<Duration> {
    let (days, clock) = text.split_once('.').unwrap_or(("0", text));
    let number = |text: &str, end: u64| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|number| digits && *number < end)
    };
    let mut fields = clock.split(':');
    let mut field = |end| number(fields.next()?, end);
    let (hours, minutes, seconds) = (field(24)?, field(60)?, field(60)?);
    // Longer than any process lives, and far from an overflow.
    let days = number(days, 100_000)?;
    fields
        .next()
        .is_none()
        .then(|| Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds))
}

fn extension(name: &str, item: &Item<'_>, root: &Path) -> Result<ExtensionConfig, Problem> {
    if name.trim().is_empty() {
        return Err(item.problem("an extension needs a name"));
    }
    for (key, value) in item.entries()? {
        if !EXTENSION_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)) {
            let known = EXTENSION_KEYS.join(", ");
            let hint = suggestion(key, EXTENSION_KEYS);
            return Err(value.problem(format!("unknown key; the keys of an extension are {known}{hint}")));
        }
    }
    let mut config = ExtensionConfig::new(name);
    if let Some(functions) = item.get("functions")? {
        config.functions = functions.strings()?;
    }
    if let Some(required) = item.get("required")? {
        config.required = required.boolean()?;
    }
    if let Some(library) = item.get("library")? {
        config.library = Some(root.join(library.non_empty_string()?));
    }
    if let Some(digest) = item.get("sha256")? {
        config.sha256 = Some(sha256(&digest)?);
    }
    if let Some(settings) = item.get("settings")? {
        config.settings = settings.json_object()?;
    }
    if let Some(budget) = item.get("hookBudgetMs")? {
        let budget = budget.integer(
            0..=u32::MAX.into(),
            "a number of milliseconds, or 0 for no budget",
        )?;
        config.hook_budget = Some(Duration::from_millis(budget as u64)).filter(|budget| !budget.is_zero());
    }
    if let Some(most) = item.get("suspendAfterPanics")? {
        let most = most.integer(0..=u32::MAX.into(), "a number of panics, or 0 for never")?;
        config.suspend_after_panics = u32::try_from(most).ok().filter(|most| *most > 0);
    }
    if let Some(on_error) = item.get("onError")? {
        config.on_error = self::on_error(&on_error)?;
    }
    Ok(config)
}

/// One policy for all hooks around calls, or one each.
fn on_error(item: &Item<'_>) -> Result<OnError, Problem> {
    const HOOKS: [&str; 2] = ["preInvocation", "postInvocation"];
    if item.string().is_ok() {
        let policy = Some(policy(item)?);
        return Ok(OnError {
            pre_invocation: policy,
            post_invocation: policy,
        });
    }
    let Ok(entries) = item.entries() else {
        return Err(item.wrong_value("\"continue\", \"fail\", or an object with these by hook"));
    };
    for (key, value) in entries {
        if !HOOKS.iter().any(|known| key.eq_ignore_ascii_case(known)) {
            let hint = suggestion(key, HOOKS);
            return Err(value.problem(format!(
                "unknown key; the hooks around a call are {}{hint}",
                HOOKS.join(" and ")
            )));
        }
    }
    let of = |hook: &str| item.get(hook)?.map(|item| policy(&item)).transpose();
    Ok(OnError {
        pre_invocation: of(HOOKS[0])?,
        post_invocation: of(HOOKS[1])?,
    })
}

fn policy(item: &Item<'_>) -> Result<Policy, Problem> {
    let text = one_of(item, &["continue", "fail"])?;
    Ok(if text == "fail" {
        Policy::Fail
    } else {
        Policy::Continue
    })
}

fn sha256(item: &Item<'_>) -> Result<String, Problem> {
    let text = item.string()?;
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(item.wrong_value("the 64 hex digits that sha256sum prints for the library"))
    }
}

/// One of `known`, compared without case; as it is written there.
pub(super) fn one_of(item: &Item<'_>, known: &[&str]) -> Result<String, Problem> {
    let text = item.string()?;
    match known.iter().find(|known| text.eq_ignore_ascii_case(known)) {
        Some(known) => Ok((*known).to_owned()),
        None => {
            let quoted: Vec<_> = known.iter().map(|known| format!("{known:?}")).collect();
            Err(item.wrong_value(&format!("one of {}", quoted.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests;
