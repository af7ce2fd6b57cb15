//! `funcdock run`: one call of one function.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use funcdock_tests::{App, binary, python};

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

/// Runs `funcdock run` with these arguments and this stdin.
fn run(app: &App, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(binary())
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
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
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
