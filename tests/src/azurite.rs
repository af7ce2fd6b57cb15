//! Azurite, the emulator of Azure Storage: as a process of its own with its own folder, or one account of a process that all
//! tests of a binary share, as it takes seconds to start.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait_for;

/// Names the program; otherwise `azurite` is looked for in the path.
const PROGRAM: &str = "FUNCDOCK_TEST_AZURITE";

/// The account of the emulator, and its key, which is public.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The file with its output.
const LOG: &str = "output.log";

/// The accounts of the emulator that tests share.
const SHARED_ACCOUNTS: usize = 192;

/// Ends the shared emulator and removes its folder, `$0`, when the process of the tests is gone: its values live as long as
/// that.
const WATCH: &str = "\"$@\" & emulator=$!; cat >/dev/null; kill -9 $emulator; rm -rf \"$0\"";

/// The ports of the shared emulator, and the number of accounts that are given away.
static SHARED: OnceLock<(u16, u16)> = OnceLock::new();
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// A running emulator, or a stopped one that can be started again with its data; it ends with this value. Or an account of
/// the shared emulator.
pub struct Azurite {
    account: String,
    /// `None` for the shared one.
    folder: Option<TempDir>,
    process: Option<Child>,
    blob_port: u16,
    queue_port: u16,
    table_port: u16,
}

impl Azurite {
    /// Starts an emulator with an empty folder, on ports that are free.
    pub fn start() -> Self {
        let mut azurite = Azurite {
            account: ACCOUNT.to_owned(),
            folder: Some(TempDir::new().expect("a temporary folder")),
            process: None,
            blob_port: 0,
            queue_port: 0,
            table_port: 0,
        };
        azurite.run();
        azurite
    }

    /// Returns an empty account of the emulator that the tests of this binary share. It cannot be stopped.
    pub fn account() -> Self {
        let (blob_port, queue_port) = *SHARED.get_or_init(start_shared);
        let number = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(number < SHARED_ACCOUNTS, "raise the number of accounts");
        Azurite {
            account: shared_account(number),
            folder: None,
            process: None,
            blob_port,
            queue_port,
            table_port: 0,
        }
    }

    /// The name of its account.
    pub fn account_name(&self) -> &str {
        &self.account
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

    /// Sends it a signal: SIGSTOP has it stand still, so that it accepts connections and does not answer, until SIGCONT.
    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("Azurite runs");
        let pid = i32::try_from(process.id()).expect("a valid pid");
        kill(Pid::from_raw(pid), signal).expect("Azurite is a child of this process");
    }

    /// The folder of its program, for a `PATH`.
    pub fn program_folder() -> PathBuf {
        let program = std::path::absolute(program()).expect("a working directory");
        program.parent().expect("a file is in a folder").to_owned()
    }

    /// A connection string for the account of an emulator at these ports.
    pub fn connection_string_at(blob_port: u16, queue_port: u16) -> String {
        connection_string(ACCOUNT, KEY, blob_port, queue_port)
    }

    /// A connection string for its account.
    pub fn connection_string(&self) -> String {
        self.connection_string_with_key(KEY)
    }

    /// A connection string with another key.
    pub fn connection_string_with_key(&self, key: &str) -> String {
        connection_string(&self.account, key, self.blob_port, self.queue_port)
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
        let folder = self.folder.as_ref().expect("it is not shared").path();
        let mut command = Command::new(program());
        command
            .args(arguments(folder))
            .args(["--blobPort", &self.blob_port.to_string()])
            .args(["--queuePort", &self.queue_port.to_string()])
            .args(["--tablePort", &self.table_port.to_string()])
            .stdin(Stdio::null());
        let process = self.process.insert(spawn(&mut command, folder));
        (self.blob_port, self.queue_port, self.table_port) = ports(process, folder);
    }

    fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let mut process = self.process.take().expect("Azurite runs");
        let ended = wait_for(|| process.try_wait().expect("it is a child"));
        if ended.is_none() {
            let _ = process.kill();
            panic!("Azurite does not end");
        }
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

/// Starts the shared emulator, which ends soon after this process; returns the ports of its blobs and queues.
fn start_shared() -> (u16, u16) {
    let folder = TempDir::new().expect("a temporary folder").keep();
    let accounts = (0..SHARED_ACCOUNTS).map(|number| format!("{}:{KEY}", shared_account(number)));
    let mut command = Command::new("sh");
    command
        .args(["-c", WATCH])
        .arg(&folder)
        .arg(program())
        .args(arguments(&folder))
        .args(["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"])
        .env("AZURITE_ACCOUNTS", accounts.collect::<Vec<_>>().join(";"))
        .stdin(Stdio::piped());
    let mut watcher = spawn(&mut command, &folder);
    let (blob, queue, _) = ports(&mut watcher, &folder);
    // Its end of the pipe closes with this process, which the watcher waits for.
    std::mem::forget(watcher);
    (blob, queue)
}

fn shared_account(number: usize) -> String {
    format!("test{number}")
}

fn arguments(folder: &Path) -> Vec<OsString> {
    let words = [
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--location",
    ];
    let words = words.into_iter().map(OsString::from);
    words.chain([folder.into()]).collect()
}

/// Starts this command, whose output goes to a file of the folder.
fn spawn(command: &mut Command, folder: &Path) -> Child {
    let log = File::create(folder.join(LOG)).expect("the folder is writable");
    command
        .stderr(log.try_clone().expect("a file can be shared"))
        .stdout(log)
        .spawn()
        .expect("Azurite starts")
}

/// Waits until it listens; returns its ports for blobs, queues and tables.
fn ports(process: &mut Child, folder: &Path) -> (u16, u16, u16) {
    let log = || fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let ports = wait_for(|| {
        if process.try_wait().expect("it is a child").is_some() {
            return Some(None);
        }
        let log = log();
        let port = |service| listening_port(&log, service);
        Some(Some((port("Blob")?, port("Queue")?, port("Table")?)))
    });
    ports
        .flatten()
        .unwrap_or_else(|| panic!("Azurite does not listen:\n{}", log()))
}

fn connection_string(account: &str, key: &str, blob_port: u16, queue_port: u16) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint=http://127.0.0.1:{blob_port}/{account};QueueEndpoint=http://127.0.0.1:{queue_port}/{account};"
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
