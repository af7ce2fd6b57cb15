//! The messages between the supervisor and a worker.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::extensions::ExtensionCode;
use crate::model::{AuthLevel, Event, EventEnd, EventFunction};

/// The largest number of threads for synchronous functions that makes any sense.
pub(crate) const MOST_THREADS: u32 = 10_000;

/// A message from the supervisor to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SupervisorMessage {
    /// The first message: the app to serve, and how.
    Start(Box<WorkerConfig>),
    /// Take requests from now on: nobody else does who should not. After [`WorkerMessage::Ready`].
    Serve,
    /// Accept no more calls, finish those in flight, flush, and exit: with 0 if no call was given up.
    Drain {
        /// Milliseconds until calls that still run are given up.
        deadline_ms: u64,
    },
    /// A question what the worker does, as it does not become ready. The answer is a [`WorkerMessage::Explanation`].
    Explain,
    /// A question whether the worker still serves. The answer is a [`WorkerMessage::Pong`].
    Ping,
    /// A call to make. The answer is a [`WorkerMessage::CallEnded`]. After [`WorkerMessage::Ready`].
    Call {
        /// The supervisor's id of the call.
        id: u64,
        /// What the call is about.
        event: Event,
    },
    /// A question of another worker. The answer is a [`WorkerMessage::PeerReply`].
    PeerRequest {
        /// The index of the worker that asks.
        asker: u32,
        /// The asker's id of the question.
        id: u64,
        /// The question.
        question: Question,
    },
    /// The number of workers that get this worker's question. Comes before their replies.
    PeerCount {
        /// This worker's id of the question.
        id: u64,
        /// The number of other workers that are ready.
        others: u32,
    },
    /// The reply of another worker to this worker's question.
    PeerReply {
        /// This worker's id of the question.
        id: u64,
        /// The index of the worker that replies.
        worker: u32,
        /// The reply.
        reply: Reply,
    },
}

/// A message from a worker to the supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkerMessage {
    /// All functions and extensions are loaded, and the worker takes requests when it is told to.
    Ready(Ready),
    /// The worker cannot serve the app. It exits with a non-zero status after this.
    Failed {
        /// The phase that failed, as a noun phrase: "import of the function app".
        phase: String,
        /// Why it failed; may contain a Python traceback.
        message: String,
    },
    /// The answer to [`SupervisorMessage::Explain`]: the stacks of its threads, as its language prints them.
    Explanation(String),
    /// The answer to a [`SupervisorMessage::Ping`], from a worker that still serves.
    Pong,
    /// The worker cannot go on serving, for this reason. It is to be replaced, and drained then.
    Unhealthy(String),
    /// A call of the supervisor has ended.
    CallEnded {
        /// The supervisor's id of the call.
        id: u64,
        /// How it ended.
        end: EventEnd,
    },
    /// The worker has answered [`max_requests`](WorkerConfig::max_requests). It goes on serving until it is replaced.
    RequestLimitReached,
    /// The code of an extension that the worker runs from now on, and may not survive. `None` when that is over. Only a
    /// worker that is not ready yet sends it.
    Activity(Option<ExtensionCode>),
    /// A question for all other workers that are ready. Only a worker that is ready sends it.
    PeerRequest {
        /// The worker's id of the question.
        id: u64,
        /// The question.
        question: Question,
    },
    /// The reply to a [`SupervisorMessage::PeerRequest`].
    PeerReply {
        /// The index of the worker that asked.
        asker: u32,
        /// The asker's id of the question.
        id: u64,
        /// The reply.
        reply: Reply,
    },
    /// No call begins any more. Sent once, while draining.
    Closed,
    /// The statistics of the worker's extensions. Sent once, while draining.
    Statistics(serde_json::Value),
    /// All calls in flight have ended or were given up, and everything is flushed. The worker exits after this.
    Drained,
}

/// A question that an operator asks one worker, and that worker asks the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// The state and statistics of the worker's extensions.
    Extensions,
    /// The worker's metrics.
    Metrics,
    /// Whether the worker can go on serving.
    Health,
    /// A request to have the worker's extensions flush.
    Flush,
}

/// The reply to a [`Question`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// To [`Question::Extensions`]: the worker's index and its extensions.
    Extensions(serde_json::Value),
    /// To [`Question::Metrics`]: a complete text in the format of OpenMetrics.
    Metrics(String),
    /// To [`Question::Health`].
    Health {
        /// The id of the worker's process.
        pid: u32,
        /// Why it cannot go on serving, if it cannot.
        failure: Option<String>,
    },
    /// To [`Question::Flush`].
    Flush(Flushed),
    /// The worker cannot answer. Its log says why.
    Failed,
}

/// What a worker has flushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flushed {
    /// Its extensions were asked. What failed, one text for each: nothing if all is flushed.
    Asked(Vec<String>),
    /// Nothing now: a flush is already running.
    Busy,
}

/// Everything that a worker needs to serve an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// [`PROTOCOL`](super::PROTOCOL) of the supervisor.
    pub protocol: u32,
    /// The app to serve.
    pub app: App,
    /// The index of this worker, from 0.
    pub index: u32,
    /// The number of workers.
    pub workers: u32,
    /// How often the worker of this index was started before.
    pub restarts: u32,
    /// The index of this worker's cell in the [`Loads`](super::Loads).
    pub load_cell: u32,
    /// Whether worker extensions are on (`PYTHON_ENABLE_WORKER_EXTENSIONS`).
    pub extensions_enabled: bool,
    /// The folders that the interpreter imports packages from, if extensions are searched for there
    /// (see [`Search::wheels`](crate::extensions::Search::wheels)); absolute.
    pub site_packages: Vec<PathBuf>,
    /// The folders that are searched last for the library of an extension, in this order; absolute.
    pub extension_path: Vec<PathBuf>,
    /// The format of the log.
    pub log_format: crate::logging::Format,
    /// Whether the log is detailed.
    pub verbose: bool,
    /// Whether the beginning and the end of each call are logged.
    pub logs_calls: bool,
    /// Whether functions also log at DEBUG (`PYTHON_ENABLE_DEBUG_LOGGING`).
    pub debug_logs: bool,
    /// Whether post hooks in the app's language are skipped when the function raises
    /// (`PYTHON_EXTENSIONS_SKIP_POST_ON_EXCEPTION`).
    pub skip_post_on_exception: bool,
    /// Whether OpenTelemetry's API in the app goes on with the traces of calls, where no extension traces them.
    pub uses_opentelemetry: bool,
    /// Whether a function that cannot be loaded stops the host, instead of failing alone.
    pub strict: bool,
    /// The names of functions without which the worker does not start, if the app has them: its predecessor has loaded them.
    pub must_load: BTreeSet<String>,
    /// The number of threads for synchronous functions, if set (`PYTHON_THREADPOOL_THREAD_COUNT`).
    pub threads: Option<u32>,
    /// The number of requests after which the worker is to be replaced, if any.
    pub max_requests: Option<u64>,
}

/// What a worker serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The loaded functions, in the order to list them.
    pub functions: Vec<FunctionListing>,
    /// The names of those that could not be loaded, whose calls all fail.
    #[serde(default)]
    pub not_loaded: BTreeSet<String>,
    /// The functions that the supervisor's triggers call.
    #[serde(default)]
    pub events: Vec<EventFunction>,
    /// The names of the connections to storage that bindings of the functions have.
    #[serde(default)]
    pub connections: BTreeSet<String>,
    /// The number of threads for functions.
    #[serde(default)]
    pub threads: usize,
    /// All extensions of the app, loaded or not.
    pub extensions: Vec<ExtensionListing>,
    /// The version of the interpreter: "3.12.4".
    pub python: String,
}

/// A function, as listed at start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionListing {
    /// The function's name.
    pub name: String,
    /// The type of its trigger: "httpTrigger", "timerTrigger", …
    pub kind: String,
    /// The methods of an httpTrigger, upper case; empty is all.
    pub methods: Vec<String>,
    /// The route of an httpTrigger under the prefix, without slashes around it.
    pub route: Option<String>,
    /// The key that requests to an httpTrigger need.
    #[serde(default)]
    pub auth_level: Option<AuthLevel>,
}

/// An extension, as listed at start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionListing {
    /// The extension's name.
    pub name: String,
    /// The extension's version; empty if it is not known.
    pub version: String,
    /// The extension's state: "started", "unattached" or "failed".
    pub state: String,
    /// Why it is not started, and what to do.
    pub message: Option<String>,
}
