//! Hosts that stop: what has arrived is answered, and nothing else is waited for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use funcdock_tests::{App, DEADLINE, Gate, Host, Raw, at_once, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Much less than the time that running calls get to finish.
const SOON: Duration = Duration::from_secs(10);

const PLAIN: &str = "GET /api/plain?parts=answer HTTP/1.1\r\nHost: h\r\n\r\n";

/// The answer comes when the worker drains already.
const SLOW: &str = "GET /api/plain?parts=answer&sleep=0.3 HTTP/1.1\r\nHost: h\r\n\r\n";

/// Connections that have each had an answer already.
fn used(host: &Host, count: usize) -> Vec<Raw> {
    let connect = |_| {
        let mut raw = Raw::connect(host);
        raw.send(PLAIN);
        assert_eq!(raw.answer().text(), "answer");
        raw
    };
    (0..count).map(connect).collect()
}

/// Stops the host while its workers do not run, and has the clients send something meanwhile: it has arrived when the
/// workers begin to drain.
fn stop_after(host: &Host, send: impl FnOnce()) -> Instant {
    let to_workers = |signal| {
        for pid in host.workers() {
            kill(Pid::from_raw(pid), signal).expect("it runs");
        }
    };
    to_workers(Signal::SIGSTOP);
    for pid in host.workers() {
        let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let stopped = wait_for(|| status().contains("\nState:\tT").then_some(()));
        assert!(stopped.is_some(), "worker {pid} does not stop");
    }
    send();
    host.signal(Signal::SIGTERM);
    host.wait_for_log("stopping; a second signal stops at once");
    to_workers(Signal::SIGCONT);
    Instant::now()
}

#[test]
fn whatever_has_arrived_whole_is_answered() {
    let host = App::case("protocol").start();
    let mut connections = used(&host, 16);
    let body = "x".repeat(100_000);
    let post = format!(
        "POST /api/length?sleep=0.3 HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let chunked = "POST /api/length?sleep=0.3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n";
    let mut unused = Raw::connect(&host);
    let requests: Vec<(String, Vec<&str>)> = (0..16)
        .map(|number| match number {
            0 => (post.clone(), vec!["100000"]),
            1 => (chunked.to_owned(), vec!["5"]),
            // Several at once.
            2 => (SLOW.repeat(3), vec!["answer"; 3]),
            3 => (format!("{chunked}{SLOW}{post}"), vec!["5", "answer", "100000"]),
            // The rest of the second does not come.
            4 => (format!("{SLOW}GET /api/plain HTTP/1.1\r\n"), vec!["answer"]),
            5 => ("\r\n".to_owned() + SLOW, vec!["answer"]),
            _ => (SLOW.to_owned(), vec!["answer"]),
        })
        .collect();
    let mut in_backlog = None;
    stop_after(&host, || {
        for (connection, (request, _)) in connections.iter_mut().zip(&requests) {
            connection.send(request);
        }
        unused.send(SLOW);
        let mut late = Raw::connect(&host);
        late.send(SLOW);
        in_backlog = Some(late);
    });
    connections.extend(in_backlog);
    connections.push(unused);
    let plain = (SLOW.to_owned(), vec!["answer"]);
    let requests = requests.into_iter().chain([plain.clone(), plain]);
    for (number, (mut connection, (_, answers))) in connections.into_iter().zip(requests).enumerate() {
        for (at, expected) in answers.iter().enumerate() {
            let answer = connection.answer();
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, *expected),
                "{number}"
            );
            let is_last = at + 1 == answers.len();
            let connection = answer.header("connection");
            assert_eq!(connection, if is_last { "close" } else { "" }, "{number}: {at}");
        }
        connection.assert_closed();
    }
    host.wait().assert_clean();
}

#[test]
fn nothing_waits_for_clients_that_have_sent_no_whole_request_or_read_nothing() {
    let host = App::case("protocol").start();
    let mut quiet = used(&host, 4);
    quiet.push(Raw::connect(&host));
    quiet[1].send("GET /api/plain HTTP/1.1\r\nHost: h\r\n");
    let mut half = Raw::connect(&host);
    half.send("POST /api/length HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    let mut arriving = Raw::connect(&host);
    arriving.send("POST /api/length HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    // More than the system buffers, to a client that reads nothing of it.
    let unread = Raw::connect(&host);
    let mut unread_stream = TcpStream::connect(host.address()).expect("the port is open");
    unread_stream
        .write_all(b"GET /api/large HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("sent");
    // Some of it has come.
    let mut byte = [0; 1];
    unread_stream.read_exact(&mut byte).expect("a response");
    // A call that goes on meanwhile.
    let mut slow = Raw::connect(&host);
    slow.send("GET /api/asgi?parts=slow&sleep=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    let stopped = stop_after(&host, || {});
    for connection in quiet.into_iter().chain([unread]) {
        connection.assert_closed();
    }
    assert!(stopped.elapsed() < SOON);
    for mut connection in [half, arriving] {
        let answer = connection.answer();
        assert_eq!(
            (
                answer.status,
                answer.header("connection"),
                answer.header("retry-after")
            ),
            (503, "close", "1")
        );
        connection.assert_closed();
    }
    let answer = slow.answer();
    assert_eq!(
        (answer.text().as_str(), answer.header("connection")),
        ("slow", "close")
    );
    host.wait().assert_clean();
    assert!(stopped.elapsed() < SOON, "{:?}", stopped.elapsed());
}

#[test]
fn a_stream_goes_on_until_its_end() {
    let host = App::case("protocol").start();
    let mut stream = TcpStream::connect(host.address()).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    write!(
        stream,
        "GET /api/asgi?parts=one,two,three&pause=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    .expect("sent");
    let mut received = Vec::new();
    let mut buffer = [0; 1000];
    while !received.ends_with(b"one\r\n") {
        let count = stream.read(&mut buffer).expect("a response");
        assert!(count > 0, "closed");
        received.extend_from_slice(&buffer[..count]);
    }
    host.signal(Signal::SIGTERM);
    stream.read_to_end(&mut received).expect("the rest");
    let received = String::from_utf8_lossy(&received);
    assert!(
        received.ends_with("3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"),
        "{received}"
    );
    host.wait().assert_clean();
}

#[test]
fn no_request_under_load_is_lost() {
    const CLIENTS: usize = 16;
    for workers in ["1", "2"] {
        let host = App::case("protocol").arg("--workers").arg(workers).start();
        let (signalled, answers) = (Mutex::new(None), AtomicUsize::new(0));
        let lost: Vec<String> = std::thread::scope(|scope| {
            let clients = scope.spawn(|| at_once(CLIENTS, |_| load(&host, &signalled, &answers)));
            let is_busy = || answers.load(Ordering::Relaxed) > CLIENTS * 20;
            let busy = wait_for(|| is_busy().then_some(()));
            *signalled.lock().expect("no panic") = Some(Instant::now());
            host.signal(Signal::SIGTERM);
            // Not before the signal, which ends the clients.
            assert!(busy.is_some(), "no load\n{}", host.output());
            clients.join().expect("no panic").into_iter().flatten().collect()
        });
        assert!(lost.is_empty(), "{workers} workers: {lost:?}");
        host.wait().assert_clean();
    }
}

/// Sends one request after the other until the host closes. Returns what happened to a request that was sent before the
/// host got its signal, and not answered.
fn load(host: &Host, signalled: &Mutex<Option<Instant>>, answers: &AtomicUsize) -> Option<String> {
    let mut stream = TcpStream::connect(host.address()).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    stream.set_nodelay(true).expect("a TCP socket");
    loop {
        let sent = stream.write_all(PLAIN.as_bytes());
        let was_before = signalled.lock().expect("no panic").is_none();
        let mut answer = Vec::new();
        let mut buffer = [0; 1000];
        let read = loop {
            if answer.ends_with(b"answer") {
                break Ok(());
            }
            match stream.read(&mut buffer) {
                Ok(0) => break Err("the end".to_owned()),
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
                Err(error) => break Err(error.to_string()),
            }
        };
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match read {
            Ok(()) if answer.contains("connection: close") => return None,
            Ok(()) => _ = answers.fetch_add(1, Ordering::Relaxed),
            Err(error) if was_before => return Some(format!("{sent:?}, then {error} after {answer:?}")),
            Err(_) => return None,
        }
    }
}

#[test]
fn calls_finish_that_wait_for_something_else() {
    let host = App::case("gates").start();
    let gate = Gate::new(&host, "g");
    let mut raw = Raw::connect(&host);
    // The second request has arrived, too.
    raw.send("GET /api/wait?gate=g HTTP/1.1\r\nHost: h\r\n\r\nGET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n");
    gate.wait_until_entered();
    host.signal(Signal::SIGTERM);
    host.wait_until_refused();
    gate.open();
    let first = raw.answer();
    assert_eq!((first.status, first.header("connection")), (200, ""));
    let second = raw.answer();
    assert_eq!((second.status, second.header("connection")), (200, "close"));
    raw.assert_closed();
    host.wait().assert_clean();
}

#[test]
fn a_new_connection_is_refused_or_answered_when_the_host_stops() {
    let host = App::case("gates").start();
    let gate = Gate::new(&host, "last");
    let mut held = Raw::connect(&host);
    held.send("GET /api/wait?gate=last HTTP/1.1\r\nHost: h\r\n\r\n");
    gate.wait_until_entered();
    host.signal(Signal::SIGTERM);
    let mut answered = 0;
    let refused = wait_for(|| {
        let mut stream = match TcpStream::connect(host.address()) {
            Ok(stream) => stream,
            Err(error) => return Some(error.kind()),
        };
        stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
        let request = "GET /api/pid HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        let asked = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.read_to_string(&mut answer));
        assert!(
            asked.is_ok() && answer.starts_with("HTTP/1.1 200"),
            "{asked:?} after {answered} answers: {answer}"
        );
        answered += 1;
        None
    });
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
    gate.open();
    assert_eq!(held.answer().status, 200);
    host.wait().assert_clean();
}
