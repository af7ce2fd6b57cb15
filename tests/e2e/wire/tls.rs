//! Hosts that serve TLS.

use std::fs;
use std::io::Read as _;

use funcdock_tests::http2::Http2;
use funcdock_tests::secure::{Certificate, connect, connect_blocking, exchange};
use funcdock_tests::websocket::Message;
use funcdock_tests::{App, DEADLINE, Gate, Host, Raw};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

const URL: &str = "def main(req):\n    return req.url\n";

const CLOSING: &str = "GET /api/url HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

fn app() -> App {
    App::without_functions().function("url", URL)
}

/// Serves an app with a certificate of files.
fn start(app: App, certificate: &Certificate) -> Host {
    app.arg("--cert")
        .arg(&certificate.file)
        .arg("--key")
        .arg(&certificate.key)
        .start()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_choose_between_the_protocols() {
    let folder = TempDir::new().expect("a folder");
    let certificate = Certificate::make(folder.path(), "own");
    let host = start(app(), &certificate);
    assert!(host.url().starts_with("https://"), "{}", host.output());
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut stream = connect(&host, &certificate.file, offered)
            .await
            .expect("a handshake");
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(protocol.as_deref(), chosen.map(str::as_bytes));
        let seen = if chosen == Some("h2") {
            let mut client = Http2::over(stream, "https://shop.example").await;
            client.ask("GET", "/api/url", None).await.text()
        } else {
            exchange(&mut stream, CLOSING).await
        };
        assert!(
            seen.ends_with("https://shop.example/api/url"),
            "{offered:?}: {seen}"
        );
    }
    host.stop().assert_clean();
}

#[test]
fn a_client_that_has_forgotten_tls_is_told_so() {
    let folder = TempDir::new().expect("a folder");
    let host = start(app(), &Certificate::make(folder.path(), "own"));
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/url HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{answer:?}");
    raw.assert_closed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_localhost_is_made_once() {
    let host = app().arg("--useHttps").start();
    let file = host.app().path().join(".funcdock/https/localhost.pem");
    let first = fs::read(&file).expect("it is made");
    let mut stream = connect(&host, &file, &["http/1.1"]).await.expect("a handshake");
    assert!(exchange(&mut stream, CLOSING).await.starts_with("HTTP/1.1 200"));
    let app = host.stop().app;
    let host = app.start();
    assert_eq!(fs::read(&file).expect("it is there"), first);
    drop(host);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_serves_with_a_new_certificate_and_not_with_a_broken_one() {
    let folder = TempDir::new().expect("a folder");
    let certificate = Certificate::make(folder.path(), "own");
    let host = start(app(), &certificate);
    let new = Certificate::make(folder.path(), "new");
    fs::copy(&new.key, &certificate.key).expect("copied");
    let seen = host.stderr().len();
    host.signal(Signal::SIGHUP);
    host.wait_for_log_from(seen, "the app is served as it was before");
    assert!(host.stderr()[seen..].contains("own.key"), "{}", host.output());

    fs::copy(&new.file, &certificate.file).expect("copied");
    host.signal(Signal::SIGHUP);
    host.wait_for_log_from(seen, "all workers serve the app as it is now");
    let mut stream = connect(&host, &new.file, &["http/1.1"])
        .await
        .expect("the new certificate");
    assert!(exchange(&mut stream, CLOSING).await.starts_with("HTTP/1.1 200"));
    host.stop().assert_clean();
}

#[test]
fn mistakes_are_errors_at_start() {
    let folder = TempDir::new().expect("a folder");
    let own = Certificate::make(folder.path(), "own");
    let other = Certificate::make(folder.path(), "other");
    let text = |certificate: &Certificate, key: &Certificate| {
        let app = app()
            .arg("--cert")
            .arg(&certificate.file)
            .arg("--key")
            .arg(&key.key);
        let stopped = app.spawn().wait();
        assert!(!stopped.status.success());
        stopped.stderr
    };
    let error = text(&own, &other);
    assert!(
        error.contains("own.pem") && error.contains("other.key"),
        "{error}"
    );
    fs::write(&own.file, b"\x30\x82").expect("written");
    let error = text(&own, &own);
    assert!(error.contains("openssl pkcs12"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_are_answered_when_the_host_stops_and_idle_clients_do_not_delay_it() {
    let folder = TempDir::new().expect("a folder");
    let certificate = Certificate::make(folder.path(), "own");
    let host = start(App::case("gates"), &certificate);
    let gate = Gate::new(&host, "last");
    let connect = || connect(&host, &certificate.file, &["http/1.1"]);
    let mut calls = connect().await.expect("a handshake");
    let request = "GET /api/wait?gate=last HTTP/1.1\r\nHost: h\r\n\r\n";
    calls.write_all(request.as_bytes()).await.expect("sent");
    let mut used = connect().await.expect("a handshake");
    used.write_all(b"GET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = [0; 12];
    used.read_exact(&mut answer).await.expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let mut silent = std::net::TcpStream::connect(host.address()).expect("connected");
    gate.wait_until_entered();

    host.signal(Signal::SIGTERM);
    host.wait_for_log("stopping");
    let mut rest = Vec::new();
    let closed = timeout(DEADLINE, used.read_to_end(&mut rest)).await;
    closed.expect("in time").expect("closed in the way of TLS");
    silent.set_read_timeout(Some(DEADLINE)).expect("not zero");
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0, "closed");
    gate.open();
    let answer = exchange(&mut calls, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    host.wait().assert_clean();
}

#[test]
fn a_client_that_does_not_finish_its_handshake_is_given_up() {
    let folder = TempDir::new().expect("a folder");
    let config = r#"{ "version": "2.0", "extensions": { "http": { "clientTimeout": "00:00:01" } } }"#;
    let host = start(
        app().file("host.json", config),
        &Certificate::make(folder.path(), "own"),
    );
    for bytes in [&b""[..], &b"\x16\x03\x01\x02\x00"[..]] {
        let mut raw = Raw::connect(&host);
        raw.send(bytes);
        raw.assert_closed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_whole_in_both_directions() {
    let folder = TempDir::new().expect("a folder");
    let certificate = Certificate::make(folder.path(), "own");
    let host = start(
        app().function("echo", "def main(req):\n    return req.get_body()\n"),
        &certificate,
    );
    let body: String = (0..300_000).map(|number| format!("{number:07}")).collect();
    let request = format!(
        "POST /api/echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = connect(&host, &certificate.file, &[]).await.expect("a handshake");
    let answer = exchange(&mut stream, &request).await;
    assert!(answer.ends_with(&body), "{} bytes", answer.len());
}

#[test]
fn websockets_are_served_over_tls() {
    let folder = TempDir::new().expect("a folder");
    let certificate = Certificate::make(folder.path(), "own");
    let host = start(App::case("websockets"), &certificate);
    let stream = connect_blocking(&host, &certificate.file);
    let (mut socket, _) = tungstenite::client("wss://localhost/tell_scope", stream).expect("accepted");
    let told = socket.read().expect("a message");
    assert!(told.to_string().contains("'scheme': 'wss'"), "{told}");
    let (mut socket, _) =
        tungstenite::client("wss://localhost/echo", connect_blocking(&host, &certificate.file))
            .expect("accepted");
    socket.send(Message::text("over TLS")).expect("sent");
    assert_eq!(socket.read().expect("a message"), Message::text("over TLS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_have_arrived_are_answered_when_the_host_stops() {
    let folder = TempDir::new().expect("a folder");
    let certificate = Certificate::make(folder.path(), "own");
    let host = start(App::case("gates"), &certificate);
    let mut stream = connect(&host, &certificate.file, &[]).await.expect("a handshake");
    let request = |gate| format!("GET /api/wait?gate={gate} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(request("first").as_bytes()).await.expect("sent");
    let (first, rest) = (Gate::new(&host, "first"), Gate::new(&host, "rest"));
    first.wait_until_entered();
    // Each in a record of its own.
    for _ in 0..3 {
        stream.write_all(request("rest").as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
    }
    host.signal(Signal::SIGTERM);
    host.wait_for_log("stopping");
    // A client that came later finds nobody, and is not left with a connection that breaks.
    host.wait_until_refused();
    first.open();
    rest.open();
    let answers = exchange(&mut stream, "").await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 4, "{answers}");
    assert_eq!(
        answers.to_lowercase().matches("connection: close").count(),
        1,
        "{answers}"
    );
    host.wait().assert_clean();
}
