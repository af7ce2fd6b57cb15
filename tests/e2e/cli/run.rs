//! `funcdock run`: one call of one function.

use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};

use funcdock_tests::{App, binary, python, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CODE: &str = r#"
import logging

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="echo/{more}", methods=["POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("echoing")
    return func.HttpResponse(req.get_body())


@app.route(route="refuse")
def refuse(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("not like this", status_code=409)


@app.route(route="raises")
def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("on purpose")


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
async def nightly(timer: func.TimerRequest) -> None:
    logging.info("past due: %s", timer.past_due)


@app.queue_trigger(arg_name="message", queue_name="orders", connection="AzureWebJobsStorage")
def order(message: func.QueueMessage) -> None:
    logging.info("ordered: %s", message.get_json()["what"])
"#;

/// Returns `funcdock run` with these arguments.
fn command(app: &App, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("run")
        .args(arguments)
        .arg("--app")
        .arg(app.path())
        .env("FUNCDOCK_PYTHON", python::any())
        // Who reaches a host that serves does not count here.
        .envs([
            ("FUNCDOCK_ENABLE_AUTH", "true"),
            ("FUNCDOCK_ADMIN_ADDRESS", "127.0.0.1:1"),
            ("FUNCDOCK_ACCESS_LOG", "common"),
            ("FUNCTIONS_WORKER_PROCESS_COUNT", "3"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `funcdock run` with these arguments and this stdin.
fn run(app: &App, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = command(app, arguments).spawn().expect("the binary runs");
    let mut input = child.stdin.take().expect("a pipe");
    // It need not read.
    let _ = input.write_all(stdin);
    drop(input);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_function_is_called_once_and_its_answer_printed() {
    let app = App::without_functions().file("function_app.py", CODE);
    for (arguments, stdin, succeeds, stdout, log) in [
        (
            &["echo", "--input", "{\"a\": 1.0}"][..],
            "",
            true,
            "{\"a\": 1.0}",
            "echoing",
        ),
        (&["ECHO"], "", true, "", "echoing"),
        (
            &["echo", "--input-file", "-"],
            "of stdin",
            true,
            "of stdin",
            "echoing",
        ),
        (&["refuse"], "", false, "not like this", "409 Conflict"),
        (&["raises"], "", false, "", "ValueError: on purpose"),
        (&["nightly"], "", true, "", "past due: False"),
        (
            &["order", "-i", "{\"what\": \"tea\"}"],
            "",
            true,
            "",
            "ordered: tea",
        ),
    ] {
        let ended = run(&app, arguments, stdin.as_bytes());
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            String::from_utf8_lossy(&ended.stdout),
            stdout,
            "{arguments:?}\n{stderr}"
        );
        assert_eq!(ended.status.success(), succeeds, "{arguments:?}\n{stderr}");
        assert!(stderr.contains(log), "{arguments:?}\n{stderr}");
    }
}

#[test]
fn a_signal_lets_the_function_finish() {
    let code = "
import atexit
import pathlib
import time


def main(req):
    atexit.register(lambda: pathlib.Path('ended').touch())
    pathlib.Path('begun').touch()
    while not pathlib.Path('go').exists():
        time.sleep(0.005)
    return 'finished'
";
    let app = App::without_functions().function("slow", code);
    let file = |name: &str| app.path().join(name);
    let child = command(&app, &["slow"]).spawn().expect("the binary runs");
    assert!(wait_for(|| file("begun").exists().then_some(())).is_some());
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("it runs");
    std::fs::write(file("go"), "").expect("written");
    let ended = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{stderr}");
    assert_eq!(ended.stdout, b"finished");
    assert!(file("ended").exists(), "{stderr}");
}

#[test]
fn an_answer_that_nobody_reads_does_not_keep_it_from_ending() {
    let code = "def main(req):\n    return 'x' * 5_000_000\n";
    let app = App::without_functions().function("large", code);
    let ended = run(&app, &["large"], b"");
    assert_eq!((ended.status.success(), ended.stdout.len()), (true, 5_000_000));
    let mut child = command(&app, &["large"]).spawn().expect("the binary runs");
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut [0]).expect("it writes");
    // The pipe is full, and whoever waits has lost patience.
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("it runs");
    let status = wait_for(|| child.try_wait().ok().flatten()).expect("it ends");
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn what_cannot_be_called_is_an_error() {
    let app = App::without_functions().file("function_app.py", CODE);
    for (arguments, expected) in [
        (&["ech"][..], "ech"),
        (&["echo", "--input-file", "/none"], "/none"),
        (
            &["echo", "--input", "a", "--input-file", "-"],
            "cannot be used with",
        ),
        (&[], "<NAME>"),
    ] {
        let ended = run(&app, arguments, b"");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{arguments:?}\n{stderr}");
        assert!(stderr.contains(expected), "{arguments:?}\n{stderr}");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "", "{arguments:?}");
    }
}
