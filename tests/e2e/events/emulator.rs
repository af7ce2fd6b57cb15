//! The storage emulator that the host starts for apps in development.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::{env, fs};

use funcdock_storage::Connection;
use funcdock_tests::{App, Azurite, Host, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{app, lines};

const TIMER: &str = r#"
@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    logging.info("tick")
"#;

const QUEUE: &str = r#"
@app.queue_trigger(arg_name="message", queue_name="orders", connection="AzureWebJobsStorage")
def order(message: func.QueueMessage) -> None:
    logging.info("order of %s", message.get_body().decode())
"#;

const PING: &str = r#"
@app.route("ping", auth_level="anonymous")
def ping(req: func.HttpRequest) -> str:
    return "pong"
"#;

/// What the log says when the host has started it.
const RUNS: &str = "Azurite, the storage emulator, runs at 127.0.0.1:";

/// Two ports that are free, at which an app expects the emulator.
struct Ports {
    blob: u16,
    queue: u16,
}

impl Ports {
    fn free() -> Self {
        let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
        let [blob, queue] = listeners.map(|listener| listener.local_addr().expect("an address").port());
        Ports { blob, queue }
    }

    fn connection_string(&self) -> String {
        Azurite::connection_string_at(self.blob, self.queue)
    }

    /// An app with this code that expects the emulator here, on a machine that has Azurite.
    fn app(&self, code: &str) -> App {
        app(code)
            .env("AzureWebJobsStorage", self.connection_string())
            .env("PATH", path_with(&Azurite::program_folder()))
    }

    fn are_free(&self) -> bool {
        [self.blob, self.queue]
            .iter()
            .all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err())
    }

    #[track_caller]
    fn wait_until_free(&self) {
        let free = wait_for(|| self.are_free().then_some(()));
        assert!(free.is_some(), "the emulator still listens");
    }
}

fn path_with(folder: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&path));
    env::join_paths(folders).expect("no colons")
}

/// A folder with a program `azurite` that is this script.
fn fake(script: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("azurite");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
    folder
}

fn send(connection: &str, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let connection = Connection::from_settings("", |_| Some(connection.to_owned())).expect("valid");
    runtime.block_on(async {
        let queue = connection.queue("orders").expect("a valid name");
        queue.create_if_missing().await.expect("created");
        queue.send(text, None, None).await.expect("sent");
    });
}

/// Returns the process of the emulator, which is a child of the host.
fn emulator_of(host: &Host) -> i32 {
    let is_emulator = |pid: &i32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("--blobPort")
    };
    let found = host.workers().into_iter().find(is_emulator);
    found.unwrap_or_else(|| panic!("no emulator\n{}", host.output()))
}

#[test]
fn it_is_started_for_the_app_and_ends_with_the_host() {
    let ports = Ports::free();
    let host = ports.app(&format!("{TIMER}{QUEUE}")).spawn();
    host.wait_for_log(&format!("{RUNS}{} and 127.0.0.1:{}", ports.blob, ports.queue));
    host.wait_for_log("their locks and times are in the storage emulator at 127.0.0.1:");
    lines(&host, "INFO root: tick", 1);
    send(&ports.connection_string(), "aGVsbG8=");
    host.wait_for_log("order of hello");
    let folder = host.app().path().join(".funcdock/azurite");
    assert!(folder.join(".gitignore").is_file() && folder.join("azurite.log").is_file());
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("WARN funcdock"), "{}", stopped.stderr);
    assert!(
        ports.are_free(),
        "it ends before the host does\n{}",
        stopped.stderr
    );

    // It has kept its data.
    let queues = fs::read_to_string(folder.join("__azurite_db_queue__.json")).expect("a file");
    assert!(queues.contains("orders"), "{queues}");
    let host = ports.app(QUEUE).spawn();
    host.wait_for_log(RUNS);
    host.signal(Signal::SIGKILL);
    ports.wait_until_free();
}

#[test]
fn one_that_runs_already_is_used() {
    let azurite = Azurite::start();
    let empty = tempfile::tempdir().expect("a folder");
    let host = app(TIMER)
        .env("AzureWebJobsStorage", azurite.connection_string())
        .env("PATH", empty.path())
        .spawn();
    lines(&host, "INFO root: tick", 1);
    host.wait_for_log("their locks and times are in the storage emulator at 127.0.0.1:");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("WARN funcdock"), "{}", stopped.stderr);
    assert!(!stopped.app.path().join(".funcdock/azurite").exists());
}

#[test]
fn npx_has_it_without_a_download() {
    let ports = Ports::free();
    let folder = Azurite::program_folder();
    let app = app(TIMER).env("AzureWebJobsStorage", ports.connection_string());
    let modules = folder.parent().expect("the folder of packages");
    symlink(modules, app.path().join("node_modules")).expect("a link");
    fs::write(app.path().join("package.json"), "{}").expect("written");
    let host = app.spawn();
    host.wait_for_log(RUNS);
    lines(&host, "INFO root: tick", 1);
    host.stop().assert_clean();
    ports.wait_until_free();
}

#[test]
fn without_it_timers_use_files_and_a_warning_says_what_to_install() {
    let ports = Ports::free();
    let empty = tempfile::tempdir().expect("a folder");
    let host = ports
        .app(&format!("{TIMER}{QUEUE}{PING}"))
        .env("PATH", empty.path())
        .start();
    assert_eq!(host.get("/api/ping").text(), "pong");
    lines(&host, "INFO root: tick", 1);
    let stopped = host.stop();
    stopped.assert_clean();
    let warnings: Vec<_> = stopped
        .stderr
        .lines()
        .filter(|line| line.contains("WARN funcdock"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", stopped.stderr);
    let expected = format!(
        "queues and blobs of the storage emulator do not work until it listens at 127.0.0.1:{} and 127.0.0.1:{}, and timers \
         keep their state in files of the app's folder: the program azurite is not installed; install it with: npm install \
         --global azurite",
        ports.blob, ports.queue
    );
    assert!(warnings[0].contains(&expected), "{}", stopped.stderr);
    assert!(stopped.app.path().join(".funcdock/timers/tick.lock").exists());
}

#[test]
fn it_is_not_started_if_nobody_needs_it_or_wants_it() {
    let ports = Ports::free();
    let fake = fake("touch \"$(dirname \"$0\")/started\"; exit 1");
    let host = ports.app(PING).env("PATH", path_with(fake.path())).start();
    assert_eq!(host.get("/api/ping").text(), "pong");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("WARN funcdock"), "{}", stopped.stderr);

    let host = ports
        .app(TIMER)
        .env("PATH", path_with(fake.path()))
        .arg("--no-azurite")
        .spawn();
    host.wait_for_log("files of the app's folder: --no-azurite leaves its start to somebody else");
    lines(&host, "INFO root: tick", 1);
    host.stop().assert_clean();
    assert!(!fake.path().join("started").exists());
}

#[test]
fn a_port_of_it_that_another_program_has_is_named() {
    let ports = Ports::free();
    let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.blob)).expect("a free port");
    let host = ports.app(TIMER).spawn();
    host.wait_for_log(&format!(
        "nothing listens at 127.0.0.1:{}, and something else does at 127.0.0.1:{}: end that, or",
        ports.queue, ports.blob
    ));
    lines(&host, "INFO root: tick", 1);
    host.stop().assert_clean();
}

#[test]
fn what_it_says_when_it_ends_is_logged() {
    let ports = Ports::free();
    let fake = fake("echo 'no memory left'; exit 3");
    let host = ports.app(TIMER).env("PATH", path_with(fake.path())).spawn();
    host.wait_for_log("azurite exited with status 3:\n  no memory left");
    lines(&host, "INFO root: tick", 1);
    host.stop().assert_clean();

    let host = ports.app(TIMER).spawn();
    host.wait_for_log(RUNS);
    kill(Pid::from_raw(emulator_of(&host)), Signal::SIGKILL).expect("killed");
    host.wait_for_log(
        "Azurite, the storage emulator that this host has started, was killed by signal 9 (SIGKILL); what needs it waits",
    );
    host.stop().assert_clean();
}
