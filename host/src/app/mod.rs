//! A function app on disk, read into an [`App`]: host.json, local.settings.json and every function.json.
//!
//! The model is plain data: the supervisor reads it once, reports what is wrong with it, and sends it to
//! each worker as JSON.

mod binding;
mod error;
mod function;
mod host_config;
mod json;
mod overrides;
mod read;
mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::FunctionDefinition;
pub(crate) use error::suggestion;
pub use error::{AppError, Place, Position, Problem};
pub use read::{ReadOptions, Reading};

/// A function app: its settings and its functions, as read from the folder at `root`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// The app's folder, absolute; also the working directory of its workers.
    pub root: PathBuf,
    /// What host.json says, with its `AzureFunctionsJobHost__…` overrides applied.
    pub host: HostConfig,
    /// What local.settings.json says; empty when there is none.
    pub settings: LocalSettings,
    /// The enabled functions that function.json files declare, sorted by name. Those that a worker serves come from its
    /// runner: in the decorator model only Python knows them.
    pub functions: Vec<FunctionDefinition>,
}

/// The parts of host.json that Funcdock honours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostConfig {
    /// `extensions.http`.
    pub http: HttpConfig,
    /// `functionTimeout`; `None` is no limit ("-1"). 30 minutes by default.
    pub function_timeout: Option<Duration>,
    /// `telemetryMode`.
    pub telemetry_mode: TelemetryMode,
    /// `functions`: only these are loaded, when given.
    pub functions: Option<Vec<String>>,
    /// `logging.logLevel`: category to level name.
    pub log_level: BTreeMap<String, String>,
    /// `workerExtensions`, in the order of the file.
    pub worker_extensions: Vec<ExtensionConfig>,
}

/// `telemetryMode` of host.json: what telemetry is made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TelemetryMode {
    /// Application Insights: nothing that the host takes part in.
    #[default]
    ApplicationInsights,
    /// OpenTelemetry: calls are traced.
    OpenTelemetry,
}

/// `extensions.http` of host.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpConfig {
    /// `routePrefix`, without slashes around it; "api" by default, may be empty.
    pub route_prefix: String,
    /// `customHeaders`: added to every response.
    pub custom_headers: BTreeMap<String, String>,
    /// `maxConcurrentRequests`: functions that run at once; `None` is unlimited ("-1", the default).
    pub max_concurrent_requests: Option<u32>,
    /// `maxOutstandingRequests`: requests running or waiting; beyond it the answer is 429. `None` is unlimited.
    pub max_outstanding_requests: Option<u32>,
    /// `maxRequestBodySize` in bytes; 100 MB (104,857,600) by default.
    pub max_request_body_size: u64,
    /// `clientTimeout`: a client that takes longer to send a request's head, or pauses longer within its body or
    /// between two requests, is cut off. 30 seconds by default.
    pub client_timeout: Duration,
}

/// One entry of host.json's `workerExtensions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionConfig {
    /// The key under `workerExtensions`: the extension's name.
    pub name: String,
    /// `functions`: names of the functions that it applies to; `["*"]` (all) by default.
    pub functions: Vec<String>,
    /// `required` (default true): a failure to load stops the host instead of being logged.
    pub required: bool,
    /// `library`: the file to load, absolute (a relative path in the file is relative to the app's root).
    pub library: Option<PathBuf>,
    /// `sha256`: the digest that the library must have, as 64 lower-case hex digits.
    pub sha256: Option<String>,
    /// `settings`: handed to the extension as they are; an empty object by default.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// `hookBudgetMs` (default 50, 0 for none): a hook around a call that takes longer is logged and counted.
    pub hook_budget: Option<Duration>,
    /// `suspendAfterPanics` (default 10, 0 for never): a hook that panics more often than this in a row suspends the
    /// extension until the worker restarts.
    pub suspend_after_panics: Option<u32>,
    /// `onError`: what a failure of a hook around a call does to the call.
    pub on_error: OnError,
    /// What docks it where host.json has no entry for it, in words.
    pub implied_by: Option<String>,
}

/// What the failure (an error, a panic) of a hook does to the call; `None` leaves it to the extension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnError {
    /// Of `pre_invocation`.
    pub pre_invocation: Option<Policy>,
    /// Of `post_invocation`.
    pub post_invocation: Option<Policy>,
}

/// What the failure of a hook does to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// It is logged and counted, and the call goes on.
    Continue,
    /// The call fails.
    Fail,
}

impl ExtensionConfig {
    /// The extension of this name, with the defaults of host.json.
    pub fn new(name: impl Into<String>) -> Self {
        ExtensionConfig {
            name: name.into(),
            functions: vec!["*".to_owned()],
            required: true,
            library: None,
            sha256: None,
            settings: serde_json::Map::new(),
            hook_budget: Some(Duration::from_millis(50)),
            suspend_after_panics: Some(10),
            on_error: OnError::default(),
            implied_by: None,
        }
    }
}

/// local.settings.json.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalSettings {
    /// `Values`: environment variables of the workers, unless already set.
    pub values: BTreeMap<String, String>,
    /// `ConnectionStrings`: as `ConnectionStrings__<name>` for the workers.
    pub connection_strings: BTreeMap<String, String>,
    /// `Host.LocalHttpPort`.
    pub local_http_port: Option<u16>,
    /// `Host.CORS`: allowed origins, comma separated; `*` for all.
    pub cors: Option<String>,
    /// `Host.CORSCredentials`.
    pub cors_credentials: bool,
}
