//! A reader that stands still slows nothing, and learns how much it has missed.

use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use funcdock_tests::{App, Host};

use super::command;

/// Each call logs so many records of 1 KiB: with all calls much more than all buffers hold.
const RECORDS: usize = 1000;
const CALLS: usize = 40;

/// Returns how long it takes.
fn flood(host: &Host) -> Duration {
    let begin = Instant::now();
    for _ in 0..CALLS {
        assert_eq!(host.get(&format!("/api/floods?records={RECORDS}")).status, 200);
    }
    begin.elapsed()
}

#[test]
fn a_reader_that_stands_still_slows_no_call_and_learns_what_it_has_missed() {
    let host = App::case("log_trouble")
        .arg("--workers")
        .arg("2")
        .log_to("/dev/null")
        .start();
    let without = flood(&host);
    let mut stalled = command(&host, &["-f", "--lines", "0", "--function", "floods"]);
    let mut stalled = stalled
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdout = stalled.stdout.take().expect("a pipe");
    let mut stderr = stalled.stderr.take().expect("a pipe");
    // It follows when it has the first record.
    let mut first = [0];
    let begun = thread::scope(|scope| {
        let reading = scope.spawn(|| stdout.read_exact(&mut first));
        let mut calls = 0;
        while !reading.is_finished() {
            host.get("/api/floods?records=1");
            calls += 1;
        }
        reading.join().expect("it ends").expect("a record");
        calls
    });
    let with = flood(&host);
    assert!(
        with < 3 * without + Duration::from_secs(2),
        "{with:?} with a reader that stands still, {without:?} without"
    );
    // From now on it reads, and the host stops.
    let errors = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    let reading = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    assert_eq!(host.get("/api/floods?records=1").status, 200);
    host.stop();
    let status = stalled.wait().expect("it ends");
    let text = reading.join().expect("it ends").expect("UTF-8");
    let errors = errors.join().expect("it ends").expect("UTF-8");
    assert!(status.success(), "{errors}");
    let count_of = |line: &str| {
        line.split_once(" log records are missing here")
            .and_then(|(count, _)| count.parse::<usize>().ok())
    };
    let missing: usize = errors.lines().filter_map(count_of).sum();
    let read = text.matches("a flood of").count();
    assert!(missing > CALLS * RECORDS / 4, "{missing} missing\n{errors}");
    // Some of the first calls came before it followed.
    let all = CALLS * RECORDS + 1;
    assert!(
        (all..=all + begun + 10).contains(&(read + missing)),
        "{read} read, {missing} missing, {begun} before\n{errors}"
    );
    assert!(text.ends_with('\n'));
}
