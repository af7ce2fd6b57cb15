//! Watches whether the worker makes progress: its thread pool, its event loop, and the interpreter. A call that has used up
//! its time and still keeps one of them cannot be ended, so the worker is reported as unhealthy, with what the call does.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use funcdock::sys::{memory_file, raise};
use funcdock::worker::Health;
use pyo3::prelude::*;

use crate::event_loop::EventLoop;
use crate::interpreter_thread::{Doing, InterpreterThread};
use crate::pool::{LostThread, Pool};
use crate::tasks::lock;

/// The time that a call which was given up has to end, if its time limit is not shorter.
const LONGEST_GRACE: Duration = Duration::from_secs(10);

/// The time after which an event loop that makes no progress is worth a warning.
const SLOW: Duration = Duration::from_secs(10);

/// The time to get the GIL to read a thread's stack. After that the stack is read without it.
const GIL_WAIT: Duration = Duration::from_secs(1);

/// What is watched.
pub(crate) struct Watchdog {
    pub(crate) pool: Arc<Pool>,
    pub(crate) event_loop: Arc<EventLoop>,
    pub(crate) interpreter: InterpreterThread,
    pub(crate) stacks: Arc<Mutex<Stacks>>,
    pub(crate) health: Health,
    /// The time limit of calls; without one nothing takes too long.
    pub(crate) limit: Option<Duration>,
    /// The thread of the event loop, as Python numbers it.
    pub(crate) loop_thread: u64,
}

/// What was told about the present stall.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    Warning,
    Failure,
}

impl Watchdog {
    /// Starts to watch, on a thread that ends with the process and never attaches to the interpreter.
    pub(crate) fn start(mut self) -> std::io::Result<()> {
        let pause = (self.grace() / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let watch = move || {
            let mut told = Told::Nothing;
            loop {
                std::thread::sleep(pause);
                self.look_at_threads();
                told = self.look_at_loop(told);
            }
        };
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(watch)?;
        Ok(())
    }

    /// The time that a call which was given up has to end.
    fn grace(&self) -> Duration {
        self.limit.unwrap_or(LONGEST_GRACE).min(LONGEST_GRACE)
    }

    fn look_at_threads(&mut self) {
        for LostThread { thread, function } in self.pool.lost_threads(self.grace()) {
            let Doing { stack, .. } = self.doing(thread);
            let (name, limit) = (&function.info.name, self.limit.unwrap_or_default());
            self.health.fail(
                &format!(
                    "function {name:?} does not end, {limit:?} (functionTimeout in host.json) after it began: its \
                     thread is lost"
                ),
                &stack,
            );
        }
    }

    /// Looks whether the event loop stands still, or the interpreter as a whole. `told` is what the log has of this stall so
    /// far; returns what it has now.
    fn look_at_loop(&mut self, told: Told) -> Told {
        let gil_silence = self.interpreter.silence();
        let silence = self.event_loop.silence().max(gil_silence);
        let is_over = self.limit.is_some_and(|limit| silence >= limit + self.grace());
        let due = match silence {
            _ if is_over => Told::Failure,
            silence if silence >= SLOW => Told::Warning,
            _ => Told::Nothing,
        };
        let is_known = due == Told::Failure && self.health.failure().is_some();
        if due <= told || is_known {
            // A stall that has ended may be followed by another one.
            return if due == Told::Nothing { due } else { told };
        }
        let Doing { function, stack } = self.doing(self.loop_thread);
        let seconds = silence.as_secs();
        let problem = if gil_silence >= silence / 2 {
            format!("no Python code has run for {seconds} s: something holds the GIL, and calls wait for it")
        } else {
            let culprit = match function {
                Some(name) => format!("function {name:?} blocks it"),
                None => "the code below blocks it".to_owned(),
            };
            format!(
                "the event loop has stood still for {seconds} s, and asynchronous calls with it: {culprit}; await what \
                 waits, or write the function without \"async\""
            )
        };
        match due {
            Told::Failure => self.health.fail(&problem, &stack),
            _ => tracing::warn!("{problem}\n{stack}"),
        }
        due
    }

    /// Returns what a thread does.
    fn doing(&mut self, thread: u64) -> Doing {
        self.interpreter
            .describe(thread, GIL_WAIT)
            .unwrap_or_else(|| Doing {
                function: None,
                stack: lock(&self.stacks).read(),
            })
    }
}

/// The stacks of all threads, as the interpreter writes them without the GIL.
pub(crate) struct Stacks {
    file: File,
    signal: i32,
}

impl Stacks {
    /// Prepares the interpreter. Attached. `stalls` is the module `funcdock.stalls`.
    pub(crate) fn new(stalls: &Bound<'_, PyModule>) -> PyResult<Self> {
        let file = memory_file(c"funcdock-stacks")?;
        let signal = stalls.call_method1("prepare", (file.as_raw_fd(),))?.extract()?;
        Ok(Stacks { file, signal })
    }

    /// Returns the stacks. From any thread, attached or not.
    pub(crate) fn read(&mut self) -> String {
        let mut read = || -> std::io::Result<String> {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            // The handler runs on this thread, and has ended when this returns.
            raise(self.signal)?;
            self.file.seek(SeekFrom::Start(0))?;
            let mut text = Vec::new();
            self.file.read_to_end(&mut text)?;
            Ok(of_the_app(&String::from_utf8_lossy(&text)))
        };
        read().unwrap_or_else(|error| format!("(its stack cannot be read: {error})"))
    }
}

/// Returns the stacks of threads that run more than code of the host.
fn of_the_app(stacks: &str) -> String {
    let is_of_app = |stack: &&str| {
        let innermost = stack.lines().nth(1).unwrap_or_default();
        !innermost.contains("<no Python frame>") && !innermost.contains("\"<funcdock>")
    };
    let kept: Vec<_> = stacks.trim_end().split("\n\n").filter(is_of_app).collect();
    kept.join("\n\n")
}
