//! HTTP/2 without TLS, which clients use that know the server speaks it; the rest is as with TLS.

use std::time::{Duration, Instant};

use bytes::Bytes;
use funcdock_tests::http2::Http2;
use funcdock_tests::{App, DEADLINE, Gate, Host, wait_for};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An ASGI app: tells what it knows of the protocol, waits for its client to leave, and sends without an end.
const WEB: &str = r#"
import asyncio
import pathlib

import azure.functions as func


async def web(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    what = scope["path"].rpartition("/")[2]
    if what == "waits":
        await receive()
        pathlib.Path("waits").touch()
        pathlib.Path("waits").write_text((await receive())["type"])
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if what == "pauses":
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"part ", "more_body": True})
            await asyncio.sleep(1.5)
    if what == "endless":
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
        except OSError as error:
            pathlib.Path("endless").write_text(type(error).__name__)
            raise
    body = f"{scope['http_version']} {scope['scheme']} {dict(scope['headers'])[b'host'].decode()}"
    await send({"type": "http.response.body", "body": body.encode()})


app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"#;

fn web() -> Host {
    App::without_functions().file("function_app.py", WEB).start()
}

/// Waits until the app has written this into a file.
#[track_caller]
fn written(host: &Host, file: &str, expected: &str) {
    let path = host.app().path().join(file);
    let seen = wait_for(|| {
        std::fs::read_to_string(&path)
            .ok()
            .filter(|text| text == expected)
    });
    assert!(seen.is_some(), "{file} is not {expected:?}\n{}", host.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_know_the_protocol_and_the_host() {
    let host = web();
    let mut client = Http2::connect(&host).await;
    let expected = format!("2 http {}", host.address());
    assert_eq!(client.ask("GET", "/api/version", None).await.text(), expected);
    drop(client);
    let mut client = Http2::over(
        TcpStream::connect(host.address()).await.expect("connected"),
        "http://user@shop.example",
    )
    .await;
    let refused = client.ask("GET", "/api/version", None).await;
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_run_at_once_and_are_answered_in_any_order() {
    let host = App::case("gates").start();
    let mut client = Http2::connect(&host).await;
    let mut waiting = Vec::new();
    for number in 0..20 {
        let path = format!("/api/wait?gate=g{number}");
        waiting.push(client.send("GET", &path, None).await.expect("sent"));
    }
    for number in 0..20 {
        Gate::new(&host, &format!("g{number}")).wait_until_entered();
    }
    let pid = client.ask("GET", "/api/pid", None).await.text();
    for (number, sent) in waiting.into_iter().enumerate().rev() {
        Gate::new(&host, &format!("g{number}")).open();
        assert_eq!(sent.answer().await.expect("answered").text(), pid);
    }
    host.stop().assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_whole_in_both_directions() {
    let host = App::without_functions()
        .function("echo", "def main(req):\n    return req.get_body()\n")
        .function("five", "def main(req):\n    return 'five!'\n")
        .start();
    let mut client = Http2::connect(&host).await;
    let body: String = (0..300_000).map(|number| format!("{number:07}")).collect();
    let body = Bytes::from(body);
    let answer = client.ask("POST", "/api/echo", Some(body.clone())).await;
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert!(answer.body == body);
    // A response that is made of nothing has no body, and a head may come alone.
    let answer = client.ask("POST", "/api/echo", Some(Bytes::new())).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    for (path, status, length) in [
        ("/api/five", 200, "5"),
        ("/healthz", 200, "3"),
        ("/api/none", 404, "27"),
    ] {
        let answer = client.ask("HEAD", path, None).await;
        assert_eq!(
            (answer.status, answer.header("content-length")),
            (status, length),
            "{path}"
        );
        assert!(answer.body.is_empty());
    }
    assert_eq!(client.ask("GET", "/api/none", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_taken_back_ends_and_others_go_on() {
    let host = web();
    let mut client = Http2::connect(&host).await;
    let waits = client.send("GET", "/api/waits", None).await.expect("sent");
    written(&host, "waits", "");
    waits.cancel();
    written(&host, "waits", "http.disconnect");

    let endless = client.send("GET", "/api/endless", None).await.expect("sent");
    let other = client.ask("GET", "/api/version", None).await;
    assert_eq!(other.status, 200, "another stream has room");
    endless.cancel();
    let path = host.app().path().join("endless");
    let ended = wait_for(|| path.exists().then_some(()));
    assert!(ended.is_some(), "it still sends\n{}", host.output());
    assert_eq!(client.ask("GET", "/api/version", None).await.status, 200);
    host.stop().assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_answers_what_runs_and_closes_idle_connections() {
    let host = App::case("gates").start();
    let mut busy = Http2::connect(&host).await;
    let mut idle = Http2::connect(&host).await;
    assert_eq!(idle.ask("GET", "/api/pid", None).await.status, 200);
    let call = busy.send("GET", "/api/wait?gate=last", None).await.expect("sent");
    let gate = Gate::new(&host, "last");
    gate.wait_until_entered();
    host.signal(Signal::SIGTERM);
    idle.ended(DEADLINE).await.expect("closed without an error");
    let closing = async {
        while !busy.is_closing().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, closing)
        .await
        .expect("the client is told");
    gate.open();
    assert_eq!(call.answer().await.expect("answered").status, 200);
    busy.ended(DEADLINE).await.expect("closed without an error");
    host.wait().assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_react_does_not_delay_the_stop() {
    let host = App::case("gates").start();
    // Speaks the first words, and never reads again.
    let mut silent = TcpStream::connect(host.address()).await.expect("connected");
    silent
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        .await
        .expect("sent");
    let mut settings = [0; 9];
    silent.read_exact(&mut settings).await.expect("its settings");
    let start = Instant::now();
    host.stop().assert_clean();
    // Much less than the time that running calls get to finish.
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_workers_are_replaced() {
    let host = App::case("gates").arg("--workers").arg("2").start();
    let seen = host.stderr().len();
    let mut client = Http2::connect(&host).await;
    host.signal(Signal::SIGHUP);
    let before = client.ask("GET", "/api/pid", None).await.text();
    let mut answered = 0;
    let end = Instant::now() + DEADLINE;
    while !host.stderr()[seen..].contains("all workers serve the app as it is now") {
        assert!(Instant::now() < end, "{}", host.output());
        let answer = match client.send("GET", "/api/pid", None).await {
            Ok(sent) => sent.answer().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{answer:?}");
                answered += 1;
            }
            // The connection ends, and the request was not begun: the client may send it again, and does.
            Err(error) => {
                let is_safe = error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM);
                assert!(is_safe || client.is_closing().await, "{error}\n{}", host.output());
                client = Http2::connect(&host).await;
            }
        }
    }
    assert!(answered > 0);
    // Now the old worker is gone, or goes: a client is told, and the next connection is the new worker's.
    let after = Http2::connect(&host)
        .await
        .ask("GET", "/api/pid", None)
        .await
        .text();
    assert_ne!(after, before);
    host.stop().assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed_and_slow_calls_are_not_idle() {
    let config = r#"{ "version": "2.0", "extensions": { "http": { "clientTimeout": "00:00:01" } } }"#;
    let host = App::case("gates").file("host.json", config).start();
    let mut busy = Http2::connect(&host).await;
    let mut idle = Http2::connect(&host).await;
    let call = busy.send("GET", "/api/wait?gate=slow", None).await.expect("sent");
    assert_eq!(idle.ask("GET", "/api/pid", None).await.status, 200);
    idle.ended(DEADLINE).await.expect("closed without an error");
    // By now the other one would be closed, too.
    Gate::new(&host, "slow").open();
    assert_eq!(call.answer().await.expect("answered").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_nothing_of_its_request_is_given_up() {
    let config = r#"{ "version": "2.0", "extensions": { "http": { "clientTimeout": "00:00:01" } } }"#;
    let host = App::case("gates").file("host.json", config).start();
    for bytes in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"PRI "] {
        let mut stream = TcpStream::connect(host.address()).await.expect("connected");
        stream.write_all(bytes).await.expect("sent");
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
        let _ = closed.expect("closed in time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_given_up_and_a_function_that_pauses_is_not() {
    let config = r#"{ "version": "2.0", "extensions": { "http": { "clientTimeout": "00:00:01" } } }"#;
    let host = App::without_functions()
        .file("function_app.py", WEB)
        .file("host.json", config)
        .start();
    let mut patient = Http2::connect(&host).await;
    let pauses = patient.send("GET", "/api/pauses", None).await.expect("sent");
    let mut greedy = Http2::without_room(&host).await;
    let _endless = greedy.send("GET", "/api/endless", None).await.expect("sent");
    let _ = greedy.ended(DEADLINE).await;
    let path = host.app().path().join("endless");
    let ended = wait_for(|| path.exists().then_some(()));
    assert!(ended.is_some(), "it still sends\n{}", host.output());
    let answer = pauses.answer().await.expect("answered");
    assert!(answer.text().starts_with("part part part 2 http "), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_keep_their_places_until_their_calls_have_ended() {
    let host = App::case("gates").start();
    let mut client = Http2::connect(&host).await;
    let gates: Vec<_> = (0..128).map(|number| format!("g{number}")).collect();
    for name in &gates {
        let path = format!("/api/wait?gate={name}");
        let sent = client.send("GET", &path, None).await.expect("sent");
        Gate::new(&host, name).wait_until_entered();
        sent.cancel();
    }
    let next = client.send("GET", "/api/pid", None).await.expect("sent");
    let mut other = Http2::connect(&host).await;
    assert_eq!(other.ask("GET", "/api/pid", None).await.status, 200);
    let mut next = std::pin::pin!(next.answer());
    let waits = tokio::time::timeout(Duration::from_millis(200), next.as_mut()).await;
    assert!(waits.is_err(), "it has a place already: {waits:?}");
    Gate::new(&host, &gates[0]).open();
    assert_eq!(next.await.expect("answered").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_nobody_reads_does_not_hold_up_others() {
    let code = "
import azure.functions as func


async def web(scope, receive, send):
    if scope['type'] == 'lifespan':
        return
    if scope['path'].endswith('read'):
        while (await receive())['more_body']:
            pass
    else:
        await __import__('asyncio').sleep(60)
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body'})


app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
";
    let host = App::without_functions().file("function_app.py", code).start();
    let mut client = Http2::connect(&host).await;
    let body = Bytes::from(vec![b'x'; 3 << 20]);
    let _stuck = client
        .send("POST", "/api/ignore", Some(body.clone()))
        .await
        .expect("sent");
    let read = client.ask("POST", "/api/read", Some(body)).await;
    assert_eq!(read.status, 200);
}
