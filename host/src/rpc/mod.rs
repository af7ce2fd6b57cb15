//! A worker of Microsoft's Functions host, which drives it over FunctionRpc: one gRPC stream of messages.
//!
//! The host starts the process, tells it which app to load and starts every call. It reads what functions are bound to, and
//! writes what they put out. So there is no supervisor and no listener here; hooks, runner and extensions are the same as
//! under `funcdock start`.
//!
//! A thread of its own reads and writes the stream ([`session`]). It orders the language's main thread to load the app
//! ([`Step`]), hands calls to the serving thread ([`trigger`]), and sends what comes back. Where HTTP streams, the host passes
//! requests on to a server of the worker ([`http_uri`]).

mod capabilities;
mod cookie;
mod departure;
mod http_data;
mod http_uri;
mod invocation;
mod load;
mod log;
mod orders;
mod outgoing;
mod pairs;
mod reports;
mod running;
mod session;
mod shared_memory;
mod trigger;
mod typed_data;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use funcdock_rpc::ConnectionError;
use tokio::sync::oneshot;

use crate::control::WorkerConfig;

pub use funcdock_rpc::Endpoint;
pub use orders::HostOrders;

/// How long the last messages may take to be sent.
const LAST_MESSAGES: Duration = Duration::from_secs(2);

/// What the host says on the command line of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the host listens.
    pub endpoint: Endpoint,
    /// The host's name for this worker.
    pub worker_id: String,
    /// The id of the request to start it.
    pub request_id: String,
    /// The version of the language's runtime: "3.13.0".
    pub language: String,
    /// The folders that the interpreter imports packages from.
    pub packages: Vec<PathBuf>,
}

/// Reads the app in a folder, for a worker of the host. The error is a message for the user.
pub type Configure = Box<dyn Fn(&Path) -> Result<WorkerConfig, String> + Send>;

/// What the language's main thread is to do next.
pub enum Step {
    /// Replace the environment of the process.
    Environment(NewEnvironment),
    /// Make a worker of this configuration and with these orders, and serve it to its end.
    Load(Box<WorkerConfig>, HostOrders),
    /// Leave with this exit code.
    End(i32),
}

/// The environment of the app that a worker without one is to serve from now on.
#[derive(Debug)]
pub struct NewEnvironment {
    /// All variables.
    pub variables: Vec<(String, String)>,
    /// The app's folder, which becomes the working directory; `None` if the host does not say.
    pub directory: Option<PathBuf>,
    /// Takes what it came to; the error is a message.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// The connection to the host, which a thread of its own serves.
pub struct Session {
    steps: mpsc::Receiver<Step>,
    /// Dropped when nothing more is to be sent.
    open: oneshot::Sender<()>,
    /// Disconnected when the thread has ended.
    ended: mpsc::Receiver<Infallible>,
}

impl Session {
    /// Connects to the host, and presents this worker. Blocks.
    ///
    /// # Errors
    /// [`ConnectionError::Uri`], [`ConnectionError::Connect`].
    pub fn connect(options: Options, configure: Configure) -> Result<Self, ConnectionError> {
        let (connected, result) = mpsc::channel();
        let (steps_to, steps) = mpsc::channel();
        let (open, closed) = oneshot::channel();
        let (runs, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name("functions-host".to_owned());
        let endpoint = options.endpoint.clone();
        let failed = |reason: String| ConnectionError::Connect {
            uri: endpoint.uri.clone(),
            reason,
        };
        let run = move || {
            // Dropped at the end, also by a panic.
            let _runs = runs;
            session::run(options, configure, steps_to, closed, &connected);
        };
        thread.spawn(run).map_err(|error| failed(error.to_string()))?;
        match result.recv() {
            Ok(Ok(())) => Ok(Session { steps, open, ended }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(failed("the thread of the connection has ended".to_owned())),
        }
    }

    /// Waits for the next step. Blocks.
    pub fn next_step(&mut self) -> Step {
        // The thread has panicked, which is printed.
        self.steps.recv().unwrap_or(Step::End(1))
    }

    /// Sends the last messages, and ends the connection. Blocks for a short time.
    pub fn close(self) {
        drop(self.open);
        let _ = self.ended.recv_timeout(LAST_MESSAGES);
    }
}
