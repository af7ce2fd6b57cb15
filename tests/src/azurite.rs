//! Azurite, the emulator of Azure Storage, as a process of its own with its own folder.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait_for;

/// Names the program; otherwise `azurite` is looked for in the path.
const PROGRAM: &str = "FUNCDOCK_TEST_AZURITE";

/// The account of the emulator, and its key, which is public.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running emulator, or a stopped one that can be started again with its data. It ends with this value.
pub struct Azurite {
    folder: TempDir,
    process: Option<Child>,
    blob_port: u16,
    queue_port: u16,
    table_port: u16,
}

impl Azurite {
    /// Starts an emulator with an empty folder, on ports that are free.
    pub fn start() -> Self {
        let mut azurite = Azurite {
            folder: TempDir::new().expect("a temporary folder"),
            process: None,
            blob_port: 0,
            queue_port: 0,
            table_port: 0,
        };
        azurite.run();
        azurite
    }

    /// Starts it again after a stop, on the same ports and with the same folder.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "Azurite runs already");
        self.run();
    }

    /// Stops it in order, so that its data is on the disk.
    pub fn stop(&mut self) {
        self.end(Signal::SIGTERM);
    }

    /// Stops it at once, as a crash would. What was written in the last seconds may be lost.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
    }

    /// The folder of its program, for a `PATH`.
    pub fn program_folder() -> PathBuf {
        let program = std::path::absolute(program()).expect("a working directory");
        program.parent().expect("a file is in a folder").to_owned()
    }

    /// A connection string for the account of an emulator at these ports.
    pub fn connection_string_at(blob_port: u16, queue_port: u16) -> String {
        connection_string(KEY, blob_port, queue_port)
    }

    /// A connection string for its account.
    pub fn connection_string(&self) -> String {
        self.connection_string_with_key(KEY)
    }

    /// A connection string with another key.
    pub fn connection_string_with_key(&self, key: &str) -> String {
        connection_string(key, self.blob_port, self.queue_port)
    }

    /// The port of its blob service.
    pub fn blob_port(&self) -> u16 {
        self.blob_port
    }

    /// The port of its queue service.
    pub fn queue_port(&self) -> u16 {
        self.queue_port
    }

    fn run(&mut self) {
        let log = File::create(self.log_file()).expect("the folder is writable");
        let child = Command::new(program())
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"])
            .arg("--location")
            .arg(self.folder.path())
            .args(["--blobPort", &self.blob_port.to_string()])
            .args(["--queuePort", &self.queue_port.to_string()])
            .args(["--tablePort", &self.table_port.to_string()])
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a file can be shared"))
            .stdout(log)
            .spawn()
            .expect("Azurite starts");
        self.process = Some(child);
        let ports = wait_for(|| {
            if self.has_ended() {
                return Some(None);
            }
            let log = self.log();
            let port = |service| listening_port(&log, service);
            Some(Some((port("Blob")?, port("Queue")?, port("Table")?)))
        });
        let Some(Some((blob, queue, table))) = ports else {
            panic!("Azurite does not listen:\n{}", self.log());
        };
        (self.blob_port, self.queue_port, self.table_port) = (blob, queue, table);
    }

    fn has_ended(&mut self) -> bool {
        let process = self.process.as_mut().expect("it was started");
        process.try_wait().expect("it is a child").is_some()
    }

    fn end(&mut self, signal: Signal) {
        let mut process = self.process.take().expect("Azurite runs");
        let pid = i32::try_from(process.id()).expect("a valid pid");
        kill(Pid::from_raw(pid), signal).expect("Azurite is a child of this process");
        let ended = wait_for(|| process.try_wait().expect("it is a child"));
        if ended.is_none() {
            let _ = process.kill();
            panic!("Azurite does not end:\n{}", self.log());
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("output.log")
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn connection_string(key: &str, blob_port: u16, queue_port: u16) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint=http://127.0.0.1:{blob_port}/{ACCOUNT};QueueEndpoint=http://127.0.0.1:{queue_port}/{ACCOUNT};"
    )
}

fn program() -> PathBuf {
    if let Some(program) = env::var_os(PROGRAM) {
        return program.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join("azurite"))
        .find(|program| Path::is_file(program))
        .unwrap_or_else(|| {
            panic!(
                "these tests need Azurite: npm install --prefix ~/.cache/azurite azurite@3.37.0, and set {PROGRAM} to ~/.cache/azurite/node_modules/.bin/azurite"
            )
        })
}

/// The port in "Azurite Blob service is successfully listening at http://127.0.0.1:34511".
fn listening_port(log: &str, service: &str) -> Option<u16> {
    let start = format!("Azurite {service} service is successfully listening at ");
    let address = log.lines().find_map(|line| line.strip_prefix(&start))?;
    address.rsplit_once(':')?.1.trim().parse().ok()
}
