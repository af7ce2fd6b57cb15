//! WebSockets: what an ASGI app hears and says over them, as a function app and behind a function of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use funcdock_tests::websocket::{Message, WebSocket};
use funcdock_tests::{App, DEADLINE, Host, Raw, python, wait_for};

/// The ways to the app of `tests/apps/websockets`.
const WAYS: [&str; 2] = ["", "/function"];

/// The headers of a handshake.
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn start() -> Host {
    App::case("websockets").start()
}

#[test]
fn messages_go_both_ways() {
    let large = "x".repeat(100_000);
    for (version, python) in python::oldest_and_newest() {
        let host = App::case("websockets").python(python).start();
        for way in WAYS {
            let mut socket = WebSocket::connect(&host, &format!("{way}/echo"));
            let messages = [
                Message::text("héllo"),
                Message::binary(vec![0, 1]),
                Message::text(""),
                Message::text(&large),
            ];
            for message in &messages {
                socket.send(message.clone());
            }
            for message in messages {
                assert_eq!(socket.receive(), message, "{version}, {way:?}");
            }
            socket.close(4000, "done");
            host.wait_for_log("closed with 4000 'done'");
        }
        host.stop().assert_clean();
    }
}

#[test]
fn the_app_sees_the_request_and_makes_the_handshake() {
    let host = start();
    let protocols = ("Sec-WebSocket-Protocol", "a, b");
    let socket = WebSocket::try_connect(&host, "/tell_scope?a=%20b", &[protocols]);
    let mut socket = socket.expect("accepted");
    let header = |name: &str| socket.response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("sec-websocket-protocol"), "b");
    assert_eq!(header("x-made-by"), "the app");
    assert_eq!(
        socket.text(),
        "{'type': 'websocket', 'scheme': 'ws', 'path': '/tell_scope', 'root_path': '', \
         'query_string': b'a=%20b', 'http_version': '1.1'} ['a', 'b'] ['websocket.http.response']"
    );
    let mut socket = WebSocket::connect(&host, "/function/tell_scope");
    assert!(!socket.response.headers().contains_key("sec-websocket-protocol"));
    assert!(socket.text().contains("'path': '/function/tell_scope'"));
    host.stop().assert_clean();
}

#[test]
fn an_app_refuses() {
    let host = start();
    for way in WAYS {
        for (path, status, body) in [
            ("refuse", 403, ""),
            ("refuse_with_response", 401, "who are you?"),
            ("leave_early", 500, ""),
            ("fail_early", 500, ""),
        ] {
            let refused = WebSocket::try_connect(&host, &format!("{way}/{path}"), &[]);
            let (found, text) = refused.err().expect("refused");
            assert_eq!((found.as_u16(), &*text), (status, body), "{way}/{path}");
        }
    }
    let mut connection = TcpStream::connect(host.address()).expect("the host listens");
    let closing = HANDSHAKE.replace("Upgrade\r\nUpgrade", "Upgrade, close\r\nUpgrade");
    let head = format!("GET /refuse_with_stream HTTP/1.1\r\nHost: h\r\n{closing}\r\n");
    connection.write_all(head.as_bytes()).expect("sent");
    let mut refused = String::new();
    connection.read_to_string(&mut refused).expect("text");
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused:.100}");
    assert_eq!(refused.matches('x').count(), 16 * 65_536);
    assert!(
        refused.ends_with("\r\n3\r\nend\r\n0\r\n\r\n"),
        "the body is whole"
    );
    host.wait_for_log("while it refuses: the app has closed the WebSocket already");
    host.wait_for_log("refused with a stream: 1006");
    host.wait_for_log("refused: 1006");
    host.wait_for_log("ended before it accepted or refused the WebSocket");
    host.wait_for_log("ValueError: before the handshake");
    // The connections were ones of HTTP all along.
    assert_eq!(host.get("/echo").text(), "plain HTTP");
}

#[test]
fn an_app_closes() {
    let host = start();
    for way in WAYS {
        for (path, expected) in [
            ("close", (4001, "no more")),
            ("end", (1000, "")),
            ("fail", (1011, "internal error")),
        ] {
            let mut socket = WebSocket::connect(&host, &format!("{way}/{path}"));
            socket.send("anything");
            let (code, reason) = socket.closed();
            assert_eq!((code, &*reason), expected, "{way}/{path}");
        }
    }
    host.wait_for_log("after its own close: websocket.disconnect 4001");
    host.wait_for_log("then: the app has closed the WebSocket already");
    host.wait_for_log("ValueError: within the conversation");
    host.stop();
}

#[test]
fn an_app_that_uses_the_protocol_wrongly_is_told() {
    let host = start();
    let mut socket = WebSocket::connect(&host, "/wrong");
    for expected in [
        "ValueError: 1006 is not a close code that may be sent: expected 1000, 1001, 1003, 1007 to 1013, or 3000 to \
         4999",
        "ValueError: the reason has 124 bytes, but at most 123 fit into a close frame",
        "TypeError: the event has neither 'text' nor 'bytes': {'type': 'websocket.send'}",
        "ValueError: expected the event websocket.accept, websocket.send, websocket.close or \
         websocket.http.response.start, found \"http.response.start\"",
        "RuntimeError: the response has started already",
    ] {
        assert_eq!(socket.text(), expected);
    }
    assert_eq!(socket.closed().0, 1000);
}

#[test]
fn a_client_that_breaks_the_protocol_is_refused() {
    let host = start();
    let mut socket = WebSocket::connect(&host, "/echo");
    // maxRequestBodySize of the app's host.json.
    socket.send("x".repeat(100_001));
    assert_eq!(socket.closed(), (1009, "the message is too large".to_owned()));
    host.wait_for_log("closed with 1009");

    let handshake = |headers: &str| {
        let mut connection = Raw::connect(&host);
        connection.send(format!("GET /echo HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        connection.answer()
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let old = handshake(&format!("{upgrade}Sec-WebSocket-Version: 8\r\n{key}"));
    assert_eq!((old.status, old.header("sec-websocket-version")), (426, "13"));
    assert_eq!(handshake(&format!("{upgrade}{version}")).status, 400);
    assert_eq!(handshake(&format!("{upgrade}{version}{key}{key}")).status, 400);
    let with_body = handshake(&format!("{HANDSHAKE}Content-Length: 1\r\n"));
    assert_eq!(with_body.text(), "a WebSocket handshake has no body\n");
    // Another protocol is none of our business.
    let other = handshake("Connection: Upgrade\r\nUpgrade: h2c\r\n");
    assert_eq!((other.status, &*other.text()), (200, "plain HTTP"));
}

#[test]
fn a_function_that_knows_no_websockets_gets_a_request() {
    let host = App::case("hello").start();
    let refused = WebSocket::try_connect(&host, "/api/hello?name=Ada", &[]);
    let (status, text) = refused.err().expect("refused");
    assert_eq!((status.as_u16(), &*text), (200, "Hello, Ada!"));
    host.stop().assert_clean();
}

#[test]
fn a_client_that_vanishes_is_noticed() {
    let host = start();
    for way in WAYS {
        let start = host.stderr().len();
        drop(WebSocket::connect(&host, &format!("{way}/echo")));
        host.wait_for_log_from(start, "closed with 1006 ''");
        // Also by an app that only sends.
        drop(WebSocket::connect(&host, &format!("{way}/deaf")));
        host.wait_for_log_from(start, "deaf: websocket.disconnect 1006");
    }
    host.stop().assert_clean();
}

#[test]
fn the_protocol_answers_while_the_app_does_not_receive() {
    let host = start();
    let mut socket = WebSocket::connect(&host, "/deaf");
    socket.send(Message::Ping("p".into()));
    let answered = wait_for(|| (socket.receive() == Message::Pong("p".into())).then_some(()));
    assert!(answered.is_some(), "no pong\n{}", host.output());
    socket.close(1001, "bye");
    host.wait_for_log("deaf: websocket.disconnect 1001");
    host.stop().assert_clean();
}

#[test]
fn a_client_that_does_not_read_slows_the_app() {
    let host = start();
    let socket = WebSocket::connect(&host, "/flood");
    // An app that never waits never says so.
    host.wait_for_log("it waits after ");
    let log = host.stderr();
    let sent = log.lines().find_map(|line| {
        let (_, after) = line.split_once("it waits after ")?;
        after.split(' ').next()?.parse::<u64>().ok()
    });
    // The host holds back 64 KiB; the kernel takes some MiB.
    assert!(sent.is_some_and(|sent| sent < 32 << 10), "{log}");
    drop(socket);
    host.wait_for_log("the flood ends: the client has left");
    host.stop().assert_clean();
}

#[test]
fn tasks_that_send_at_once_all_learn_that_the_client_is_gone() {
    let host = start();
    let mut socket = WebSocket::connect(&host, "/crowd");
    // Both have waited for room by then.
    for _ in 0..1000 {
        assert_eq!(socket.receive().len(), 10_000);
    }
    drop(socket);
    host.wait_for_log("the crowd ends: ['OSError', 'OSError']");
    host.stop().assert_clean();
}

#[test]
fn open_connections_do_not_hold_up_the_end_of_the_host() {
    let host = start();
    let mut sockets: Vec<_> = ["/echo", "/deaf", "/function/echo"]
        .iter()
        .map(|path| WebSocket::connect(&host, path))
        .collect();
    sockets[0].send("a");
    assert_eq!(sockets[0].text(), "a");
    let began = Instant::now();
    host.signal(nix::sys::signal::Signal::SIGTERM);
    for socket in &mut sockets {
        assert_eq!(socket.closed(), (1012, "the server stops".to_owned()));
    }
    drop(sockets);
    let stopped = host.wait();
    assert!(began.elapsed() < DEADLINE);
    assert!(
        stopped.stderr.contains("closed with 1012 'the server stops'"),
        "{stopped:?}"
    );
    stopped.assert_clean();
}
