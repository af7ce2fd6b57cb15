//! Runs a check in a child process, which may crash or hang: the same binary with a hidden subcommand. The check goes to
//! its stdin; its events come from its stdout, one JSON text a line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::extensions::{Check, Event, ExtensionError, Source, Step};
use crate::logging::Format;
use crate::sys;

/// The hidden subcommand.
pub(super) const COMMAND: &str = "__check";

/// How often to look whether the child has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs the check in the child process.
pub(super) fn main() -> Result<ExitCode> {
    // An endless loop must not outlive the parent. A crash, which is expected here, must not leave a core file.
    sys::die_with_parent();
    // The output of the library goes to stderr: stdout is for the events.
    let mut events = sys::take_stdout()?;
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let check: Check =
        serde_json::from_str(&text).context("stdin is not a check; this subcommand is internal")?;
    crate::logging::init(Format::Text, &crate::logging::Selection::default());
    check.run(&mut |event| {
        // The library may crash in the step that begins now, and the parent kills this process after the last one.
        crate::logging::flush();
        let mut line = serde_json::json!(event).to_string();
        line.push('\n');
        if events.write_all(line.as_bytes()).is_err() {
            // The parent has exited.
            crate::logging::exit(1);
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Runs a check in a child process within `time`. Passes its events to `handle`, and a crash of the child as one.
pub(super) fn run(check: &Check, time: Duration, handle: &mut dyn FnMut(Event)) -> Result<()> {
    let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
    let mut child = Command::new(&executable)
        .args(["extension", COMMAND])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(KillOnDrop)
        .with_context(|| format!("cannot run {}", executable.display()))?;
    if let Some(mut stdin) = child.0.stdin.take() {
        // If the child has exited already, this fails, and its exit is reported below.
        let _ = stdin.write_all(serde_json::to_string(check)?.as_bytes());
    }
    // It was piped above.
    let lines = child
        .0
        .stdout
        .take()
        .map(lines)
        .context("the child has no stdout")?;
    let (mut step, mut name) = (Step::Look, check.name());
    let found = loop_until(&mut child.0, &lines, Instant::now() + time, &mut |event| {
        match &event {
            Event::Begin(begun) => step = *begun,
            Event::Extension(described) => name.clone_from(&described.name),
            _ => {}
        }
        handle(event);
    });
    if let Some(found) = found {
        let source = match &check.file {
            Some(file) => Source::File(file.clone()),
            None => Source::Linked,
        };
        let crash = ExtensionError::Crash {
            name,
            what: source.to_string(),
            step,
            found: found.unwrap_or_else(|| format!("did not return within {} s", time.as_secs_f64())),
        };
        handle(Event::Failed(crash.to_string()));
        handle(Event::End);
    }
    Ok(())
}

/// A child that is killed on drop, even after its last event: a check does not cover what a library does when the process
/// exits, because a worker exits without that.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail only if the child has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Passes events to `handle` until the last one (returns `None`), the exit of the child (returns how it exited) or the
/// deadline (returns `Some(None)`).
fn loop_until(
    child: &mut Child,
    lines: &Receiver<Vec<u8>>,
    deadline: Instant,
    handle: &mut dyn FnMut(Event),
) -> Option<Option<String>> {
    let mut ended = None;
    loop {
        match lines.recv_timeout(POLL_INTERVAL) {
            Ok(line) => match serde_json::from_slice(&line) {
                Ok(Event::End) => {
                    handle(Event::End);
                    return None;
                }
                Ok(event) => handle(event),
                Err(_) => return Some(Some("wrote to the descriptor of the check's events".to_owned())),
            },
            // A process that the library has started may keep the pipe open.
            Err(_) if ended.is_some() => return Some(ended),
            Err(error) => {
                // Waiting for our own child does not fail.
                ended = child.try_wait().ok().flatten().map(sys::describe_exit);
                if ended.is_none() && Instant::now() >= deadline {
                    return Some(None);
                }
                if error == RecvTimeoutError::Disconnected {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }
}

/// Returns the lines that the child writes, as they come.
fn lines(stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
    });
    receiver
}
