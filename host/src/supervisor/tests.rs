//! What unit tests of the process side share. Its behaviour with real processes is tested through the binary.

use std::path::Path;
use std::time::Duration;

use crate::app::{App, HostConfig, HttpConfig, LocalSettings};

/// An app without functions.
pub(crate) fn app(root: impl AsRef<Path>) -> App {
    App {
        root: root.as_ref().to_owned(),
        host: HostConfig {
            http: HttpConfig {
                route_prefix: "api".into(),
                custom_headers: Default::default(),
                max_concurrent_requests: None,
                max_outstanding_requests: None,
                max_request_body_size: 100 * 1024 * 1024,
                client_timeout: Duration::from_secs(30),
            },
            function_timeout: Some(Duration::from_secs(30 * 60)),
            telemetry_mode: Default::default(),
            functions: None,
            log_level: Default::default(),
            worker_extensions: Vec::new(),
        },
        settings: LocalSettings::default(),
        functions: Vec::new(),
    }
}
