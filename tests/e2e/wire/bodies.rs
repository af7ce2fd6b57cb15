//! The memory that request bodies take together.

use std::fs;
use std::process::Command;

use funcdock_tests::{Answer, App, Host, Raw, at_once, wait_for};

fn started(each: &str, together: &str) -> Host {
    App::case("protocol")
        .env(
            "AzureFunctionsJobHost__extensions__http__maxRequestBodySize",
            each,
        )
        .env(
            "AzureFunctionsJobHost__extensions__http__maxTotalRequestBodySize",
            together,
        )
        .start()
}

fn post(path: &str, length: usize) -> String {
    format!(
        "POST /api/{path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{}",
        "x".repeat(length)
    )
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(
        (
            answer.status,
            answer.header("retry-after"),
            answer.header("connection")
        ),
        (503, "1", "close"),
        "{}",
        answer.text()
    );
}

#[test]
fn bodies_beyond_the_budget_are_refused_until_calls_end() {
    let host = started("400000", "1000000");
    // Two bodies that calls hold, and one that arrives.
    let mut held: Vec<Raw> = (0..2).map(|_| Raw::connect(&host)).collect();
    for raw in &mut held {
        raw.send(post("length?held", 400_000));
    }
    let record = || fs::read_to_string(host.app().path().join("record")).unwrap_or_default();
    let are_held = wait_for(|| (record() == "held\nheld\n").then_some(()));
    assert!(are_held.is_some(), "{}", host.output());
    let mut arriving = Raw::connect(&host);
    arriving.send(&post("length", 400_000)[..100_000]);
    // A client that sends everything before it reads gets its answer.
    let mut refused = Raw::connect(&host);
    refused.send(post("length", 300_000));
    assert_refused(&refused.answer());
    // Chunks, whose number nobody knows before.
    let mut chunked = Raw::connect(&host);
    chunked.send("POST /api/length HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..30 {
        let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
        if chunked.try_send(chunk).is_err() {
            break;
        }
    }
    assert_refused(&chunked.answer());
    // Requests without a body need nothing, and small ones little.
    assert_eq!(host.get("/api/plain?parts=fine").text(), "fine");
    assert_eq!(host.post("/api/length", "small").text(), "5");
    fs::write(host.app().path().join("open"), "").expect("the app's folder is writable");
    for raw in &mut held {
        assert_eq!(raw.answer().text(), "400000");
    }
    drop(arriving);
    // All of it is free again.
    let free = wait_for(|| {
        let answers = at_once(2, |_| {
            let mut raw = Raw::connect(&host);
            raw.send(post("length?sleep=0.1", 400_000));
            raw.answer().status
        });
        (answers == [200, 200]).then_some(())
    });
    assert!(free.is_some(), "{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn many_uploads_do_not_end_a_worker_that_has_little_memory() {
    const EACH: usize = 20 << 20;
    let host = App::case("protocol")
        .env(
            "AzureFunctionsJobHost__extensions__http__maxRequestBodySize",
            EACH.to_string(),
        )
        .start();
    assert_eq!(host.post("/api/length", "warm").text(), "4");
    let workers = host.workers();
    let [worker] = workers[..] else {
        panic!("one worker: {workers:?}")
    };
    // What the four bodies of the default budget and their copies need; not what twelve need.
    let statm = fs::read_to_string(format!("/proc/{worker}/statm")).expect("a process of ours");
    let pages: u64 = statm
        .split(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    let limit = pages * 4096 + 10 * EACH as u64;
    let limited = Command::new("prlimit")
        .args(["--pid", &worker.to_string(), &format!("--as={limit}")])
        .status();
    assert!(limited.expect("util-linux is installed").success());
    let body = vec![b'x'; EACH];
    let statuses = at_once(12, |_| host.post("/api/length?sleep=0.5", body.clone()).status);
    // A function whose copy finds no memory raises a MemoryError.
    assert!(
        statuses.iter().all(|status| [200, 500, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&503) && statuses.contains(&200), "{statuses:?}");
    assert_eq!(host.post("/api/length", "after").text(), "5");
    assert_eq!(host.workers(), workers, "the worker lives\n{}", host.output());
}
