//! What functions print, and what runs when a worker stops: handlers of SIGTERM, then handlers of `atexit`.

use funcdock_tests::{App, Gate, python, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn what_a_call_prints_is_out_when_it_ends() {
    let code = "
import sys

print('imported ', end='')


def main(req):
    name = req.params['name']
    print(f'out of {name}', end='')
    sys.stderr.write(f'error of {name}')
    if name == 'raises':
        raise ValueError
    return ''
";
    for variable in ["", "1"] {
        for (_, python) in python::oldest_and_newest() {
            let host = App::without_functions()
                .function("prints", code)
                .function("prints_async", &code.replace("def main", "async def main"))
                .python(python)
                .env("PYTHONUNBUFFERED", variable)
                .start();
            host.wait_for_stdout("imported ");
            for (path, name) in [
                ("prints?name=sync", "sync"),
                ("prints_async?name=async", "async"),
                ("prints?name=raises", "raises"),
            ] {
                host.get(&format!("/api/{path}"));
                host.wait_for_stdout(&format!("out of {name}"));
                host.wait_for_log(&format!("error of {name}"));
            }
            host.stop().assert_clean();
        }
    }
}

/// Handlers of SIGTERM and of `atexit`, and a function that ends when the former has run.
const STOPPED: &str = "
import atexit
import os
import signal
import threading
import time

stopping = threading.Event()
file = os.path.join(os.environ['AzureWebJobsScriptRoot'], 'left')


def leave():
    print('left')
    with open(file, 'w') as out:
        out.write('left')


atexit.register(leave)


def handler(*_):
    print('terminated on', threading.current_thread() is threading.main_thread())
    stopping.set()
";

fn app(install: &str) -> App {
    let waits = "
from shared_code import gate, stopped


def main(req):
    gate.enter('stop')
    assert stopped.stopping.wait(20)
    return 'stopped in time'
";
    App::case("gates")
        .file("shared_code/stopped.py", &format!("{STOPPED}\n{install}\n"))
        .function("waits", waits)
        .function(
            "waits_async",
            &waits
                .replace("def main", "async def main")
                .replace("assert stopped", "import asyncio\n    while not stopped.stopping.is_set(): await asyncio.sleep(0.01)\n    assert stopped"),
        )
}

fn index(text: &str, part: &str) -> usize {
    text.find(part)
        .unwrap_or_else(|| panic!("{part:?} is not in {text}"))
}

#[test]
fn the_apps_own_handler_runs_before_the_last_calls_end_and_atexit_after_them() {
    let in_loop = "
import asyncio
asyncio.get_event_loop().add_signal_handler(signal.SIGTERM, handler)
";
    let exits = "
import sys
def own(*_):
    handler()
    sys.exit(3)
signal.signal(signal.SIGTERM, own)
";
    let raises = "
def own(*_):
    handler()
    raise ValueError('of the handler')
signal.signal(signal.SIGTERM, own)
";
    let plain = "signal.signal(signal.SIGTERM, handler)";
    let mut interpreters = python::oldest_and_newest();
    interpreters.extend(python::with_packages(python::WITH_UVLOOP).map(|python| ("uvloop", python)));
    for (version, python) in interpreters {
        for install in [plain, in_loop, exits, raises] {
            let both = ["/api/waits", "/api/waits_async"];
            let paths = if install == plain { &both[..] } else { &both[..1] };
            for path in paths {
                let host = app(install).python(&python).start();
                let gate = Gate::new(&host, "stop");
                let answer = std::thread::scope(|scope| {
                    let call = scope.spawn(|| {
                        let request = ureq::http::Request::get(host.url_of(path));
                        host.send(request.body(Vec::new()).expect("a valid request"))
                    });
                    gate.wait_until_entered();
                    host.signal(Signal::SIGTERM);
                    call.join().expect("an answer")
                });
                assert_eq!(answer.text(), "stopped in time", "{version}\n{}", host.output());
                let stopped = host.wait();
                stopped.assert_clean();
                let out = &stopped.stdout;
                assert!(index(out, "terminated on True") < index(out, "left"), "{out}");
                assert_eq!(out.matches("terminated").count(), 1, "{out}");
                assert_eq!(
                    stopped.stderr.contains("the app's handler of SIGTERM raised"),
                    install == raises,
                    "{}",
                    stopped.stderr
                );
            }
        }
    }
}

/// As a service manager does, which signals all processes of a service.
#[test]
fn the_apps_own_handler_runs_once_if_the_worker_is_signalled_too() {
    let host = app("signal.signal(signal.SIGTERM, handler)")
        .function(
            "loads",
            "from shared_code import stopped\n\ndef main(req):\n    return ''\n",
        )
        .start();
    let [worker] = host.workers()[..] else {
        panic!("one worker")
    };
    kill(Pid::from_raw(worker), Signal::SIGTERM).expect("it runs");
    host.wait_for_stdout("terminated on True");
    assert_eq!(host.get("/api/loads").status, 200, "it goes on");
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stdout.matches("terminated").count(),
        1,
        "{}",
        stopped.stdout
    );
    assert_eq!(stopped.stdout.matches("left").count(), 1, "{}", stopped.stdout);
}

#[test]
fn atexit_handlers_run_when_the_supervisor_is_killed_and_when_the_start_fails() {
    let running = app("")
        .function(
            "loads",
            "from shared_code import stopped\n\ndef main(req):\n    return ''\n",
        )
        .start();
    let left = running.app().path().join("left");
    let worker = running.workers()[0];
    running.signal(Signal::SIGKILL);
    let written = wait_for(|| left.exists().then_some(()));
    assert!(written.is_some(), "{}", running.output());
    let ended = wait_for(|| kill(Pid::from_raw(worker), None).is_err().then_some(()));
    assert!(ended.is_some(), "the worker still runs");

    let stopped = app("")
        .function(
            "broken",
            "from shared_code import stopped\nraise ValueError('broken')\n",
        )
        .arg("--strict")
        .start_fails();
    assert!(
        stopped.stdout.contains("left"),
        "{}\n{}",
        stopped.stdout,
        stopped.stderr
    );
}

/// As with `asyncio.run`: tasks that are left are cancelled, and their ends run.
#[test]
fn tasks_that_are_left_end_when_the_worker_does() {
    let code = "
import asyncio


async def background():
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print('the background task ends')


async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print('the stubborn task goes on')


tasks = [asyncio.create_task(background()), asyncio.create_task(stubborn())]


async def main(req):
    return 'answered'
";
    for (_, python) in python::oldest_and_newest() {
        let app = App::without_functions().function("answers", code).python(python);
        let host = app.start();
        assert_eq!(host.get("/api/answers").text(), "answered");
        let stopped = host.stop();
        stopped.assert_clean();
        for expected in ["the background task ends", "the stubborn task goes on"] {
            assert!(stopped.stdout.contains(expected), "{}", stopped.stdout);
        }
    }
}
