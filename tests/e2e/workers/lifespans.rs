//! Apps whose lifespan fails, as their database is away: a worker that cannot serve does not start, and takes no good one's
//! place.

use std::fs;
use std::path::PathBuf;
use std::thread;

use funcdock_tests::{App, Host, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{get, pid, successor_of};
use crate::apps::shapes;

const PATH: &str = "/api/pid";
const REASON: &str = "worker 0 did not start: lifespan of the ASGI app \"http_app_func\" failed";

fn app() -> App {
    App::case("lifespan").python(shapes::python())
}

/// The database of the app.
struct Database(PathBuf);

impl Database {
    fn of(app: &App) -> Self {
        Database(app.path().join("database"))
    }

    fn goes_away(&self) {
        fs::remove_file(&self.0).expect("it was there");
    }

    fn is_back(&self) {
        fs::write(&self.0, "").expect("written");
    }
}

/// Asserts that the log shows why the worker did not start, as the app says it.
#[track_caller]
fn assert_reason_logged(host: &Host, start: usize) {
    let log = &host.stderr()[start..];
    for expected in [REASON, "RuntimeError: db is down"] {
        assert!(log.contains(expected), "{expected:?}\n{log}");
    }
}

#[test]
fn a_first_start_ends_with_the_reason() {
    let app = app();
    Database::of(&app).goes_away();
    let stopped = app.start_fails();
    for expected in [REASON, "RuntimeError: db is down"] {
        assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
    }
}

#[test]
fn a_reload_keeps_the_worker_that_serves() {
    let host = app().start();
    let database = Database::of(host.app());
    let worker = pid(&host, PATH).expect("a process id");
    database.goes_away();
    let seen = host.stderr().len();
    host.signal(Signal::SIGHUP);
    host.wait_for_log_from(seen, "the app is served as it was before");
    assert_reason_logged(&host, seen);
    let log = host.stderr();
    assert!(!log.contains("all workers serve the app as it is now"), "{log}");
    assert_eq!(get(&host, PATH), Some((200, worker.to_string())));
    assert_eq!(host.get("/readyz").status, 200);
    database.is_back();
    host.signal(Signal::SIGHUP);
    successor_of(&host, PATH, worker);
    host.stop().assert_clean();
}

#[test]
fn a_worker_that_died_is_tried_again_until_the_app_can_start() {
    let host = app().start();
    let database = Database::of(host.app());
    let worker = pid(&host, PATH).expect("a process id");
    database.goes_away();
    let seen = host.stderr().len();
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it runs");
    host.wait_for_log_from(seen, "db is down");
    thread::scope(|scope| {
        // It waits for a worker that can answer.
        let call = scope.spawn(|| get(&host, PATH));
        // More attempts than the host once made in a row.
        let attempts = || host.stderr()[seen..].matches(REASON).count();
        let tried = wait_for(|| (attempts() >= 6).then_some(()));
        assert!(tried.is_some(), "{}", host.output());
        assert!(!host.stderr().contains("is back"), "{}", host.output());
        database.is_back();
        let (status, body) = call.join().expect("no panic").expect("an answer");
        assert_eq!(status, 200, "{body}");
    });
    host.wait_for_log_from(seen, "worker 0 is back");
    host.stop().assert_clean();
}

#[test]
fn a_successor_for_a_limit_that_cannot_start_leaves_the_worker_in_its_place() {
    let host = app().arg("--max-requests=8").arg("--max-jitter=0").start();
    let worker = pid(&host, PATH).expect("a process id");
    Database::of(host.app()).goes_away();
    let ended = wait_for(|| {
        assert_eq!(get(&host, PATH), Some((200, worker.to_string())));
        host.stderr().contains("the next attempt is in 60s").then_some(())
    });
    assert!(ended.is_some(), "{}", host.output());
    assert_reason_logged(&host, 0);
    for _ in 0..20 {
        assert_eq!(get(&host, PATH), Some((200, worker.to_string())));
    }
    host.stop().assert_clean();
}

#[test]
fn with_several_workers_the_others_serve() {
    let host = app().arg("--workers=2").start();
    let database = Database::of(host.app());
    let worker = host.workers()[0];
    database.goes_away();
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it runs");
    host.wait_for_log("db is down");
    for _ in 0..10 {
        assert_eq!(get(&host, PATH).map(|answer| answer.0), Some(200));
    }
    let ready = host.get("/readyz");
    assert_eq!(ready.status, 503, "{}", ready.text());
    database.is_back();
    let ready = wait_for(|| (host.get("/readyz").status == 200).then_some(()));
    assert!(ready.is_some(), "{}", host.output());
    host.stop().assert_clean();
}

/// An app without a framework, whose lifespan does this.
fn bare(lifespan: &str) -> App {
    let script = format!(
        "\
import asyncio
import azure.functions as func


async def api(scope, receive, send):
    if scope['type'] == 'lifespan':
        {lifespan}
    await send({{'type': 'http.response.start', 'status': 200, 'headers': []}})
    await send({{'type': 'http.response.body', 'body': b'served'}})


app = func.AsgiFunctionApp(app=api, http_auth_level=func.AuthLevel.ANONYMOUS)
"
    );
    App::without_functions().file("function_app.py", &script)
}

#[test]
fn a_lifespan_that_hangs_is_named_after_the_start_timeout() {
    let app = bare("await receive(); await asyncio.sleep(1000)");
    // Long enough for the interpreter to come to the lifespan on a busy machine, and three seconds more.
    let stopped = app.arg("--start-timeout=12").start_fails();
    for expected in [
        "was not ready after 12 s",
        "an ASGI app has not ended the startup of its lifespan after 3 s",
    ] {
        assert!(
            stopped.stderr.contains(expected),
            "{expected:?}\n{}",
            stopped.stderr
        );
    }
}

/// The protocol says so: an app that wants to stop the start sends `lifespan.startup.failed`.
#[test]
fn an_app_that_raises_in_its_lifespan_is_served() {
    let takes_part = "await receive(); raise RuntimeError('half way')";
    for (lifespan, is_warned_of) in [(takes_part, true), ("raise ValueError(scope['type'])", false)] {
        let host = bare(lifespan).start();
        assert_eq!(host.get("/api/any").text(), "served");
        let log = host.stop().stderr;
        let warning = "an ASGI app has raised in its lifespan, and is served without";
        assert_eq!(log.contains(warning), is_warned_of, "{log}");
        assert_eq!(log.contains("RuntimeError: half way"), is_warned_of, "{log}");
    }
}

/// The app has opened what it closes at its end.
#[test]
fn an_app_that_has_started_is_shut_down_when_its_worker_does_not_start() {
    let broken = "\n\n@app.route(route='broken')\ndef broken(req: 123): ...\n";
    let app = app().arg("--strict");
    let script = app.path().join("function_app.py");
    let code = fs::read_to_string(&script).expect("it is there");
    fs::write(script, code + broken).expect("written");
    let stopped = app.start_fails();
    for expected in ["load of function \"broken\" failed", "the connections are closed"] {
        assert!(
            stopped.stderr.contains(expected),
            "{expected:?}\n{}",
            stopped.stderr
        );
    }
}
