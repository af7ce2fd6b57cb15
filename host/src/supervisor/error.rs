//! Why the supervisor could not start or keep its workers: one variant a phase.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::control::ControlError;
use crate::extensions::ExtensionCode;
use crate::launch::python::LaunchError;
use crate::model::HostAddress;
use crate::sys::describe_exit;

/// The error of [`run`](super::run), by the phase that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// Handlers for the signals cannot be installed.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {}", bind_advice(address, source))]
    Bind {
        /// The address.
        address: HostAddress,
        /// The error of the system.
        source: io::Error,
    },
    /// The pid file cannot be written.
    #[error(
        "cannot write the pid file {}; expected a path in a folder that exists and that this user may write to: see \
         --pid-file",
        path.display()
    )]
    PidFile {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The pid file belongs to another host.
    #[error(
        "the pid file {} names process {pid}, which runs: stop that host, or choose another file with --pid-file",
        path.display()
    )]
    PidFileInUse {
        /// The file.
        path: PathBuf,
        /// The process of the other host.
        pid: u32,
    },
    /// The memory that workers share cannot be made.
    #[error("cannot make the memory that workers share")]
    SharedMemory(#[source] io::Error),
    /// The app's Python cannot be found or prepared.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A worker process cannot be started at all.
    #[error("worker {worker}: cannot run {}", program.display())]
    Spawn {
        /// Which worker.
        worker: u32,
        /// The interpreter.
        program: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The app's folder is gone.
    #[error("the app's folder {} does not exist any more", app.display())]
    AppGone {
        /// The folder.
        app: PathBuf,
    },
    /// The app's settings do not fit into the environment of a process.
    #[error(
        "the app's settings are too large for environment variables: {name} of local.settings.json has {bytes} bytes; \
         the system takes 128 KiB for one and some MiB for all, so keep large values in files"
    )]
    SettingsTooLarge {
        /// The largest setting.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// A worker reported why it cannot serve.
    #[error("worker {worker} did not start: {phase} failed\n{message}")]
    WorkerStart {
        /// Which worker.
        worker: u32,
        /// The phase that failed.
        phase: String,
        /// Why it failed; may contain a Python traceback.
        message: String,
    },
    /// A worker died without a message.
    #[error(
        "worker {worker} (pid {pid}) {}{}{}",
        describe_exit(*status), if *ready { "" } else { " before it was ready" }, during(activity.as_ref())
    )]
    WorkerDied {
        /// Which worker.
        worker: u32,
        /// Its process.
        pid: u32,
        /// How it exited.
        status: ExitStatus,
        /// Whether it was ready by then.
        ready: bool,
        /// What it did then, if it has said so.
        activity: Option<ExtensionCode>,
    },
    /// A worker was not ready in time because an extension did not return.
    #[error(
        "extension {:?}: {} has not ended after {:.1} s\n  found: worker {worker} was not ready after {} s and was killed \
         while it {code}\n  expected: an extension that is ready soon: what takes long belongs on a thread of its \
         own\n  next: report this to the extension's author, remove it from the app, or give it more time with \
         --start-timeout",
        code.extension, code.subject(), took.as_secs_f64(), after.as_secs_f64()
    )]
    ExtensionDeadline {
        /// Which worker.
        worker: u32,
        /// The time that the worker had.
        after: Duration,
        /// How long the extension took of it.
        took: Duration,
        /// What it did.
        code: ExtensionCode,
    },
    /// A worker was not ready in time.
    #[error(
        "worker {worker} was not ready after {} s and was killed; if the app needs longer to import, \
         raise --start-timeout{}",
        after.as_secs(),
        doing.as_deref().map(|doing| format!("\nit was here:\n{doing}")).unwrap_or_default()
    )]
    StartDeadline {
        /// Which worker.
        worker: u32,
        /// The time that it had.
        after: Duration,
        /// The stacks of its threads, if it could tell them.
        doing: Option<String>,
    },
    /// The control channel to a worker failed.
    #[error("lost the control channel to worker {worker}")]
    Control {
        /// Which worker.
        worker: u32,
        /// Why it failed.
        source: ControlError,
    },
    /// A worker closed its control channel, or sent a message that was not expected.
    #[error("worker {worker} broke the control protocol: {problem}")]
    Protocol {
        /// Which worker.
        worker: u32,
        /// What it did.
        problem: &'static str,
    },
    /// A worker does not answer any more.
    #[error(
        "worker {worker} (pid {pid}) has shown no sign of life for {} s and was killed",
        silent_for.as_secs()
    )]
    Silent {
        /// Which worker.
        worker: u32,
        /// Its process.
        pid: u32,
        /// How long it has been silent.
        silent_for: Duration,
    },
    /// A worker that had been ready cannot be started again.
    #[error("worker {worker} failed to start again {times} times in a row, for a minute; the last time")]
    GaveUp {
        /// Which worker.
        worker: u32,
        /// The number of starts that failed.
        times: u32,
        /// Why the last one failed.
        #[source]
        last: Box<SupervisorError>,
    },
}

fn during(activity: Option<&ExtensionCode>) -> String {
    activity
        .map(|what| format!(" while it {what}"))
        .unwrap_or_default()
}

fn bind_advice(address: &HostAddress, source: &io::Error) -> String {
    use io::ErrorKind::{
        AddrInUse, AddrNotAvailable, AlreadyExists, InvalidInput, NotFound, PermissionDenied,
    };
    match (source.kind(), address) {
        (AddrInUse, HostAddress::Ip(address)) => format!(
            "port {} is in use; stop the program that uses it, or choose another port with --port (0 picks a free one)",
            address.port()
        ),
        (PermissionDenied, HostAddress::Ip(address)) => format!(
            "port {} is reserved for privileged programs; choose one from 1024 up with --port",
            address.port()
        ),
        (AddrNotAvailable, HostAddress::Ip(address)) => format!(
            "{} is not an address of this machine; choose another with --address",
            address.ip()
        ),
        (AddrInUse, HostAddress::Unix(_)) => {
            "another process listens there; stop it, or choose another file with --unix-socket".into()
        }
        (PermissionDenied, HostAddress::Unix(_)) => {
            "this user may not use the file, or make one in its folder; change their permissions, or choose another with \
             --unix-socket"
                .into()
        }
        (AlreadyExists, _) => {
            "there is a file that is not a socket; remove it, or choose another with --unix-socket".into()
        }
        (InvalidInput, HostAddress::Unix(_)) => {
            "the path has more than 107 bytes, which the system cannot have; choose a shorter one".into()
        }
        (NotFound, _) => "its folder does not exist; make it first".into(),
        _ => "the system refused".into(),
    }
}
