//! Bodies that are streams: read while they arrive, sent while they are made, in constant memory, at the client's pace.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use funcdock_tests::{App, Host, python, wait_for};

/// The size of large bodies, in bytes.
const LARGE: u64 = 256 << 20;

/// The most that the worker's memory may grow by while a large body passes.
const GROWTH: u64 = 20 << 20;

/// The app of this script of `tests/apps/streams`, which takes all paths.
fn started(script: &str) -> Host {
    App::case("streams")
        .file(
            "host.json",
            r#"{"version": "2.0", "extensions": {"http": {"routePrefix": "", "maxRequestBodySize": 4294967296}}}"#,
        )
        .env("PYTHON_SCRIPT_FILE_NAME", script)
        .start()
}

/// Returns the memory that the worker has in use, in bytes.
fn resident(host: &Host) -> u64 {
    let [worker] = host.workers()[..] else {
        panic!("one worker: {:?}", host.workers())
    };
    let statm = fs::read_to_string(format!("/proc/{worker}/statm")).expect("a process of ours");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}

/// Sends the head of a request.
fn connect(host: &Host, head: &str) -> TcpStream {
    let mut connection = TcpStream::connect(host.address()).expect("the host listens");
    write!(connection, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    connection
}

/// Reads until the text has come.
fn read_until(connection: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = String::from_utf8_lossy(&seen).into_owned();
        if read.contains(text) {
            return read;
        }
        let count = connection.read(&mut buffer).expect("a response");
        assert!(count > 0, "closed after {read:?}");
        seen.extend_from_slice(&buffer[..count]);
    }
}

/// Returns the peak of the memory while `work` runs, above what it was before.
fn growth(host: &Host, work: impl FnOnce(&mut dyn FnMut())) -> u64 {
    let before = resident(host);
    let mut peak = before;
    work(&mut || peak = peak.max(resident(host)));
    peak - before
}

#[test]
fn a_large_body_passes_in_constant_memory() {
    let part = vec![b'x'; 1 << 20];
    for script in ["asgi_app.py", "wsgi_app.py"] {
        let host = started(script);
        // What is imported and allocated once does not count.
        assert_eq!(host.post("/counts", "warm").text(), "4");
        let up = growth(&host, |measure| {
            let head = format!("POST /counts HTTP/1.1\r\nContent-Length: {LARGE}");
            let mut connection = connect(&host, &head);
            for sent in 0..LARGE / part.len() as u64 {
                connection.write_all(&part).expect("the host reads");
                if sent % 64 == 0 {
                    measure();
                }
            }
            let answer = read_until(&mut connection, &LARGE.to_string());
            assert!(answer.starts_with("HTTP/1.1 200 "), "{script}: {answer}");
        });
        assert!(up < GROWTH, "{script}: {up} bytes more for an upload");
        let down = growth(&host, |measure| {
            let mut connection = connect(&host, "GET /endless HTTP/1.1");
            let mut buffer = vec![0; 1 << 20];
            let (mut received, mut next) = (0, 0);
            while received < LARGE {
                received += connection.read(&mut buffer).expect("a response") as u64;
                if received > next {
                    measure();
                    next += 64 << 20;
                }
            }
        });
        assert!(down < GROWTH, "{script}: {down} bytes more for a download");
        host.stop();
    }
}

#[test]
fn a_response_begins_before_the_request_ends() {
    for script in ["asgi_app.py", "wsgi_app.py"] {
        let host = started(script);
        let mut connection = connect(&host, "POST /echoes HTTP/1.1\r\nTransfer-Encoding: chunked");
        for part in ["one", "two"] {
            write!(connection, "3\r\n{part}\r\n").expect("sent");
            read_until(&mut connection, part);
        }
        write!(connection, "0\r\n\r\n").expect("sent");
        read_until(&mut connection, "0\r\n\r\n");
        host.stop().assert_clean();
    }
}

#[test]
fn an_app_that_waits_for_something_else_is_cancelled_when_the_client_leaves() {
    let host = started("asgi_app.py");
    let mut connection = connect(&host, "GET /quiet HTTP/1.1");
    read_until(&mut connection, "xxxx");
    drop(connection);
    let left = wait_for(|| {
        let records = fs::read_to_string(host.app().path().join("record.jsonl")).unwrap_or_default();
        records.contains("\"cancelled\"").then_some(())
    });
    assert!(left.is_some(), "{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn a_part_of_a_request_that_nobody_waited_for_is_not_lost() {
    let host = started("asgi_app.py");
    let mut connection = connect(&host, "POST /gives_up HTTP/1.1\r\nContent-Length: 4");
    read_until(&mut connection, "waited ");
    write!(connection, "late").expect("sent");
    read_until(&mut connection, "late");
    host.stop().assert_clean();
}

#[test]
fn a_body_that_turns_out_too_large_is_refused() {
    for script in ["asgi_app.py", "wsgi_app.py"] {
        let host = App::case("streams")
            .file(
                "host.json",
                r#"{"version": "2.0", "extensions": {"http": {"routePrefix": "", "maxRequestBodySize": 5}}}"#,
            )
            .env("PYTHON_SCRIPT_FILE_NAME", script)
            .start();
        assert_eq!(host.post("/counts", "12345").text(), "5");
        // The length is known.
        let mut connection = connect(&host, "POST /counts HTTP/1.1\r\nContent-Length: 6");
        read_until(&mut connection, "HTTP/1.1 413 ");
        // The length is not known.
        let mut connection = connect(&host, "POST /counts HTTP/1.1\r\nTransfer-Encoding: chunked");
        write!(connection, "6\r\n123456\r\n0\r\n\r\n").expect("sent");
        read_until(&mut connection, "HTTP/1.1 413 ");
        host.stop();
    }
}

#[test]
fn a_slow_reader_slows_the_app() {
    for script in ["asgi_app.py", "wsgi_app.py"] {
        let host = started(script);
        let mut connection = connect(&host, "GET /endless HTTP/1.1");
        read_until(&mut connection, "xxxx");
        // The app goes on until nothing more fits into the buffers on the way.
        let mut last = resident(&host);
        let steady = wait_for(|| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let now = resident(&host);
            let is_steady = now.abs_diff(last) < 1 << 20;
            last = now;
            is_steady.then_some(())
        });
        assert!(steady.is_some(), "{script}: the memory grows: {last}");
        drop(connection);
        let left = wait_for(|| {
            let records = fs::read_to_string(host.app().path().join("record.jsonl")).unwrap_or_default();
            records
                .lines()
                .find(|line| line.contains("\"left\""))
                .map(str::to_owned)
        });
        let left = left.unwrap_or_else(|| panic!("{script}: the app goes on\n{}", host.output()));
        let sent: serde_json::Value = serde_json::from_str(&left).expect("JSON");
        let sent = sent["sent"].as_u64().expect("a number");
        assert!(
            sent < 32 << 20,
            "{script}: {sent} bytes were made for a client that reads none"
        );
        host.stop().assert_clean();
    }
}

#[test]
fn a_generator_makes_the_body() {
    let script = r#"
import asyncio

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route()
def generator(req):
    yield b"one "
    yield b"two"


@app.route()
def returned(req):
    return (part for part in (b"one ", b"two"))


@app.route()
async def generator_async(req):
    async def parts():
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    return parts()


@app.route()
async def itself_async(req):
    yield b"one "
    await asyncio.sleep(0)
    yield b"two"


class Csv(func.HttpResponse):
    def __init__(self, rows):
        super().__init__(status_code=201, mimetype="text/csv", headers={"X-Rows": "2"})
        self._rows = rows

    def get_body(self):
        return self._rows


@app.route()
def subclass(req):
    return Csv(row for row in (b"1,2\n", b"3,4\n"))


@app.route()
def raises(req):
    raise ValueError("before the first part")
    yield b""


@app.route()
def none(req):
    yield from ()


@app.route()
async def wrong(req):
    return (part for part in (b"one", b"two"))
"#;
    for (_, python) in python::oldest_and_newest() {
        let host = App::empty()
            .file("host.json", r#"{"version": "2.0"}"#)
            .file("function_app.py", script)
            .python(python)
            .start();
        for name in ["generator", "returned", "generator_async", "itself_async"] {
            let answer = host.get(&format!("/api/{name}"));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "one two"),
                "{name}"
            );
            assert_eq!(
                answer.header("content-type"),
                "application/octet-stream",
                "{name}"
            );
        }
        let answer = host.get("/api/subclass");
        assert_eq!((answer.status, answer.text().as_str()), (201, "1,2\n3,4\n"));
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(answer.header("x-rows"), "2");
        assert_eq!(host.get("/api/raises").status, 500);
        host.wait_for_log("ValueError: before the first part");
        assert_eq!(
            (host.get("/api/none").status, host.get("/api/none").text()),
            (200, String::new())
        );
        assert_eq!(host.get("/api/wrong").status, 500);
        host.wait_for_log("a body that a generator makes needs a function without \"async\"");
        host.stop().assert_clean();
    }
}
