//! Ends of the host at every point of the conversation, and orders to leave: the worker ends in time, and says why.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{
    FunctionsMetadataRequest, InvocationRequest, WorkerInitRequest, WorkerStatusRequest, WorkerTerminate,
};
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, call, failure, get, http_of};
use funcdock_tests::{App, at_once, wait_for};
use tonic::Status;

/// An import that does not end.
const ENDLESS: &str = "import time\ntime.sleep(3600)\n";

/// How long a worker without its host may live.
const BOUND: Duration = Duration::from_secs(20);

fn request(name: &str, id: &str, query: &str) -> Content {
    let url = format!("http://localhost/api/x?{query}");
    Content::InvocationRequest(InvocationRequest {
        invocation_id: id.to_owned(),
        ..call(name, &[("req", Data::Http(Box::new(get(&url))))])
    })
}

fn app() -> App {
    App::case("functions_host_misbehaving")
}

/// Waits until functions have printed this text so many times.
fn has_printed(host: &FunctionsHost, text: &str, count: usize) {
    let found = wait_for(|| (host.stdout().matches(text).count() == count).then_some(()));
    assert!(found.is_some(), "{}", host.output());
}

/// How far a conversation goes.
#[derive(Debug, Clone, Copy)]
enum Point {
    Started,
    InitRequested,
    Initialised,
    Importing,
    Loaded,
    CallRuns,
    CallsWait,
    LargeResponse,
    NotRead,
}

const POINTS: [Point; 9] = [
    Point::Started,
    Point::InitRequested,
    Point::Initialised,
    Point::Importing,
    Point::Loaded,
    Point::CallRuns,
    Point::CallsWait,
    Point::LargeResponse,
    Point::NotRead,
];

impl Point {
    fn reach(self) -> FunctionsHost {
        let loaded = || {
            app()
                .under_functions_host()
                .with_functions(&["blocks", "large", "loud"])
        };
        match self {
            Point::Started => app().under_functions_host(),
            Point::InitRequested => {
                let host = app().under_functions_host();
                host.send(Content::WorkerInitRequest(WorkerInitRequest {
                    function_app_directory: host.app().path().display().to_string(),
                    ..WorkerInitRequest::default()
                }));
                host
            }
            Point::Initialised => {
                let mut host = app().under_functions_host();
                assert_success(host.init().result.as_ref(), &host);
                host
            }
            Point::Importing => {
                let mut host = app().file("function_app.py", ENDLESS).under_functions_host();
                assert_success(host.init().result.as_ref(), &host);
                host.send(Content::FunctionsMetadataRequest(
                    FunctionsMetadataRequest::default(),
                ));
                host.log("Received WorkerMetadataRequest");
                host
            }
            Point::Loaded => loaded(),
            Point::CallRuns => {
                let mut host = loaded();
                host.send(request("blocks", "1", "seconds=60"));
                host.log("Received FunctionInvocationRequest");
                host
            }
            Point::CallsWait => {
                let mut host = app()
                    .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
                    .under_functions_host()
                    .with_functions(&["blocks"]);
                for number in 0..1000 {
                    host.send(request("blocks", &number.to_string(), "seconds=60"));
                }
                host.log("invocation ID: 999,");
                host
            }
            Point::LargeResponse => {
                let mut host = loaded();
                host.set_reading(false);
                host.send(request("large", "1", "size=104857600"));
                has_printed(&host, "all is made", 1);
                assert!(host.receive_for(Duration::ZERO).is_none());
                host
            }
            Point::NotRead => {
                let host = loaded();
                host.set_reading(false);
                for number in 0..20 {
                    host.send(request("loud", &number.to_string(), "records=100&size=100000"));
                }
                has_printed(&host, "all is said", 20);
                host
            }
        }
    }
}

/// Asserts that a worker whose host is gone ends in time, with an error, a line about it, and none of its own bugs.
fn assert_ends(host: &mut FunctionsHost, since: Instant, case: &str) {
    let status = host.wait();
    let time = since.elapsed();
    assert!(time < BOUND, "{case}: {time:?}\n{}", host.output());
    assert_eq!(status.code(), Some(1), "{case}\n{}", host.output());
    let said = wait_for(|| {
        host.stderr()
            .contains("funcdock worker: the worker ends: ")
            .then_some(())
    });
    assert!(said.is_some(), "{case}\n{}", host.output());
    let stderr = host.stderr();
    assert!(!stderr.contains("panicked"), "{case}\n{}", host.output());
    assert!(!stderr.contains("Traceback"), "{case}\n{}", host.output());
}

#[test]
fn a_worker_ends_with_its_host_at_any_point() {
    let ways = ["ended", "gone", "failed"];
    at_once(POINTS.len() * ways.len(), |number| {
        let (point, way) = (POINTS[number / ways.len()], ways[number % ways.len()]);
        let mut host = point.reach();
        let since = Instant::now();
        match way {
            "ended" => host.end_stream(),
            "gone" => host.vanish(),
            _ => host.end_with(Status::internal("no more")),
        }
        assert_ends(&mut host, since, &format!("{way} at {point:?}"));
        if way == "failed" {
            assert!(host.stderr().contains("no more"), "{}", host.output());
        }
    });
}

fn terminate(seconds: i64) -> Content {
    Content::WorkerTerminate(WorkerTerminate {
        grace_period: Some(prost_types::Duration { seconds, nanos: 0 }),
    })
}

#[test]
fn an_order_to_leave_is_followed_in_time() {
    // (what, how far, the graces of the orders, the exit code)
    let cases: [(Point, &[i64], i32); 8] = [
        (Point::Started, &[5], 0),
        (Point::Initialised, &[i64::MAX, i64::MIN, -1], 0),
        (Point::Importing, &[1], 1),
        (Point::Importing, &[3600, 1], 1),
        (Point::Loaded, &[5, 5, 5], 0),
        (Point::Loaded, &[i64::MAX], 0),
        (Point::CallRuns, &[1], 1),
        (Point::CallsWait, &[1, 0], 1),
    ];
    at_once(cases.len(), |number| {
        let (point, graces, code) = cases[number];
        let mut host = point.reach();
        let since = Instant::now();
        for grace in graces {
            host.send(terminate(*grace));
        }
        let mut answered = 0;
        while let Some(content) = host.receive_for(BOUND) {
            if let Content::InvocationResponse(response) = content {
                let reason = failure(response.result.as_ref());
                assert!(
                    reason.contains("the worker has ended before the function"),
                    "{reason}"
                );
                answered += 1;
            }
        }
        let case = format!("{point:?}, {graces:?}");
        assert_eq!(host.wait().code(), Some(code), "{case}\n{}", host.output());
        assert!(since.elapsed() < BOUND, "{case}: {:?}", since.elapsed());
        let expected = match point {
            Point::CallRuns => 1,
            Point::CallsWait => 1000,
            _ => 0,
        };
        assert_eq!(answered, expected, "{case}\n{}", host.output());
        let limit = "the time to finish is over; what still runs is given up (the Functions host has set it, or is gone)";
        let is_given_up = host.logs().iter().any(|log| log.message == limit);
        assert_eq!(is_given_up, expected > 0, "{case}\n{}", host.output());
        assert!(!host.stderr().contains("panicked"), "{case}\n{}", host.output());
        assert!(
            !host.stderr().contains("the worker ends"),
            "{case}\n{}",
            host.output()
        );
    });
}

#[test]
fn calls_after_the_order_to_leave_are_answered() {
    let mut host = app().under_functions_host().with_functions(&["blocks", "large"]);
    host.send(request("blocks", "first", "seconds=0.5"));
    host.send(terminate(10));
    for number in 0..200 {
        host.send(request("large", &number.to_string(), "size=1"));
    }
    host.send(Content::WorkerStatusRequest(WorkerStatusRequest {}));
    let (mut first, mut answered, mut status) = (0, 0, 0);
    while let Some(content) = host.receive_for(BOUND) {
        match content {
            Content::InvocationResponse(response) if response.invocation_id == "first" => {
                assert_eq!(body(http_of(&response)), b"slept");
                first += 1;
            }
            Content::InvocationResponse(_) => answered += 1,
            Content::WorkerStatusResponse(_) => status += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((first, answered, status), (1, 200, 1), "{}", host.output());
    assert_eq!(host.wait().code(), Some(0), "{}", host.output());
}

#[test]
fn what_is_no_functions_host_is_named() {
    // (what the server sends at once, what the worker says)
    let servers: [(&str, &[u8], &str); 4] = [
        (
            "HTTP/1.1",
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "cannot connect",
        ),
        ("TLS", &[21, 3, 3, 0, 2, 2, 70], "cannot connect"),
        ("noise", &[0; 64], "cannot connect"),
        ("nothing", b"", "cannot connect"),
    ];
    at_once(servers.len(), |number| {
        let (what, bytes, says) = servers[number];
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let mut read = [0; 24];
            let _ = connection.read_exact(&mut read);
            let _ = connection.write_all(bytes);
        });
        let since = Instant::now();
        let ended = App::case("functions_host").run_worker(&[
            format!("--functions-uri=http://127.0.0.1:{port}"),
            "--functions-worker-id=w".to_owned(),
            "--functions-request-id=r".to_owned(),
        ]);
        server.join().expect("it has served");
        assert_eq!(ended.status.code(), Some(1), "{what}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{what}: {}", ended.stderr);
        assert!(since.elapsed() < BOUND, "{what}");
        assert!(!ended.stderr.contains("Traceback"), "{what}: {}", ended.stderr);
    });
}

#[test]
fn a_host_with_tls_is_refused() {
    let ended = App::case("functions_host").run_worker(&[
        "--functions-uri=https://127.0.0.1:1".to_owned(),
        "--functions-worker-id=w".to_owned(),
        "--functions-request-id=r".to_owned(),
    ]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("https://127.0.0.1:1"), "{}", ended.stderr);
}
