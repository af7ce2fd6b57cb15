//! Reads host.json.

mod blobs;
mod extensions;
mod http;
mod queues;

use std::path::Path;
use std::time::Duration;

pub(crate) use self::http::RESERVED;
use super::error::Problem;
use super::json::{Document, Item};
use super::values::{one_of, time_span};
use super::{BlobsConfig, HostConfig, HttpConfig, QueuesConfig, TelemetryMode, known, retry};
use crate::logging::{LogLevel, LogLevels};

const SECTION: &str = "workerExtensions";

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            http: HttpConfig::default(),
            queues: QueuesConfig::default(),
            blobs: BlobsConfig::default(),
            id: None,
            function_timeout: Some(Duration::from_secs(30 * 60)),
            telemetry_mode: TelemetryMode::default(),
            functions: None,
            retry: None,
            log_levels: LogLevels::default(),
            worker_extensions: Vec::new(),
        }
    }
}

/// Reads host.json. Keys without an effect become warnings, and errors in our own section.
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
        warnings.push(
            version
                .problem("only version \"2.0\" of host.json is supported; the file is read as version 2.0"),
        );
    }
    if let Some(extensions) = top.get("extensions")? {
        if let Some(http) = extensions.get("http")? {
            config.http = http::read(&http)?;
        }
        if let Some(queues) = extensions.get("queues")? {
            config.queues = queues::read(&queues)?;
        }
        if let Some(blobs) = extensions.get("blobs")? {
            config.blobs = blobs::read(&blobs)?;
        }
    }
    if let Some(id) = top.get("id")? {
        config.id = Some(id.scalar_text()?.trim().to_owned()).filter(|id| !id.is_empty());
    }
    if let Some(timeout) = top.get("functionTimeout")? {
        config.function_timeout = function_timeout(&timeout)?;
    }
    if let Some(mode) = top.get("telemetryMode")? {
        config.telemetry_mode = telemetry_mode(&mode)?;
    }
    config.retry = retry::read(&top)?;
    if let Some(functions) = top.get("functions")? {
        // An empty list is not a filter: other tools read it like this.
        config.functions = Some(functions.strings()?).filter(|names| !names.is_empty());
    }
    if let Some(logging) = top.get("logging")?
        && let Some(levels) = logging.get("logLevel")?
    {
        for (category, level) in levels.entries()? {
            let name = one_of(&level, &LogLevel::BY_NAME.map(|(name, _)| name))?;
            let known = LogLevel::BY_NAME.iter().filter(|(known, _)| name == *known);
            known.for_each(|(_, level)| config.log_levels.set(category, *level));
        }
    }
    for (key, item) in top.entries()? {
        if key.eq_ignore_ascii_case(SECTION) {
            config.worker_extensions = extensions::read(&item, root)?;
        }
    }
    known::warn_of_keys(&top, warnings)?;
    Ok(config)
}

fn function_timeout(item: &Item<'_>) -> Result<Option<Duration>, Problem> {
    const EXPECTED: &str =
        "a time \"hh:mm:ss\" or \"d.hh:mm:ss\" of at least a second, or \"-1\" for no limit";
    match item.scalar_text() {
        Ok("-1") => Ok(None),
        _ => time(item, EXPECTED).map(Some),
    }
}

/// Reads a time of at least a second, which `expected` describes.
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

#[cfg(test)]
mod tests;
