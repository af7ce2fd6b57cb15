//! The thread that does what needs the GIL for those that must not wait for it: starts threads of the pool, and tells what
//! a thread of Python does.

use std::ffi::CString;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use funcdock::sys::name_thread;
use pyo3::prelude::*;

use crate::pool::{Pool, REFUSED};
use crate::runtime::Runtime;
use crate::tasks::lock;

/// What the thread does.
enum Job {
    StartThread,
    Describe(u64, SyncSender<Option<Doing>>),
    Ping,
}

/// What a thread of Python does.
#[derive(Debug)]
pub(crate) struct Doing {
    /// The function whose call it runs, if that is known.
    pub(crate) function: Option<String>,
    /// Its stack, as Python prints it.
    pub(crate) stack: String,
}

/// A handle of the thread.
#[derive(Clone)]
pub(crate) struct InterpreterThread {
    jobs: std::sync::mpsc::Sender<Job>,
    /// When it was pinged; `None` if it has answered.
    pinged: Arc<Mutex<Option<Instant>>>,
}

/// A thread whose jobs may be given to it already.
pub(crate) struct NotStarted {
    jobs: Receiver<Job>,
    pinged: Arc<Mutex<Option<Instant>>>,
}

/// Returns a handle, and the thread to [start](NotStarted::start).
pub(crate) fn interpreter_thread() -> (InterpreterThread, NotStarted) {
    let (sender, jobs) = channel();
    let pinged = Arc::default();
    let thread = NotStarted {
        jobs,
        pinged: Arc::clone(&pinged),
    };
    (InterpreterThread { jobs: sender, pinged }, thread)
}

impl InterpreterThread {
    /// Has a thread of the pool start. From any thread, attached or not.
    pub(crate) fn start_thread(&self) {
        // The receiver lives as long as the process.
        let _ = self.jobs.send(Job::StartThread);
    }

    /// Returns what a thread does; `None` if the GIL could not be had within this time. Not attached.
    pub(crate) fn describe(&self, thread: u64, within: Duration) -> Option<Doing> {
        let (sender, described) = sync_channel(1);
        self.jobs.send(Job::Describe(thread, sender)).ok()?;
        described.recv_timeout(within).ok()?
    }

    /// Returns how long the thread has not answered the last ping, because it waits for the GIL, and pings it unless it owes
    /// an answer. From any thread.
    pub(crate) fn silence(&self) -> Duration {
        let mut pinged = lock(&self.pinged);
        if let Some(at) = *pinged {
            return at.elapsed();
        }
        *pinged = Some(Instant::now());
        let _ = self.jobs.send(Job::Ping);
        Duration::ZERO
    }
}

impl NotStarted {
    /// Starts the thread, which ends with the process. `threads` is the module `funcdock.threads`.
    pub(crate) fn start(
        self,
        pool: Arc<Pool>,
        runtime: Arc<Runtime>,
        threads: Py<PyModule>,
        stalls: Py<PyModule>,
    ) -> std::io::Result<()> {
        let serve = move || {
            let (mut number, mut is_refused) = (0, false);
            loop {
                let job = match is_refused {
                    true => self.jobs.recv_timeout(REFUSED),
                    false => self.jobs.recv().map_err(RecvTimeoutError::from),
                };
                let job = match job {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        pool.ask_again();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                Python::attach(|py| match job {
                    Job::StartThread => {
                        let serve = Serve {
                            number,
                            pool: Arc::clone(&pool),
                            runtime: Arc::clone(&runtime),
                        };
                        let started = threads.bind(py).call_method1("start", (number, serve));
                        number += 1;
                        is_refused = started.is_err();
                        if let Err(error) = started
                            && let Some(serving) = pool.not_started()
                        {
                            tracing::error!(
                                "cannot start a thread for synchronous functions, which go on with {serving}, and try again: \
                                 {error}"
                            );
                        }
                    }
                    Job::Describe(thread, reply) => {
                        let _ = reply.send(describe(stalls.bind(py), thread));
                    }
                    Job::Ping => *lock(&self.pinged) = None,
                });
            }
        };
        std::thread::Builder::new()
            .name("interpreter".to_owned())
            .spawn(serve)?;
        Ok(())
    }
}

fn describe(stalls: &Bound<'_, PyModule>, thread: u64) -> Option<Doing> {
    let described = stalls.call_method1("describe", (thread,));
    match described.and_then(|described| described.extract::<(Option<String>, String)>()) {
        Ok((function, stack)) => Some(Doing { function, stack }),
        Err(error) => {
            tracing::error!("cannot tell what a thread does: {error}");
            None
        }
    }
}

/// What a thread of the pool runs.
#[pyclass(frozen, module = "funcdock")]
struct Serve {
    number: u32,
    pool: Arc<Pool>,
    runtime: Arc<Runtime>,
}

#[pymethods]
impl Serve {
    fn __call__(&self, py: Python<'_>, thread: u64) {
        // The same as Python's, which the system learns of only from version 3.14 on.
        if let Ok(name) = CString::new(format!("function-{}", self.number)) {
            name_thread(&name);
        }
        self.pool.serve(py, thread, &self.runtime);
    }
}
