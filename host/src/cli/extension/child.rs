//! An extension tried out in a process of its own, which may crash or hang as it likes: the same binary with a hidden
//! subcommand. What to try goes in through stdin, what happens comes out through stdout, a JSON text a line.

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

/// How often to look whether the child is still there.
const LOOK: Duration = Duration::from_millis(50);

/// The child's side.
pub(super) fn main() -> Result<ExitCode> {
    // An endless loop must not outlive who waits for it, and a crash that is expected leaves no file behind.
    sys::die_with_parent();
    // What the library prints goes to stderr: stdout is ours.
    let mut events = sys::take_stdout()?;
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let check: Check = serde_json::from_str(&text).context("this subcommand is not for people")?;
    crate::logging::init(Format::Text, false, false);
    check.run(&mut |event| {
        let mut line = serde_json::json!(event).to_string();
        line.push('\n');
        if events.write_all(line.as_bytes()).is_err() {
            // Nobody listens any more.
            std::process::exit(1);
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Tries an extension out in a child that gets so much time, and tells what happens; what happens to the child, too.
pub(super) fn run(check: &Check, time: Duration, tell: &mut dyn FnMut(Event)) -> Result<()> {
    let executable = std::env::current_exe().context("cannot find out where the funcdock binary is")?;
    let mut child = Command::new(&executable)
        .args(["extension", COMMAND])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Killed)
        .with_context(|| format!("cannot run {}", executable.display()))?;
    if let Some(mut stdin) = child.0.stdin.take() {
        // If it has ended already, how it did so is told below.
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
        tell(event);
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
        tell(Event::Failed(crash.to_string()));
        tell(Event::End);
    }
    Ok(())
}

/// A child that is killed when it is dropped. One that has told all that it has to tell is not waited for: what a
/// library does at the end of a process is not looked at, as workers end without it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Passes events on until the last one (`None`), the child's end (`Some` of how it ended) or the deadline (`Some(None)`).
fn loop_until(
    child: &mut Child,
    lines: &Receiver<Vec<u8>>,
    deadline: Instant,
    tell: &mut dyn FnMut(Event),
) -> Option<Option<String>> {
    let mut ended = None;
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => match serde_json::from_slice(&line) {
                Ok(Event::End) => {
                    tell(Event::End);
                    return None;
                }
                Ok(event) => tell(event),
                Err(_) => return Some(Some("garbled what the process had to say".to_owned())),
            },
            // The pipe may be held open by what the library has started.
            Err(_) if ended.is_some() => return Some(ended),
            Err(error) => {
                // Waiting for a child of our own does not fail.
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

/// What the child writes, line by line.
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
