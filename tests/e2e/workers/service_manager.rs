//! Hosts that a service manager such as systemd has started: with a socket of its own, and with a wish to know their state.

use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use funcdock_tests::{App, DEADLINE};
use nix::sys::signal::Signal;
use tempfile::TempDir;

const HELLO: &str = "import os\n\n\ndef main(req):\n    return os.environ['WEBSITE_HOSTNAME']\n";

/// What systemd does before it becomes the program: passes descriptors from 3 on, and says for whom they are.
const PASS: &str =
    "#!/usr/bin/env bash\nexport LISTEN_PID=$$ LISTEN_FDS=COUNT\nexec FUNCDOCK \"$@\" SOCKETS\n";

fn app() -> App {
    App::without_functions().function("hello", HELLO)
}

/// Starts an app as systemd does, with this descriptor.
fn with_socket(app: App, folder: &Path, socket: &impl std::os::fd::AsFd, count: usize) -> App {
    // A descriptor that the child inherits.
    let passed = nix::unistd::dup(socket.as_fd()).expect("a duplicate");
    let program = folder.join("start");
    let sockets: String = (3..3 + count)
        .map(|number| format!("{number}<&{} ", passed.as_raw_fd()))
        .collect();
    let script = PASS
        .replace("COUNT", &count.to_string())
        .replace("FUNCDOCK", &funcdock_tests::binary().to_string_lossy())
        .replace("SOCKETS", &sockets);
    std::fs::write(&program, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("a program");
    // It lives as long as the test.
    std::mem::forget(passed);
    app.program(program)
}

#[test]
fn a_socket_that_was_passed_is_served() {
    let folder = TempDir::new().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let host = with_socket(app(), folder.path(), &listener, 1).start();
    assert_eq!(host.address(), address.to_string(), "{}", host.output());
    // Tests ask for a free port.
    host.wait_for_log("--port, --address and --unix-socket have no effect");
    assert_eq!(
        host.get("/api/hello").text(),
        format!("localhost:{}", address.port())
    );
    let seen = host.stderr().len();
    host.signal(Signal::SIGHUP);
    host.wait_for_log_from(seen, "all workers serve the app as it is now");
    assert_eq!(host.get("/api/hello").status, 200);
    host.stop().assert_clean();
    // It is whose who passed it: the next host may have it.
    let host = with_socket(app(), folder.path(), &listener, 1).start();
    assert_eq!(host.get("/api/hello").status, 200);
}

#[test]
fn a_file_that_was_passed_stays() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("app.sock");
    let listener = UnixListener::bind(&file).expect("bound");
    let host = with_socket(app(), folder.path(), &listener, 1).start();
    host.wait_for_log("app.sock");
    host.stop().assert_clean();
    assert!(file.exists());
}

#[test]
fn sockets_that_cannot_be_served_are_errors() {
    let folder = TempDir::new().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let connection = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let stopped = with_socket(app(), folder.path(), &connection, 1).spawn().wait();
    assert!(!stopped.status.success());
    assert!(stopped.stderr.contains("ListenStream="), "{}", stopped.stderr);
    let stopped = with_socket(app(), folder.path(), &listener, 2).spawn().wait();
    assert!(!stopped.status.success());
    assert!(stopped.stderr.contains("LISTEN_FDS"), "{}", stopped.stderr);
}

#[test]
fn a_service_manager_is_told_of_each_state() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&file).expect("bound");
    manager.set_read_timeout(Some(DEADLINE)).expect("not zero");
    // Waits for this state, past those that say that the host still runs.
    let next = || loop {
        let mut message = [0; 512];
        let length = manager.recv(&mut message).expect("a message in time");
        let message = String::from_utf8_lossy(&message[..length]).trim().to_owned();
        if message != "WATCHDOG=1" {
            return message;
        }
    };
    let host = app().env("NOTIFY_SOCKET", &file).start();
    assert_eq!(next(), "READY=1");
    host.signal(Signal::SIGHUP);
    let reloading = next();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading:?}"
    );
    assert_eq!(next(), "READY=1");
    host.signal(Signal::SIGTERM);
    assert_eq!(next(), "STOPPING=1");
    host.wait().assert_clean();
}

#[test]
fn a_watchdog_is_fed() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("notify.sock");
    let manager = UnixDatagram::bind(&file).expect("bound");
    manager.set_read_timeout(Some(DEADLINE)).expect("not zero");
    let _host = app()
        .env("NOTIFY_SOCKET", &file)
        .env("WATCHDOG_USEC", "200000")
        .start();
    let mut count = 0;
    while count < 3 {
        let mut message = [0; 512];
        let length = manager.recv(&mut message).expect("a message in time");
        count += usize::from(message[..length].starts_with(b"WATCHDOG=1"));
    }
}
