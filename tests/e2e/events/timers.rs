//! The timer trigger: its times, its data, what is missed, several workers and hosts.

use std::collections::BTreeSet;
use std::fs;

use funcdock_tests::{App, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{app, lines};

const EVERY_SECOND: &str = r#"
from datetime import datetime

@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    logging.info("tick of %s in %s", f"{datetime.now():%H:%M:%S}", os.getpid())
"#;

/// Every hour, at a minute that is not now: the tests would have to run for longer to see it.
const HOURLY: &str = r#"
@app.timer_trigger(schedule="01:00:00", arg_name="timer")
def hourly(timer: func.TimerRequest) -> None:
    logging.info("past due %s, %s, %s", timer.past_due, timer.schedule_status, timer.schedule)
"#;

/// Returns the times in these lines, each of which is "… tick of TIME in …".
fn times(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line.split("tick of ").nth(1))
        .map(|rest| &rest[..8])
        .collect()
}

#[test]
fn each_tick_is_one_call_of_one_worker() {
    let host = app(EVERY_SECOND).arg("--workers=2").spawn();
    let found = lines(&host, "tick of ", 4);
    let times = times(&found);
    let seconds: BTreeSet<_> = times.iter().collect();
    assert_eq!(seconds.len(), times.len(), "no second twice\n{found:?}");
    let workers: BTreeSet<_> = found
        .iter()
        .filter_map(|line| line.split([' ', '=']).skip_while(|word| *word != "in").nth(1))
        .collect();
    assert_eq!(workers.len(), 2, "the workers take turns\n{found:?}");
    host.stop().assert_clean();
}

#[test]
fn folders_declare_timers_and_settings_hold_schedules() {
    let host = App::empty()
        .file("host.json", "{}")
        .file(
            "local.settings.json",
            r#"{"Values": {"Pace": "*/1 * * * * *"}}"#,
        )
        .file(
            "clock/function.json",
            r#"{"bindings": [{"type": "timerTrigger", "name": "timer", "schedule": "%PACE%", "useMonitor": true}]}"#,
        )
        .file(
            "clock/__init__.py",
            "import logging\nimport azure.functions as func\n\nasync def main(timer: func.TimerRequest):\n    \
             logging.info('status %s', timer.schedule_status)\n",
        )
        .spawn();
    host.wait_for_stdout("\tclock: timerTrigger\n");
    let found = lines(&host, "status {", 2);
    assert!(
        found[0].contains("'Last': '0001-01-01T00:00:00+00:00'"),
        "{found:?}"
    );
    assert!(!found[1].contains("'Last': '0001"), "{found:?}");
    host.stop().assert_clean();
}

#[test]
fn a_call_that_was_missed_is_made_up_for_once() {
    let host = app(HOURLY).spawn();
    host.wait_for_stdout("Worker process started");
    let folder = host.app().path().join(".funcdock/timers");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(
        !stopped.stderr.contains("past due"),
        "nothing was missed\n{}",
        stopped.stderr
    );
    assert!(!folder.join("hourly.json").exists(), "nothing was called");

    let status = r#"{"Last": "2026-01-05T10:00:00Z", "Next": "2026-01-05T11:00:00Z", "LastUpdated": null}"#;
    let host = app(HOURLY).file(".funcdock/timers/hourly.json", status).spawn();
    host.wait_for_log("function \"hourly\": its last call is past due");
    let found = lines(&host, "past due True", 1);
    assert!(
        found[0].contains("'Last': '2026-01-05T10:00:00+00:00'")
            && found[0].contains("{'AdjustForDST': False}"),
        "{found:?}"
    );
    let file = host.app().path().join(".funcdock/timers/hourly.json");
    let updated = wait_for(|| {
        let text = fs::read_to_string(&file).ok()?;
        let status: Value = serde_json::from_str(&text).ok()?;
        let last = status["Last"].as_str()?.to_owned();
        (!last.starts_with("2026-01-05")).then_some(())
    });
    assert!(updated.is_some(), "{}", host.output());
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(stopped.stderr.matches("past due True").count(), 1);
}

#[test]
fn a_timer_may_run_at_the_start() {
    let code = HOURLY.replace("arg_name", "run_on_startup=True, arg_name");
    let host = app(&code).spawn();
    lines(&host, "past due False", 1);
    host.stop().assert_clean();
}

#[test]
fn one_of_two_hosts_runs_a_timer_and_the_other_takes_over() {
    let host = app(EVERY_SECOND).spawn();
    lines(&host, "tick of ", 1);
    let second = App::copy_of(host.app().path()).spawn();
    // A copy is another app: it has a lock of its own.
    lines(&second, "tick of ", 1);
    second.stop().assert_clean();

    let mut other = std::process::Command::new(funcdock_tests::binary());
    other
        .args(["start", "--port=0", "--no-reload"])
        .arg(host.app().path())
        .arg("--python")
        .arg(funcdock_tests::python::any());
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut other = other
        .stdout(std::process::Stdio::null())
        .stderr(log.reopen().expect("opened"))
        .spawn()
        .expect("started");
    let text = || fs::read_to_string(log.path()).expect("a log");
    let waits = wait_for(|| {
        text()
            .contains("this host takes over when that ends")
            .then_some(())
    });
    assert!(waits.is_some(), "{}", text());
    assert!(!text().contains("tick of"), "{}", text());
    // Not a clean stop: nobody says that the timer is free.
    kill(Pid::from_raw(host.pid()), Signal::SIGKILL).expect("killed");
    let takes_over = wait_for(|| text().contains("tick of").then_some(()));
    kill(Pid::from_raw(other.id().cast_signed()), Signal::SIGTERM).expect("stopped");
    other.wait().expect("ended");
    assert!(takes_over.is_some(), "{}", text());
    assert!(
        text().contains("function \"tick\": this host calls it at its times from now on"),
        "{}",
        text()
    );
}

#[test]
fn a_call_whose_worker_died_is_made_again() {
    let code = r#"
@app.timer_trigger(schedule="01:00:00", arg_name="timer", run_on_startup=True)
def fragile(timer: func.TimerRequest) -> None:
    if not os.path.exists("died"):
        open("died", "w").close()
        os._exit(3)
    logging.info("again")
"#;
    let host = app(code).spawn();
    lines(&host, "root: again", 1);
    host.wait_for_log("exited with status 3; starting another one");
    host.stop().assert_clean();
}

#[test]
fn a_stop_waits_for_the_call_and_no_other_begins() {
    let code = r#"
@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def slow(timer: func.TimerRequest) -> None:
    logging.info("begun")
    time.sleep(1.5)
    logging.info("done")
"#;
    let host = app(code).spawn();
    lines(&host, "begun", 1);
    let stopped = host.stop();
    stopped.assert_clean();
    let count = |text: &str| stopped.stderr.matches(text).count();
    assert_eq!((count("begun"), count("done")), (1, 1), "{}", stopped.stderr);
}

#[test]
fn a_reload_has_the_new_times() {
    let host = app(HOURLY).arg("--reload").spawn();
    host.wait_for_stdout("Worker process started");
    let head = fs::read_to_string(host.app().path().join("function_app.py")).expect("the script");
    let code = head
        .replace("01:00:00", "* * * * * *")
        .replace("hourly", "faster");
    fs::write(host.app().path().join("function_app.py"), code).expect("written");
    lines(&host, "past due False", 2);
    // The state that it writes is no reason for another reload.
    assert_eq!(
        host.stderr().matches("reading the app again").count(),
        1,
        "{}",
        host.output()
    );
    host.stop().assert_clean();
}

#[test]
fn a_reload_calls_no_timer_of_the_start_again() {
    let code = format!(
        "{}{EVERY_SECOND}",
        HOURLY.replace("arg_name", "run_on_startup=True, arg_name")
    );
    let host = app(&code).arg("--reload").spawn();
    lines(&host, "past due False", 1);
    let script = host.app().path().join("function_app.py");
    let code = fs::read_to_string(&script).expect("the script");
    fs::write(&script, code.replace("tick of", "new tick of")).expect("written");
    lines(&host, "new tick of", 2);
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stderr.matches("past due False").count(),
        1,
        "{}",
        stopped.stderr
    );
}

#[test]
fn what_is_wrong_with_a_timer_is_said() {
    let folder = |schedule: &str| {
        let binding = format!(r#"{{"type": "timerTrigger", "name": "timer"{schedule}}}"#);
        App::empty()
            .file("host.json", "{}")
            .file("clock/function.json", &format!("{{\"bindings\": [\n{binding}]}}"))
            .file("clock/__init__.py", "def main(timer): pass\n")
            .start_fails()
            .stderr
    };
    for (schedule, expected) in [
        (
            "",
            "clock/function.json:2: bindings[0]: expected a member \"schedule\"",
        ),
        (
            r#", "schedule": "* * * * 8""#,
            "clock/function.json:2: bindings[0].schedule: ",
        ),
        (
            r#", "schedule": "%Nope%""#,
            "bindings[0].schedule: the app setting \"Nope\" is not set; set it in the environment or in Values of \
             local.settings.json",
        ),
        (
            r#", "schedule": "%Nope""#,
            "bindings[0].schedule: \"%Nope\" has a percent sign without another one",
        ),
    ] {
        let stderr = folder(schedule);
        assert!(stderr.contains(expected), "{schedule}\n{stderr}");
    }
    let stderr = app(&HOURLY.replace("01:00:00", "every hour"))
        .start_fails()
        .stderr;
    assert!(
        stderr.contains("function_app.py: hourly.bindings[0].schedule: "),
        "{stderr}"
    );
    let wrong = HOURLY.replace("timer: func.TimerRequest", "timer: str");
    let host = app(&wrong).spawn();
    host.wait_for_log(
        "function 'hourly': parameter 'timer' is bound to a timertrigger: annotate it as func.TimerRequest, not str",
    );
    host.stop().assert_clean();
    let host = app(HOURLY).env("WEBSITE_TIME_ZONE", "Europe/Berln").spawn();
    host.wait_for_log("app setting WEBSITE_TIME_ZONE: \"Europe/Berln\" is not a known time zone (did you mean \"Europe/Berlin\"?)");
    host.stop().assert_clean();
}

#[test]
fn the_log_has_the_next_times_in_the_zone_of_the_schedule() {
    let code = r#"
@app.timer_trigger(schedule="0 30 4 1 1,7 *", arg_name="timer")
def rare(timer: func.TimerRequest) -> None: ...
"#;
    let host = app(code).env("TZ", "Europe/Berlin").arg("--verbose").spawn();
    let next = lines(
        &host,
        "function \"rare\": its schedule 0 30 4 1 1,7 * is next at ",
        1,
    );
    let winter = |line: &str| line.matches("-01-01T04:30:00+01:00").count();
    let summer = |line: &str| line.matches("-07-01T04:30:00+02:00").count();
    assert!(
        winter(&next[0]) + summer(&next[0]) == 1 && next[0].ends_with(" (Europe/Berlin)"),
        "{next:?}"
    );
    let times = lines(&host, "function \"rare\": its next times are ", 1);
    assert_eq!(winter(&times[0]) + summer(&times[0]), 5, "{times:?}");
    assert!(winter(&times[0]) >= 2 && summer(&times[0]) >= 2, "{times:?}");
    host.stop().assert_clean();
}
