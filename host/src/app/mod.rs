//! Reads a function app from disk into an [`App`]: host.json, local.settings.json and every function.json.
//!
//! An [`App`] is plain data, and each value in it is parsed. The supervisor reads it once, reports what is wrong with it,
//! and sends it to each worker as JSON.

mod app_settings;
mod binding;
mod error;
mod function;
mod headers;
mod host_config;
mod json;
mod known;
mod local_settings;
mod overrides;
pub(crate) mod own_telemetry;
mod read;
mod retry;
mod routes;
mod script;
mod setting_names;
mod settings_file;
#[cfg(test)]
pub(crate) mod testing;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::keys::KeyFolder;
use crate::logging::{AccessLogFormat, LogLevels};
use crate::model::{Cors, FunctionDefinition, Origins, RetryPolicy, TrustedProxies};
use crate::tls::Identity;
pub use app_settings::{AppSetting, AppSettings, SettingSource};
pub(crate) use app_settings::{BOOLEAN, parse_boolean};
pub(crate) use error::suggestion;
pub use error::{AppError, Place, Position, Problem};
pub(crate) use function::{is_function_name, names as function_folders, wrong_name};
pub(crate) use host_config::RESERVED;
pub(crate) use known::is_plain;
pub use read::{ReadOptions, Reading};
pub use script::{Declared, Script, ScriptFunctions};
pub(crate) use settings_file::{Section, SettingsFile};
pub use variables::{VariableError, Variables};

/// A function app: its settings and its functions, as read from the folder at `root`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// The app's folder, absolute; also the working directory of its workers.
    pub root: PathBuf,
    /// The values of host.json, with the `AzureFunctionsJobHost__…` settings applied.
    pub host: HostConfig,
    /// The values of local.settings.json; empty if the file does not exist.
    pub settings: LocalSettings,
    /// Where the functions are declared.
    pub declarations: Declarations,
    /// Who starts the calls.
    #[serde(default)]
    pub driver: Driver,
    /// The functions whose function.json cannot be read, and why: only under [`Driver::FunctionsHost`], where they fail
    /// alone.
    #[serde(default)]
    pub unreadable: BTreeMap<String, String>,
}

/// Who starts the calls of an app, reads what its functions are bound to, and writes what they put out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Driver {
    /// This host.
    #[default]
    Funcdock,
    /// Microsoft's Functions host, over FunctionRpc.
    FunctionsHost,
}

/// Where an app declares its functions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Declarations {
    /// In the function.json of each function's folder (the v1 model): the enabled functions, sorted by name.
    Folders(Vec<FunctionDefinition>),
    /// In Python code, with decorators (the v2 model): only a worker, which runs the code, knows the functions.
    Script(Script),
}

impl Declarations {
    /// Returns the functions that are known before any code runs; `None` if only code declares them.
    pub fn known(&self) -> Option<&[FunctionDefinition]> {
        match self {
            Declarations::Folders(functions) => Some(functions),
            Declarations::Script(_) => None,
        }
    }
}

/// The values of host.json that Funcdock uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostConfig {
    /// `extensions.http`.
    pub http: HttpConfig,
    /// `extensions.queues`.
    pub queues: QueuesConfig,
    /// `extensions.blobs`.
    pub blobs: BlobsConfig,
    /// `id`: the name under which the app's hosts keep what they share.
    pub id: Option<String>,
    /// `functionTimeout`; `None` means unlimited ("-1"). 30 minutes by default.
    pub function_timeout: Option<Duration>,
    /// `telemetryMode`.
    pub telemetry_mode: TelemetryMode,
    /// `functions`: the functions to load; `None` is all.
    pub functions: Option<Vec<String>>,
    /// `retry`: the policy of the functions that have none.
    pub retry: Option<RetryPolicy>,
    /// `logging.logLevel`.
    pub log_levels: LogLevels,
    /// `workerExtensions`, in the order of the file.
    pub worker_extensions: Vec<ExtensionConfig>,
}

/// `extensions.queues` of host.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuesConfig {
    /// `batchSize`: the messages that are received at once, 1 to 32; 16 by default.
    pub batch_size: usize,
    /// `newBatchThreshold`: messages are received when no more than these are in work; half of `batchSize` by default.
    pub new_batch_threshold: usize,
    /// `maxDequeueCount`: how often a message is tried before it goes to the poison queue; 5 by default.
    pub max_dequeue_count: u32,
    /// `maxPollingInterval`: the longest time between two looks into an empty queue; a minute by default.
    pub max_polling_interval: Duration,
    /// `visibilityTimeout`: the time until a message whose function failed is tried again; zero by default.
    pub visibility_timeout: Duration,
    /// `messageEncoding`: how messages are written, and how they are read.
    pub encoding: MessageEncoding,
}

impl Default for QueuesConfig {
    fn default() -> Self {
        QueuesConfig {
            batch_size: 16,
            new_batch_threshold: 8,
            max_dequeue_count: 5,
            max_polling_interval: Duration::from_secs(60),
            visibility_timeout: Duration::ZERO,
            encoding: MessageEncoding::Base64,
        }
    }
}

/// `extensions.blobs` of host.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobsConfig {
    /// `maxDegreeOfParallelism`: the most calls at once of a function that blobs start; eight for each core by default.
    pub max_degree_of_parallelism: usize,
    /// `poisonBlobThreshold`: how often a blob is tried before it goes to the poison queue; 5 by default.
    pub poison_blob_threshold: u32,
}

impl Default for BlobsConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        BlobsConfig {
            max_degree_of_parallelism: 8 * cores,
            poison_blob_threshold: 5,
        }
    }
}

/// `messageEncoding` of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageEncoding {
    /// The bytes of the message in base64: the default.
    Base64,
    /// The text as it is.
    None,
}

/// `telemetryMode` of host.json.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TelemetryMode {
    /// Application Insights: the host does nothing.
    #[default]
    ApplicationInsights,
    /// OpenTelemetry: the host has calls traced.
    OpenTelemetry,
}

/// `extensions.http` of host.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpConfig {
    /// `routePrefix`, without slashes around it; "api" by default, may be empty.
    pub route_prefix: String,
    /// `customHeaders`: added to every response.
    #[serde(with = "headers")]
    pub custom_headers: HeaderMap,
    /// `maxConcurrentRequests`: functions that run at once; `None` is unlimited ("-1", the default).
    pub max_concurrent_requests: Option<u32>,
    /// `maxOutstandingRequests`: requests running or waiting; beyond it the answer is 429. `None` is unlimited.
    pub max_outstanding_requests: Option<u32>,
    /// `maxRequestBodySize` in bytes; 100 MB (104,857,600) by default.
    pub max_request_body_size: u64,
    /// `maxTotalRequestBodySize`: the bytes that the bodies of a worker's requests have together; beyond it the answer is 503.
    /// Four times `max_request_body_size` by default; `u64::MAX` is unlimited.
    pub max_total_request_body_size: u64,
    /// `clientTimeout`: the longest time for the head of a request, and the longest pause within its body or between
    /// two requests. 30 seconds by default.
    pub client_timeout: Duration,
    /// The proxies whose `X-Forwarded-*` headers count: `--forwarded-allow-ips`, not in host.json.
    pub trusted_proxies: TrustedProxies,
    /// The web pages that may read responses: `Host.CORS` of local.settings.json or `--cors`; `None` leaves it to functions.
    pub cors: Option<Cors>,
    /// Whether there is a page at `/`: if no route can be there (the prefix is not empty), and `AzureWebJobsDisableHomepage`
    /// is not set.
    pub has_home: bool,
    /// The keys that requests need: `--enable-auth`; `None` lets everybody in.
    pub keys: Option<KeyFolder>,
    /// The format in which each request is logged: `--access-log`; `None` does not.
    pub access_log: Option<AccessLogFormat>,
    /// The certificate of TLS: `--cert`; `None` serves without.
    pub tls: Option<Identity>,
    /// Where the paths for operators are, if they have an address of their own: `--admin-address`.
    pub admin: Option<AdminAddress>,
}

/// An address for operators alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminAddress {
    /// The address. Every worker binds it.
    pub address: SocketAddr,
    /// The folder with the master key that requests need; `None` lets everybody in.
    pub keys: Option<KeyFolder>,
}

/// One entry of host.json's `workerExtensions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionConfig {
    /// The key under `workerExtensions`: the extension's name.
    pub name: String,
    /// `functions`: the names of the functions that it applies to; `["*"]` (all) by default.
    pub functions: Vec<String>,
    /// `required`, if it is written: see [`is_required`](Self::is_required).
    pub required: Option<bool>,
    /// `after`: the names of extensions that it runs after.
    pub after: Option<Vec<String>>,
    /// `library`: the file to load, absolute (a relative path in the file is relative to the app's root).
    pub library: Option<PathBuf>,
    /// `sha256`: the required digest of the library, as 64 lower-case hex digits.
    pub sha256: Option<String>,
    /// `settings`: the settings of the extension, as written; an empty object by default.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// `hookBudgetMs` (default 50, 0 for none): a hook of a call that takes longer is logged and counted.
    pub hook_budget: Option<Duration>,
    /// `suspendAfterPanics` (default 10, 0 for never): more panics of a hook in a row than this suspend the extension
    /// until the worker restarts.
    pub suspend_after_panics: Option<u32>,
    /// `onError`: the effect of a failed hook on the call.
    pub on_error: OnError,
    /// Why it is docked although host.json has no entry for it, as the subject of a sentence.
    pub implied_by: Option<String>,
}

/// The effect of a failed hook (an error, a panic) on the call; `None` leaves it to the extension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnError {
    /// The effect of a failed `pre_invocation`.
    pub pre_invocation: Option<Policy>,
    /// The effect of a failed `post_invocation`.
    pub post_invocation: Option<Policy>,
}

/// The effect of a failed hook on the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// The failure is logged and counted, and the call goes on.
    Continue,
    /// The call fails.
    Fail,
}

impl ExtensionConfig {
    /// Returns the extension of this name, with the defaults of host.json.
    pub fn new(name: impl Into<String>) -> Self {
        ExtensionConfig {
            name: name.into(),
            functions: vec!["*".to_owned()],
            required: None,
            after: None,
            library: None,
            sha256: None,
            settings: serde_json::Map::new(),
            hook_budget: Some(Duration::from_millis(50)),
            suspend_after_panics: Some(10),
            on_error: OnError::default(),
            implied_by: None,
        }
    }

    /// Whether a failure to load stops the host instead of being logged. `required` is true by default.
    pub fn is_required(&self) -> bool {
        self.required.unwrap_or(true)
    }
}

/// The values of local.settings.json.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalSettings {
    /// `Values`: environment variables of the workers, unless already set.
    pub values: Variables,
    /// `ConnectionStrings`: variables of the workers, with `ConnectionStrings__` before the name.
    pub connection_strings: Variables,
    /// `Host.LocalHttpPort`.
    pub local_http_port: Option<u16>,
    /// `Host.CORS`: the allowed origins.
    pub cors: Option<Origins>,
    /// `Host.CORSCredentials`.
    pub cors_credentials: bool,
}
