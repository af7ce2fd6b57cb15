//! Calls that events start: the times of a schedule, the start of a worker, messages and blobs.

mod bindings;
mod blobs;
mod emulator;
mod event_grid;
mod outages;
mod queues;
mod retries;
mod timers;
mod timers_in_storage;
mod warmup;

use funcdock_tests::{App, Host, wait_for};

/// Returns an app with this function_app.py, whose first lines are written already.
fn app(code: &str) -> App {
    let head =
        "import logging, os, sys, time\nimport azure.functions as func\n\napp = func.FunctionApp()\n\n";
    App::empty()
        .file("host.json", "{\"version\": \"2.0\"}")
        .file("function_app.py", &format!("{head}{code}"))
}

/// Waits until the log has at least `count` lines with this text, and returns them.
fn lines(host: &Host, text: &str, count: usize) -> Vec<String> {
    let found = || -> Vec<String> {
        let stderr = host.stderr();
        let found = stderr.lines().filter(|line| line.contains(text));
        found.map(str::to_owned).collect()
    };
    let enough = wait_for(|| Some(found()).filter(|lines| lines.len() >= count));
    enough.unwrap_or_else(|| panic!("expected {count} lines with {text:?}\n{}", host.output()))
}
