//! This process and its host.

use opentelemetry::KeyValue;

use crate::scope;

/// Returns the attributes of this process and its host.
pub(super) fn attributes() -> Vec<KeyValue> {
    let mut attributes = vec![
        // "opentelemetry" is reserved for OpenTelemetry's own SDKs.
        KeyValue::new("telemetry.sdk.name", scope::NAME),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.version", scope::VERSION),
        // Of this worker alone, as metrics are those of one process.
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
        KeyValue::new("host.arch", architecture()),
        KeyValue::new("os.type", system()),
    ];
    if let Ok(executable) = std::env::current_exe() {
        let path = executable.to_string_lossy().into_owned();
        attributes.push(KeyValue::new("process.executable.path", path));
    }
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        attributes.push(KeyValue::new("host.name", name.trim_end().to_owned()));
    }
    attributes
}

/// Returns the architecture as the conventions spell it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

/// Returns the operating system as the conventions spell it.
fn system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}
