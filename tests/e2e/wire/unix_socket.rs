//! Hosts that listen at a file instead of an address.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;

use funcdock_tests::http2::Http2;
use funcdock_tests::{App, DEADLINE};
use tempfile::TempDir;
use tokio::net::UnixStream;

const URL: &str = "def main(req):\n    return req.url\n";

fn ask(file: &Path, request: &str) -> String {
    let mut stream = StdUnixStream::connect(file).expect("the host listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_serves_at_a_file_of_which_it_leaves_nothing() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("app.sock");
    let start = || {
        let app = App::without_functions().function("url", URL);
        app.arg("--unix-socket")
            .arg(&file)
            .arg("--unix-socket-mode")
            .arg("600")
            .start()
    };
    let host = start();
    let mode = std::fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    host.wait_for_log("app.sock");
    // Tests ask for a free port.
    host.wait_for_log("--port and --address have no effect");
    // Whoever may open the file is a proxy that is trusted.
    let proxied = "GET /api/url HTTP/1.1\r\nHost: inner\r\nX-Forwarded-Host: shop.example\r\n\
                   X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
    let answer = ask(&file, proxied);
    assert!(
        answer.ends_with("\r\n\r\nhttps://shop.example/api/url"),
        "{answer}"
    );
    let stream = UnixStream::connect(&file).await.expect("the host listens");
    let mut client = Http2::over(stream, "http://h").await;
    assert_eq!(
        client.ask("GET", "/api/url", None).await.text(),
        "http://h/api/url"
    );
    drop(client);

    let second = start_error(&file);
    assert!(second.contains("another process listens there"), "{second}");
    let plain = "GET /api/url HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(
        ask(&file, plain).starts_with("HTTP/1.1 200"),
        "the first still serves"
    );
    host.stop().assert_clean();
    assert!(!file.exists());
}

/// Returns the log of a host that cannot listen at this file.
fn start_error(file: &Path) -> String {
    let app = App::without_functions().arg("--unix-socket").arg(file);
    let stopped = app.spawn().wait();
    assert!(!stopped.status.success());
    stopped.stderr
}

#[test]
fn a_child_of_a_worker_does_not_keep_its_connections_open() {
    let forks = "
import multiprocessing

context = multiprocessing.get_context('fork')
RELEASE = context.Event()


def wait():
    RELEASE.wait()


def main(req):
    if 'end' in req.params:
        RELEASE.set()
    else:
        context.Process(target=wait).start()
    return 'forked'
";
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("app.sock");
    let host = App::without_functions()
        .function("forks", forks)
        .arg("--unix-socket")
        .arg(&file)
        .start();
    // Read to the end: it comes only when nobody has the connection any more.
    let request =
        |query: &str| format!("GET /api/forks{query} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(ask(&file, &request("")).ends_with("forked"));
    assert!(ask(&file, &request("?end=1")).ends_with("forked"));
    host.stop().assert_clean();
}
