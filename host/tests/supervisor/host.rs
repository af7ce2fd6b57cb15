//! A running `funcdock start`, and its output so far.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The host's process, killed when this is dropped.
pub(crate) struct Host {
    pub(crate) app: TempDir,
    child: Child,
    lines: Receiver<(usize, String)>,
    /// The output on stdout, and on stderr.
    seen: [String; 2],
}

/// Returns a `funcdock start` command for an app in a new folder, with a fake worker, at a free port.
pub(crate) fn command(behaviour: &str) -> (Command, TempDir) {
    let app = tempfile::tempdir().expect("a folder");
    fs::write(app.path().join("host.json"), r#"{"version": "2.0"}"#).expect("host.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_funcdock"));
    for (name, _) in std::env::vars_os() {
        // Variables that this machine may have set for itself.
        if name.to_string_lossy().starts_with("FUNC") {
            command.env_remove(name);
        }
    }
    command.arg("start").arg(app.path());
    command
        .env("FUNCDOCK_PORT", "0")
        .env("FUNCDOCK_PYTHON", file("fake_worker.py"));
    // Any file works here: only the real bootstrap loads it.
    command
        .env("FUNCDOCK_PYTHON_MODULE", file("fake_worker.py"))
        .env("FAKE_WORKER", behaviour);
    (command, app)
}

/// Returns the path of a file in this file's folder.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/supervisor")
        .join(name)
}

impl Host {
    /// Starts a host whose fake workers have this behaviour.
    pub(crate) fn start(behaviour: &str, arguments: &[&str]) -> Self {
        let (mut command, app) = command(behaviour);
        command.args(arguments);
        Self::spawn(command, app)
    }

    /// Starts a host in a process group of its own.
    pub(crate) fn spawn(mut command: Command, app: TempDir) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().expect("the binary runs");
        let (sender, lines) = channel();
        follow(child.stdout.take().expect("piped"), 0, sender.clone());
        follow(child.stderr.take().expect("piped"), 1, sender);
        Self {
            app,
            child,
            lines,
            seen: Default::default(),
        }
    }

    /// Waits for the next line that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_line(deadline) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("{text:?} was not printed ({error}), but:\n{}", self.seen.concat()),
            }
        }
    }

    fn next_line(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let (stream, line) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        self.seen[stream] += &line;
        self.seen[stream] += "\n";
        Ok(line)
    }

    /// Waits until all workers are ready, and returns the address that they serve.
    pub(crate) fn wait_until_ready(&mut self) -> SocketAddr {
        let line = self.wait_for("\tHello: [GET,POST] http://localhost:");
        let authority = line.split('/').nth(2).expect("a URL");
        let port = authority
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port");
        self.wait_for("Worker process started and initialized.");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Waits until the host and its workers have exited. Returns the host's status and the output: stdout, then stderr.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        // The pipes close when every process that has them has exited.
        loop {
            match self.next_line(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "the host or a worker does not exit, but printed:\n{}",
                        self.seen.concat()
                    )
                }
            }
        }
        (self.child.wait().expect("our child"), self.seen.concat())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the host runs");
    }

    /// Sends a signal to the host and its workers, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        killpg(self.pid(), signal).expect("the host runs");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It has already exited in most tests. Workers exit when their channel closes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(pipe: impl Read + Send + 'static, stream: usize, lines: Sender<(usize, String)>) {
    thread::spawn(move || {
        // Runs until the pipe closes or the test ends.
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send((stream, line)).is_err() {
                break;
            }
        }
    });
}

/// Asks the host for a worker's pid. `None` when the worker died while it answered.
pub(crate) fn ask(address: SocketAddr) -> Option<Pid> {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(Pid::from_raw(body.parse().ok()?))
}
