//! A running host.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ureq::http::Request;

use crate::{Answer, App, DEADLINE, wait_for};

/// A host that serves an app. Killed when dropped.
pub struct Host {
    child: Child,
    app: App,
    base: String,
    stdout: Stream,
    stderr: Stream,
    agent: ureq::Agent,
}

/// A host that has exited.
#[derive(Debug)]
pub struct Stopped {
    /// Its exit status.
    pub status: ExitStatus,
    /// The output on stdout.
    pub stdout: String,
    /// The output on stderr.
    pub stderr: String,
    /// The app that it served. Dropping it removes the folder.
    pub app: App,
}

/// The output of a process so far.
pub struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn new(mut child: Child, app: App) -> Self {
        let stdout = child.stdout.take().map_or_else(Stream::none, Stream::read);
        let stderr = child.stderr.take().map_or_else(Stream::none, Stream::read);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(2 * DEADLINE))
            .proxy(None);
        Host {
            child,
            app,
            base: String::new(),
            stdout,
            stderr,
            agent: config.build().into(),
        }
    }

    pub(crate) fn ready(child: Child, app: App) -> Self {
        let mut host = Host::new(child, app);
        let started = wait_for(|| {
            let exited = host.child.try_wait().ok().flatten();
            let ready = host
                .stdout
                .text()
                .contains("Worker process started and initialized.");
            exited
                .map(|status| format!("it exited: {status}"))
                .or_else(|| ready.then(String::new))
        });
        match started {
            Some(ended) if !ended.is_empty() => panic!("the host did not start: {ended}\n{}", host.output()),
            None => panic!("the host did not start in time\n{}", host.output()),
            Some(_) => {}
        }
        host.base = host.announced();
        host
    }

    /// Returns the base URL from the listing of functions, or else from the host's log.
    fn announced(&self) -> String {
        let stdout = self.stdout.text();
        let urls = ["http://", "https://"]
            .into_iter()
            .filter_map(|scheme| stdout.find(scheme));
        let url = urls.min().map(|start| &stdout[start..]);
        // A file has no URL: those who ask at a Unix socket name it.
        let url = url.or_else(|| stdout.contains(" at unix:").then_some("http://localhost"));
        let url = url.unwrap_or_else(|| panic!("the host lists no URL\n{}", self.output()));
        let start = url.find("://").map_or(0, |colon| colon + 3);
        let end = url[start..]
            .find(['/', '\n'])
            .map_or(url.len(), |slash| slash + start);
        url[..end].replace("localhost", "127.0.0.1")
    }

    /// The base URL, such as "http://127.0.0.1:port".
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The address: "127.0.0.1:port".
    pub fn address(&self) -> &str {
        self.base.split_once("://").map_or("", |(_, address)| address)
    }

    /// The app.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The host's process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The process ids of its workers.
    pub fn workers(&self) -> Vec<i32> {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let text = std::fs::read_to_string(children).unwrap_or_default();
        text.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> Answer {
        self.send(
            Request::get(self.url_of(path))
                .body(Vec::new())
                .expect("a valid request"),
        )
    }

    /// POSTs a body.
    pub fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(
            Request::post(self.url_of(path))
                .body(body.into())
                .expect("a valid request"),
        )
    }

    /// The URL of a path.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request. Panics with the host's output when there is no response.
    pub fn send(&self, request: Request<Vec<u8>>) -> Answer {
        self.try_send(request)
            .unwrap_or_else(|error| panic!("no response: {error}\n{}", self.output()))
    }

    /// Sends a request that may get no response.
    pub fn try_send(&self, request: Request<Vec<u8>>) -> Result<Answer, ureq::Error> {
        Answer::read(self.agent.run(request)?)
    }

    /// Returns the output on stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns the output on stderr so far, which has the log.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Returns all output so far.
    pub fn output(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }

    /// Waits until the log has this text.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        self.wait_for_log_from(0, text);
    }

    /// Waits until the log has this text after its first `start` bytes.
    #[track_caller]
    pub fn wait_for_log_from(&self, start: usize, text: &str) {
        let found = wait_for(|| self.stderr()[start..].contains(text).then_some(()));
        assert!(
            found.is_some(),
            "the log does not have {text:?}\n{}",
            self.output()
        );
    }

    /// Waits until stdout has this text.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str) {
        let found = wait_for(|| self.stdout().contains(text).then_some(()));
        assert!(
            found.is_some(),
            "stdout does not have {text:?}\n{}",
            self.output()
        );
    }

    /// Waits until the host refuses connections: all workers drain.
    #[track_caller]
    pub fn wait_until_refused(&self) {
        let refused = wait_for(|| TcpStream::connect(self.address()).is_err().then_some(()));
        assert!(refused.is_some(), "the port stays open\n{}", self.output());
    }

    /// Sends a signal to the host.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the host is a child of this process");
    }

    /// Stops the host with SIGTERM.
    pub fn stop(self) -> Stopped {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Waits until the host exits.
    pub fn wait(mut self) -> Stopped {
        let ended = wait_for(|| self.child.try_wait().ok().flatten());
        let status = ended.unwrap_or_else(|| panic!("the host does not exit\n{}", self.output()));
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        // A placeholder takes the app's place, as `Host` has a destructor.
        let app = std::mem::replace(&mut self.app, App::empty());
        Stopped {
            status,
            stdout,
            stderr,
            app,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stopped {
    /// Asserts that the host exited without an error.
    pub fn assert_clean(&self) {
        assert!(
            self.status.success(),
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
    }

    /// Returns stderr without what differs between runs: the app's folder is `<app>`, the folder of built libraries
    /// `<target>`, and log records have no time.
    pub fn normalised_stderr(&self) -> String {
        let folder = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let target = crate::binary().parent().map(folder).unwrap_or_default();
        let text = self
            .stderr
            .replace(&folder(self.app.path()), "<app>")
            .replace(&target, "<target>");
        text.lines()
            .map(|line| without_time(line).to_owned() + "\n")
            .collect()
    }
}

/// Removes the time at the start of a log line: "2025-03-01T10:20:30.123456Z  INFO …".
fn without_time(line: &str) -> &str {
    let time = line.split_once(' ').filter(|(time, _)| {
        time.len() == 27
            && time.ends_with('Z')
            && time.as_bytes()[10] == b'T'
            && time.starts_with(char::is_numeric)
    });
    time.map_or(line, |(_, record)| record.trim_start())
}

impl Stream {
    /// The stream of a process that prints elsewhere.
    pub(crate) fn none() -> Self {
        Stream {
            bytes: Arc::default(),
            reader: None,
        }
    }

    /// Reads from this pipe until its end, on a thread of its own.
    pub fn read(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                match from.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(read) => {
                        let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                        bytes.extend_from_slice(&buffer[..read]);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Stream {
            bytes,
            reader: Some(reader),
        }
    }

    /// Returns the output so far.
    pub fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns all output, after the process has exited.
    pub fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.text()
    }
}
