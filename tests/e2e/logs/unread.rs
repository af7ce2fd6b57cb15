//! Output that nobody reads stops nothing.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use funcdock_tests::{App, Host, UnreadPipe, at_once, python, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a host may take to stop that nobody keeps from it: much less than its time to drain.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

fn stops_in_time(host: Host) {
    let begin = Instant::now();
    let stopped = host.stop();
    assert!(stopped.status.success(), "{}", stopped.status);
    assert!(begin.elapsed() < STOPS_WITHIN, "{:?}", begin.elapsed());
}

/// Has each of ten requests log 1 MiB, and as many raise.
fn flood(host: &Host) {
    let statuses = at_once(10, |_| {
        let raised = host.get("/api/floods?raise=1").status;
        (raised, host.get("/api/floods?records=1000").status)
    });
    assert_eq!(statuses, [(500, 200); 10]);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    for format in ["text", "json"] {
        let pipe = UnreadPipe::full();
        let host = App::case("log_trouble")
            .env("FUNCDOCK_LOG_FORMAT", format)
            .arg("--workers")
            .arg("2")
            .log_to(pipe.path())
            .start();
        flood(&host);
        let worker = host.workers()[0];
        kill(Pid::from_raw(worker), Signal::SIGKILL).expect("a worker of the host");
        let replaced = wait_for(|| {
            let workers = host.workers();
            (workers.len() == 2 && !workers.contains(&worker)).then_some(())
        });
        assert!(replaced.is_some(), "the supervisor hangs");
        flood(&host);
        stops_in_time(host);
    }
}

#[test]
fn dropped_records_are_counted_and_reported_once() {
    for format in ["text", "json"] {
        let mut pipe = UnreadPipe::full();
        let app = App::case("log_trouble").env("FUNCDOCK_LOG_FORMAT", format);
        let host = app.log_to(pipe.path()).start();
        flood(&host);

        let mut log = String::new();
        let reported = wait_for(|| {
            pipe.read_into(&mut log);
            log.contains(" log records were dropped").then_some(())
        });
        assert!(reported.is_some(), "{}", &log[log.len().saturating_sub(2000)..]);
        assert_eq!(host.get("/api/floods?records=1").status, 200);
        let back = wait_for(|| {
            pipe.read_into(&mut log);
            let (_, after) = log.split_once(" log records were dropped")?;
            after.contains("a flood of").then_some(())
        });
        assert!(back.is_some(), "the log goes on");

        assert_eq!(log.matches("were dropped").count(), 1);
        let (before, _) = log.split_once(" log records were dropped").expect("reported");
        let count = before
            .rsplit(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        let dropped: usize = count.parse().expect("a number");
        let written = log.matches("a flood of").count() + log.matches("the function raised").count();
        assert_eq!(written + dropped, 10 * 1000 + 10 + 1, "{dropped} dropped");
        assert!(dropped > 1000, "{dropped}: the rest is in the queue");
        stops_in_time(host);
    }
}

#[test]
fn the_last_records_are_written_before_the_host_exits() {
    let host = App::case("log_trouble").start();
    assert_eq!(host.get("/api/floods?records=2000").status, 200);
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(stopped.stderr.matches("a flood of").count(), 2000);
    assert!(!stopped.stderr.contains("dropped"), "nothing is lost to a reader");
}

#[test]
fn a_list_of_functions_that_nobody_reads_stops_nothing() {
    let pipe = UnreadPipe::full();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let address = free.expect("a free port");
    let host = App::case("log_trouble")
        .bare()
        .arg("--port")
        .arg(address.port().to_string())
        .arg("--python")
        .arg(python::any())
        .arg("--verbose")
        .stdout_to(pipe.path())
        .spawn();
    let serves = wait_for(|| TcpStream::connect(address).is_ok().then_some(()));
    assert!(serves.is_some(), "{}", host.output());
    // A worker that dies before is not restarted: the app may be broken.
    host.wait_for_log("is ready");
    let worker = wait_for(|| host.workers().first().copied()).expect("a worker");
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("a worker of the host");
    host.wait_for_log("is back");
    stops_in_time(host);
}

#[test]
fn an_error_that_nobody_reads_ends_the_host() {
    let pipe = UnreadPipe::full();
    let begin = Instant::now();
    let stopped = App::empty().log_to(pipe.path()).start_fails();
    assert_eq!(stopped.status.code(), Some(1));
    assert!(begin.elapsed() < STOPS_WITHIN, "{:?}", begin.elapsed());
}
