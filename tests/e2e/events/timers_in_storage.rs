//! Timers whose locks and times are in a storage account: one of all hosts of an app calls a function at its times.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use funcdock_storage::{Blob, Connection, StorageError};
use funcdock_tests::{App, Azurite, Host};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{app, lines};

const EVERY_SECOND: &str = r#"
from datetime import datetime

@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    logging.info("tick of %s", f"{datetime.now():%H:%M:%S}")

@app.route("ping", auth_level="anonymous")
def ping(req: func.HttpRequest) -> str:
    return "pong"
"#;

const HOURLY: &str = r#"
@app.timer_trigger(schedule="01:00:00", arg_name="timer", run_on_startup=True)
def hourly(timer: func.TimerRequest) -> None:
    logging.info("past due %s, %s", timer.past_due, timer.schedule_status)
"#;

/// For how long a host that was killed keeps its lock, and what a busy machine needs on top.
const TAKEOVER: Duration = Duration::from_secs(50);

/// Another copy of the app, as on another machine.
fn copy(code: &str, azurite: &Azurite) -> App {
    app(code)
        .env("AzureWebJobsStorage", azurite.connection_string())
        .env("AzureFunctionsWebHost__hostid", "shop")
}

/// Returns the seconds at which the log has calls, each of which is "… tick of TIME".
fn ticks(stderr: &str) -> Vec<String> {
    stderr
        .lines()
        .filter_map(|line| line.split("tick of ").nth(1))
        .map(|rest| rest[..8].to_owned())
        .collect()
}

fn all_ticks(hosts: [&Host; 2]) -> Vec<String> {
    hosts.iter().flat_map(|host| ticks(&host.stderr())).collect()
}

#[track_caller]
fn assert_each_once(ticks: &[String], hosts: [&Host; 2]) {
    let seconds: BTreeSet<_> = ticks.iter().collect();
    assert_eq!(
        seconds.len(),
        ticks.len(),
        "no second twice\n{ticks:?}\n{}\n{}",
        hosts[0].output(),
        hosts[1].output()
    );
}

/// Waits until this holds, which may take a while.
#[track_caller]
fn wait_long(what: &str, hosts: [&Host; 2], mut check: impl FnMut() -> bool) {
    let end = Instant::now() + TAKEOVER;
    while !check() {
        let outputs = || format!("{}\n{}", hosts[0].output(), hosts[1].output());
        assert!(Instant::now() < end, "{what}\n{}", outputs());
        sleep(Duration::from_millis(100));
    }
}

/// Runs a request to a blob of the container of hosts.
fn with_blob<T>(
    azurite: &Azurite,
    name: &str,
    request: impl AsyncFnOnce(Blob) -> Result<T, StorageError>,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let string = azurite.connection_string();
    let connection = Connection::from_settings("", |_| Some(string.clone())).expect("valid");
    let container = connection.container("azure-webjobs-hosts").expect("a valid name");
    let blob = container.blob(name).expect("a valid name");
    runtime.block_on(request(blob)).expect("the emulator answers")
}

#[test]
fn of_two_machines_one_calls_at_each_time_and_the_other_takes_over() {
    let azurite = Azurite::account();
    let first = copy(EVERY_SECOND, &azurite).spawn();
    lines(&first, "tick of ", 1);
    first.wait_for_log("of all hosts of the app \"shop\", one calls a timer at its times");
    let second = copy(EVERY_SECOND, &azurite).spawn();
    second.wait_for_log("another host of this app calls it at its times");
    lines(&first, "tick of ", 9);
    let both = all_ticks([&first, &second]);
    assert_each_once(&both, [&first, &second]);
    assert_eq!(ticks(&second.stderr()), [] as [&str; 0]);

    // A stop gives the lock back, so that the lease need not expire.
    let stopped = Instant::now();
    first.signal(Signal::SIGTERM);
    lines(&second, "tick of ", 1);
    assert!(
        stopped.elapsed() < Duration::from_secs(15),
        "{:?}",
        stopped.elapsed()
    );
    second.wait_for_log("function \"tick\": this host calls it at its times from now on");
    assert_each_once(&all_ticks([&first, &second]), [&first, &second]);
    first.wait().assert_clean();

    let third = copy(EVERY_SECOND, &azurite).spawn();
    third.wait_for_log("another host of this app calls it at its times");
    let killed = Instant::now();
    second.signal(Signal::SIGKILL);
    let taken = || !ticks(&third.stderr()).is_empty();
    wait_long("nobody takes over", [&second, &third], taken);
    assert!(
        killed.elapsed() > Duration::from_secs(5),
        "a lease that was renewed a moment ago has not expired"
    );
    assert_each_once(&all_ticks([&second, &third]), [&second, &third]);
    third.stop().assert_clean();
}

#[test]
fn apps_with_other_ids_have_timers_of_their_own() {
    let azurite = Azurite::account();
    let first = copy(EVERY_SECOND, &azurite).spawn();
    lines(&first, "tick of ", 1);
    let other = copy(EVERY_SECOND, &azurite)
        .env("AzureFunctionsWebHost__hostid", "other")
        .spawn();
    lines(&other, "tick of ", 1);
    assert!(!first.app().path().join(".funcdock/timers").exists());
}

#[test]
fn the_status_outlives_the_host_and_its_folder() {
    let azurite = Azurite::account();
    let host = copy(HOURLY, &azurite)
        .env("WEBSITE_TIME_ZONE", "Europe/Berlin")
        .spawn();
    lines(&host, "past due False", 1);
    host.stop().assert_clean();
    let name = "timers/shop/Host.Functions.hourly/status";
    let content = with_blob(&azurite, name, async |blob| blob.download().await);
    let status: Value = serde_json::from_slice(&content).expect("JSON");
    let last = status["Last"].as_str().expect("a text");
    assert!(last.ends_with("+01:00") || last.ends_with("+02:00"), "{status}");
    assert!(
        status["Next"].is_string() && status["LastUpdated"].is_string(),
        "{status}"
    );

    let missed = r#"{"Last":"2026-01-05T10:00:00+01:00","Next":"2026-01-05T11:00:00+01:00","LastUpdated":"2026-01-05T10:00:00+01:00"}"#;
    with_blob(&azurite, name, async |blob| {
        blob.upload(missed.into(), &funcdock_storage::Upload::default())
            .await
    });
    let host = copy(HOURLY, &azurite).spawn();
    let found = lines(&host, "past due True", 1);
    assert!(
        found[0].contains("'Last': '2026-01-05T09:00:00+00:00'"),
        "{found:?}"
    );
    host.stop().assert_clean();
    // Made up for, once.
    let host = copy(&HOURLY.replace(", run_on_startup=True", ""), &azurite).spawn();
    host.wait_for_stdout("Worker process started");
    sleep(Duration::from_secs(2));
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("past due"), "{}", stopped.stderr);
}

#[test]
fn a_timer_without_its_storage_waits_and_says_so_once() {
    let mut azurite = Azurite::start();
    let host = copy(EVERY_SECOND, &azurite).start();
    lines(&host, "tick of ", 2);
    azurite.stop();
    wait_long("it goes on without its lease", [&host, &host], || {
        host.stderr()
            .contains("function \"tick\": it is not called until this host has its lease again")
    });
    let before = host.stderr().len();
    host.wait_for_log_from(
        before,
        "function \"tick\": the calls of its schedule cannot be made: blob",
    );
    let length = host.stderr().len();
    sleep(Duration::from_secs(3));
    assert_eq!(host.get("/api/ping").text(), "pong");
    let log = host.stderr();
    assert!(!log[length..].contains("tick of"), "{log}");
    assert_eq!(log.matches("cannot be made").count(), 1, "{log}");
    assert!(
        !log.contains("typespec"),
        "each attempt is not worth a record\n{log}"
    );
    azurite.start_again();
    host.wait_for_log_from(
        length,
        "function \"tick\": the calls of its schedule are made again",
    );
    let length = host.stderr().len();
    host.wait_for_log_from(length, "tick of");
    host.stop().assert_clean();
}

#[test]
fn several_machines_need_a_storage_account() {
    let code = format!("{EVERY_SECOND}\n{HOURLY}");
    let host = app(&code).spawn();
    lines(&host, "tick of", 1);
    let stopped = host.stop();
    stopped.assert_clean();
    let hint = "set AzureWebJobsStorage to one storage account for all of them";
    assert_eq!(stopped.stderr.matches(hint).count(), 1, "{}", stopped.stderr);
    let host = app(&code).env("AzureWebJobsStorage", "AccountName=shop").spawn();
    host.wait_for_log("so timers are as if there was no storage account");
    lines(&host, "tick of", 1);
    host.stop().assert_clean();
}

#[test]
fn a_host_that_slept_makes_no_call_that_another_one_makes() {
    let azurite = Azurite::start();
    let first = copy(EVERY_SECOND, &azurite)
        .arg("--heartbeat-timeout=120")
        .spawn();
    lines(&first, "tick of ", 2);
    let second = copy(EVERY_SECOND, &azurite).spawn();
    second.wait_for_log("another host of this app calls it at its times");
    first.signal(Signal::SIGSTOP);
    wait_long("nobody takes over", [&first, &second], || {
        ticks(&second.stderr()).len() >= 2
    });
    first.signal(Signal::SIGCONT);
    first.wait_for_log("function \"tick\": it is not called until this host has its lease again");
    let seen = ticks(&second.stderr()).len();
    lines(&second, "tick of ", seen + 4);
    assert_each_once(&all_ticks([&first, &second]), [&first, &second]);
    second.stop().assert_clean();
    let length = first.stderr().len();
    first.wait_for_log_from(length, "tick of ");
    first.stop().assert_clean();
}
