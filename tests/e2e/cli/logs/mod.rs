//! `funcdock logs`: the log of a host that runs.

mod ends;
mod places;
mod shown;
mod slow;

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};

use funcdock_tests::{App, DEADLINE, Host, Stream, wait_for};

use crate::cli::support::{Done, funcdock};

/// Logs its process when it is imported; logs and prints what the query says, and then waits for a file if that is asked for.
const TALK: &str = r#"
import logging
import os
import pathlib
import sys
import time

logging.info("imported by %s", os.getpid())


def main(req):
    text = req.params["text"]
    logging.info("info of %s", text)
    logging.warning("warning of %s", text)
    print("printed", text)
    print("to stderr:", text, file=sys.stderr, end="")
    if "until" in req.params:
        while not pathlib.Path(req.params["until"]).exists():
            time.sleep(0.01)
        logging.info("the end of %s", text)
    return str(os.getpid())
"#;

/// An app with the functions `talk` and `other`, which are the same, and two workers.
fn app() -> App {
    App::without_functions()
        .function("talk", TALK)
        .function("other", TALK)
        .arg("--workers")
        .arg("2")
}

/// Returns the command with these arguments for the host's app and port.
fn command(host: &Host, arguments: &[&str]) -> Command {
    let port = host.address().rsplit(':').next().unwrap_or_default();
    let mut command = funcdock(["logs"]);
    command
        .arg(host.app().path())
        .args(["--port", port])
        .args(arguments);
    command
}

/// Returns what the command prints that ends by itself.
fn logs(host: &Host, arguments: &[&str]) -> String {
    let done = Done::of(&mut command(host, arguments));
    assert_eq!(done.code, Some(0), "{}\n{}", done.output(), host.output());
    done.stdout
}

/// Waits until the log has a line with this text; returns the log.
#[track_caller]
fn logs_with(host: &Host, arguments: &[&str], text: &str) -> String {
    let mut log = String::new();
    let found = wait_for(|| {
        log = logs(host, arguments);
        log.contains(text).then_some(())
    });
    assert!(found.is_some(), "{text:?} is not in:\n{log}");
    log
}

/// A command that follows the log. Killed when dropped.
struct Following {
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

impl Following {
    /// Starts a command.
    fn start(mut command: Command) -> Self {
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.expect("the binary runs");
        let stdout = Stream::read(child.stdout.take().expect("a pipe"));
        let stderr = Stream::read(child.stderr.take().expect("a pipe"));
        Following {
            child,
            stdout,
            stderr,
        }
    }

    /// Follows the log of a host, and waits for what is there.
    #[track_caller]
    fn of(host: &Host, arguments: &[&str]) -> Self {
        let following = Following::start(command(host, &[&["--follow"], arguments].concat()));
        following.wait_for("Worker process started and initialized.");
        following
    }

    /// Waits until it has printed this text.
    #[track_caller]
    fn wait_for(&self, text: &str) {
        let found = wait_for(|| self.stdout.text().contains(text).then_some(()));
        assert!(
            found.is_some(),
            "{text:?} is not in:\n{}\n{}",
            self.stdout.text(),
            self.stderr.text()
        );
    }

    /// Waits until it ends; returns its status, and all that it has printed to stdout and to stderr.
    #[track_caller]
    fn ended(mut self) -> (ExitStatus, String, String) {
        let status = wait_for(|| self.child.try_wait().ok().flatten());
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        let status = status.unwrap_or_else(|| panic!("it goes on after {DEADLINE:?}\n{stdout}\n{stderr}"));
        (status, stdout, stderr)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a file that functions wait for.
fn make(host: &Host, name: &str) {
    fs::write(host.app().path().join(name), "").expect("written");
}
