//! Children that functions fork: they log, return and raise, and take nothing from the worker.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, at_once, python, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;

/// Forks, and lets the child do what `?child=` names. The parent waits for it, unless it is `stays`.
const FORKS: &str = "
import logging
import os
import sys
import time


def main(req):
    child = req.params['child']
    pid = os.fork()
    if pid == 0:
        logging.info('in the child: %s', child)
        if child == 'raises':
            raise ValueError('of the child')
        if child == 'exits':
            sys.exit(7)
        if child == 'stays':
            # The test reads the host's output to its end.
            for number in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            time.sleep(60)
        print('printed by the child', end='')
        return 'from the child'
    if child == 'stays':
        return str(pid)
    return str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

/// As above, in an asynchronous function whose loop has other calls.
const FORKS_ASYNC: &str = "
import asyncio
import multiprocessing

from shared_code import forks


async def work():
    await asyncio.sleep(0.01)
    forks.logging.info('in the child: with a loop of its own')


def run():
    asyncio.run(work())
    asyncio.get_event_loop_policy().new_event_loop().run_until_complete(work())


async def main(req):
    if req.params['child'] == 'process':
        process = multiprocessing.get_context('fork').Process(target=run)
        process.start()
        await asyncio.get_running_loop().run_in_executor(None, process.join)
        return str(process.exitcode)
    if req.params['child'] == 'awaits':
        pid = forks.os.fork()
        if pid == 0:
            await asyncio.sleep(0)
            return 'from the child'
        return str(forks.os.waitstatus_to_exitcode(forks.os.waitpid(pid, 0)[1]))
    return forks.main(req)
";

const WAITS: &str = "
import asyncio


async def main(req):
    await asyncio.sleep(0.2)
    return 'waited'
";

fn app() -> App {
    App::without_functions()
        .file("shared_code/forks.py", FORKS)
        .function("forks", "from shared_code.forks import main\n")
        .function("forks_async", FORKS_ASYNC)
        .function("waits", WAITS)
}

fn interpreters() -> Vec<(&'static str, PathBuf)> {
    let mut found = python::oldest_and_newest();
    found.extend(python::with_packages(python::WITH_UVLOOP).map(|python| ("uvloop", python)));
    found
}

#[test]
fn a_child_that_returns_or_raises_ends_and_the_call_is_the_parents() {
    for (version, python) in interpreters() {
        let host = app().python(python).start();
        let worker = host.workers();
        for function in ["forks", "forks_async"] {
            let both = [("returns", "0"), ("raises", "1"), ("exits", "7")];
            let only_async = [("awaits", "1"), ("process", "0")];
            let more = if function == "forks" { &[][..] } else { &only_async };
            for (child, status) in both.iter().chain(more).copied() {
                let length = host.stderr().len();
                let answers = at_once(3, |number| match number {
                    0 => host.get(&format!("/api/{function}?child={child}")).text(),
                    _ => host.get("/api/waits").text(),
                });
                let expected = [status, "waited", "waited"];
                assert_eq!(
                    answers,
                    expected,
                    "{version} {function} {child}\n{}",
                    host.output()
                );
                let logged = match child {
                    "raises" => "a forked child ends: its function raised ValueError: of the child",
                    "awaits" => "cannot await: the event loop is its parent's",
                    _ => "in the child: ",
                };
                host.wait_for_log_from(length, logged);
            }
        }
        host.wait_for_stdout("printed by the child");
        assert_eq!(host.workers(), worker);
        host.stop().assert_clean();
    }
}

/// The locks of the log are held at many forks.
#[test]
fn children_that_log_never_hang() {
    let forks_many = "
import logging
import multiprocessing
import os

context = multiprocessing.get_context('fork')


def log(number):
    logging.getLogger('child').info('record %s', number)


def main(req):
    for number in range(20):
        if number % 2:
            process = context.Process(target=log, args=(number,))
            process.start()
            # Another thread that starts a process may wait for this one, too, and know its end first.
            while process.exitcode is None:
                process.join(0.01)
            assert process.exitcode == 0, process.exitcode
            continue
        pid = os.fork()
        if pid == 0:
            log(number)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    with context.Pool(2) as pool:
        # `terminate` at the end is a SIGTERM.
        assert pool.map(abs, [-1, -2]) == [1, 2]
    return 'all ended'
";
    let logs = "
import logging


def main(req):
    for number in range(300):
        logging.info('busy %s', number)
    return 'logged'
";
    for format in ["text", "json"] {
        let host = app()
            .function("forks_many", forks_many)
            .function("logs", logs)
            .env("FUNCDOCK_LOG_FORMAT", format)
            .start();
        let answers = at_once(6, |number| match number {
            0..=2 => host.get("/api/forks_many").text(),
            _ => {
                for _ in 0..10 {
                    host.get("/api/logs");
                }
                "all ended".to_owned()
            }
        });
        let output = host.stderr();
        let others = output.lines().filter(|line| !line.contains("busy"));
        assert_eq!(
            answers,
            ["all ended"; 6],
            "{}",
            others.collect::<Vec<_>>().join("\n")
        );
        for number in 0..20 {
            let message = format!("record {number}");
            let is_record = |line: &&str| match format {
                "json" => {
                    let record: Json = serde_json::from_str(line).unwrap_or_default();
                    record["logger"] == "child" && record["message"] == *message
                }
                _ => line.contains(&format!("INFO child: {message} invocation=")),
            };
            assert_eq!(output.lines().filter(is_record).count(), 3, "{message}");
        }
        host.stop().assert_clean();
    }
}

#[test]
fn a_child_holds_neither_the_port_nor_the_control_channel_nor_a_connection() {
    let host = app().start();
    let worker = host.workers()[0];
    let shared = sockets(worker);
    assert!(shared.len() >= 2, "{shared:?}");
    let child: i32 = host.get("/api/forks?child=stays").text().parse().expect("a pid");
    host.wait_for_log("in the child: stays");
    let held: Vec<_> = sockets(child).into_keys().collect();
    // What is not ours may stay: the pair that wakes asyncio's loop.
    let control = shared
        .iter()
        .find(|(_, number)| **number == 3)
        .expect("the channel")
        .0;
    assert!(!held.contains(control), "{held:?}");
    let port = host.address().rsplit(':').next().expect("a port").to_owned();
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it runs");
    let other = wait_for(|| host.workers().first().copied().filter(|pid| *pid != worker));
    assert!(other.is_some(), "{}", host.output());
    assert_eq!(host.get("/api/waits").text(), "waited");
    host.stop().assert_clean();
    let port: u16 = port.parse().expect("a number");
    assert!(kill(Pid::from_raw(child), None).is_ok(), "the child still runs");
    let bound = wait_for(|| TcpListener::bind(("127.0.0.1", port)).ok());
    assert!(bound.is_some(), "the port is still taken");
    kill(Pid::from_raw(child), Signal::SIGTERM).expect("it runs");
    let ended = wait_for(|| kill(Pid::from_raw(child), None).is_err().then_some(()));
    assert!(ended.is_some(), "SIGTERM does not end the child");
}

/// The sockets that a process has, each with a number that it has there.
fn sockets(pid: i32) -> BTreeMap<String, i32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let found = entries.flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        let target = target.to_str()?.to_owned();
        let number = entry.file_name().to_str()?.parse().ok()?;
        target.starts_with("socket:").then_some((target, number))
    });
    found.collect()
}

#[test]
fn no_span_is_exported_twice() {
    let code = "
import os


def main(req, context):
    with context.tracer.span('before'):
        pass
    with context.tracer.span('around'):
        pid = os.fork()
        if pid == 0:
            with context.tracer.span('of the child'):
                pass
            return 'from the child'
        os.waitpid(pid, 0)
    with context.tracer.span('after'):
        return 'from the parent'
";
    let receiver = Receiver::start();
    let host = app()
        .function("spans", code)
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .file(
            "host.json",
            &format!(
                r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
                "endpoint": "{}", "delay_ms": 50
            }} }} }} }}"#,
                receiver.endpoint()
            ),
        )
        .start();
    for _ in 0..10 {
        assert_eq!(
            host.get("/api/spans").text(),
            "from the parent",
            "{}",
            host.output()
        );
    }
    host.stop().assert_clean();
    let mut counts = BTreeMap::new();
    for span in receiver.spans() {
        *counts.entry(span.name).or_insert(0) += 1;
    }
    let expected = ["after", "around", "before", "spans"].map(|name| (name.to_owned(), 10));
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn new_processes_find_the_functions_of_a_script() {
    let code = "
import concurrent.futures
import multiprocessing

from . import helper


def double(number):
    return number * helper.TWO


def main(req):
    results = []
    for method in ('fork', 'spawn', 'forkserver'):
        context = multiprocessing.get_context(method)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            results.append(sum(pool.map(double, [1, 2, 3])))
    return str(results)
";
    for (version, python) in python::oldest_and_newest() {
        // Folders that a new process must not import from.
        let mut app = App::without_functions().python(python);
        for name in ["types", "signal", "runpy"] {
            app = app.function(name, "def main(req):\n    return ''\n");
        }
        let host = app
            .function("starts", code)
            .file("starts/helper.py", "TWO = 2\n")
            .start();
        let answer = host.get("/api/starts");
        assert_eq!(answer.text(), "[12, 12, 12]", "{version}\n{}", host.output());
        host.stop().assert_clean();
    }
}

#[test]
fn a_child_that_has_just_begun_can_be_ended() {
    let code = "
import os
import signal
import time


def main(req):
    for number in range(100):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(1)
        os.kill(pid, (signal.SIGTERM, signal.SIGINT)[number % 2])
        how = os.waitpid(pid, 0)[1]
        assert how, f'child {number} went on'
    return 'all ended'
";
    let host = app().function("kills", code).start();
    let answer = host.get("/api/kills");
    assert_eq!(answer.text(), "all ended", "{}", host.output());
}
