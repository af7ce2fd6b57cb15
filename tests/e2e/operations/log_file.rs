//! `--log-file`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use funcdock_tests::{App, binary, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

/// A function that logs a numbered record, prints one to stderr, and prints `more` lines of 1 KiB there.
const TALK: &str = "\
import logging
import sys

printed = 0


def main(req):
    global printed
    logging.info(\"a record of the function\")
    print(\"printed by the function\", file=sys.stderr)
    for _ in range(int(req.params.get(\"more\", \"0\"))):
        printed += 1
        print(f\"line {printed} \" + \"x\" * 1000, file=sys.stderr)
    return \"done\"
";

fn talk(log: &Path) -> App {
    App::without_functions()
        .function("talk", TALK)
        .arg("--log-file")
        .arg(log)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Returns the numbers of the lines that the function has printed.
fn numbers(text: &str) -> Vec<usize> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("line "));
    lines
        .map(|line| {
            let (number, rest) = line.split_once(' ').expect("a whole line");
            assert_eq!(rest.len(), 1000, "a whole line");
            number.parse().expect("a number")
        })
        .collect()
}

#[test]
fn all_that_goes_to_stderr_goes_to_the_file_until_the_end() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("host.log");
    fs::write(&log, "of an earlier host\n").expect("written");
    let atexit = "\nimport atexit\n\natexit.register(lambda: print(\"the last word\", file=sys.stderr))\n";
    let host = talk(&log)
        .function("talk", &format!("{TALK}{atexit}"))
        .arg("--workers=2")
        .start();
    assert_eq!(host.get("/api/talk").status, 200);
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(stopped.stderr, "");
    let text = read(&log);
    for part in [
        "of an earlier host\n",
        "a record of the function invocation=",
        "\nprinted by the function\n",
        "stopping; a second signal stops at once\n",
    ] {
        assert_eq!(text.matches(part).count(), 1, "{part:?}\n{text}");
    }
    assert_eq!(
        text.matches("the last word\n").count(),
        2,
        "of two workers\n{text}"
    );
}

#[test]
fn it_is_rotated_by_size_between_lines() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("host.log");
    let host = talk(&log).arg("--log-file-size=1").arg("--log-files=2").start();
    assert_eq!(host.get("/api/talk?more=4500").status, 200);
    host.stop().assert_clean();
    let mut names: Vec<_> = fs::read_dir(folder.path()).expect("read").flatten().collect();
    names.sort_by_key(|entry| entry.file_name());
    let sizes: Vec<_> = names
        .iter()
        .map(|entry| entry.metadata().expect("it is there").len())
        .collect();
    assert_eq!(sizes.len(), 3, "{names:?}");
    for size in &sizes {
        assert!(*size <= 1 << 20, "{sizes:?}");
    }
    let text = ["host.log.2", "host.log.1", "host.log"]
        .map(|name| read(&folder.path().join(name)))
        .concat();
    let numbers = numbers(&text);
    let first = 4500 - numbers.len() + 1;
    assert_eq!(numbers, (first..=4500).collect::<Vec<_>>());
    assert!(numbers.len() > 2000, "{first}");
    assert!(text.contains("stopping; a second signal"), "the end");
}

#[test]
fn one_that_was_moved_away_is_made_again_with_and_without_a_signal() {
    let folder = tempdir().expect("a folder");
    let [log, first, second] = ["host.log", "first", "second"].map(|name| folder.path().join(name));
    let host = talk(&log).arg("--log-file-size=0").start();
    fs::rename(&log, &first).expect("moved");
    host.signal(Signal::SIGHUP);
    let reloaded = "all workers serve the app as it is now";
    assert!(
        wait_for(|| read(&log).contains(reloaded).then_some(())).is_some(),
        "{}",
        read(&first)
    );
    fs::rename(&log, &second).expect("moved");
    let again = wait_for(|| {
        assert_eq!(host.get("/api/talk").status, 200);
        read(&log).contains("printed by the function").then_some(())
    });
    assert!(again.is_some(), "{}", read(&second));
    host.stop().assert_clean();
    assert!(read(&log).contains("stopping;"), "{}", read(&log));
}

#[test]
fn a_file_that_cannot_be_written_stops_nothing_and_the_loss_is_reported() {
    let folder = tempdir().expect("a folder");
    let [log, old, program] = ["host.log", "old.log", "limited"].map(|name| folder.path().join(name));
    // No file may be larger than 200 or 400 KiB, by the shell's unit, which is as good as a full disk.
    let script = format!(
        "#!/bin/sh\ntrap '' XFSZ\nulimit -f 400\nexec '{}' \"$@\"\n",
        binary().display()
    );
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    let host = talk(&log).program(&program).start();
    assert_eq!(host.get("/api/talk?more=1000").status, 200);
    let full = wait_for(|| (read(&log).len() > 150_000).then_some(()));
    assert!(full.is_some(), "{}", read(&log).len());
    assert_eq!(host.get("/api/talk?more=1000").status, 200, "it serves");
    fs::rename(&log, &old).expect("moved");
    let all = || read(&old) + &read(&log);
    let back = wait_for(|| {
        assert_eq!(host.get("/api/talk").status, 200);
        let is_back = read(&log).contains("printed by the function");
        (is_back && all().contains("lines of the log were lost so far")).then_some(())
    });
    assert!(back.is_some(), "{}", all());
    host.stop().assert_clean();
    assert!(read(&old).ends_with('\n'), "no half line");
    let text = all();
    // Short lines may have had room meanwhile, so there may be several reports, each of all.
    let reports = text
        .lines()
        .filter_map(|line| line.split_once(" lines of the log were lost so far: "));
    let counts = reports.map(|(before, why)| {
        assert!(why.contains("could not be written: File too large"), "{why}");
        let count = before.rsplit(' ').next().expect("a word");
        count.parse::<usize>().expect("a number")
    });
    let (lost, written) = (counts.max().expect("a report"), numbers(&text).len());
    assert!(written > 100, "{written}");
    // All are written or counted, and so are the few others of these calls.
    let all = lost + written;
    assert!((2000..3000).contains(&all), "{lost} {written}");
}

#[test]
fn a_process_that_is_left_behind_does_not_hold_up_the_end() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("host.log");
    let leave = "\
import subprocess
from subprocess import DEVNULL


def main(req):
    return str(subprocess.Popen([\"sleep\", \"1000\"], stdin=DEVNULL, stdout=DEVNULL, start_new_session=True).pid)
";
    let host = talk(&log).function("leave", leave).start();
    let left: i32 = host.get("/api/leave").text().parse().expect("a process id");
    let begin = Instant::now();
    let stopped = host.stop();
    let took = begin.elapsed();
    let is_left = kill(Pid::from_raw(left), Signal::SIGKILL);
    stopped.assert_clean();
    assert!(is_left.is_ok(), "it holds stderr until here");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(read(&log).contains("stopping;"), "{}", read(&log));
}

#[test]
fn a_failed_start_is_in_the_file_and_on_stderr() {
    let folder = tempdir().expect("a folder");
    let log = folder.path().join("host.log");
    for format in ["text", "json"] {
        let app = talk(&log).env("FUNCDOCK_LOG_FORMAT", format).arg("--strict");
        let stopped = app
            .file("talk/__init__.py", "raise RuntimeError(\"broken\")\n")
            .start_fails();
        assert!(read(&log).contains("RuntimeError: broken"), "{}", read(&log));
        assert!(
            stopped.stderr.contains("RuntimeError: broken"),
            "{}",
            stopped.stderr
        );
        assert_eq!(
            stopped.stderr.starts_with('{'),
            format == "json",
            "{}",
            stopped.stderr
        );
        fs::remove_file(&log).expect("it is there");
    }
}

#[test]
fn a_path_that_cannot_be_a_log_is_named() {
    let folder = tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success(), "{made}");
    for (path, reason) in [
        (folder.path().join("none/host.log"), "No such file or directory"),
        (folder.path().to_owned(), "it is a folder, a pipe or a device"),
        (pipe, "it is a folder, a pipe or a device"),
    ] {
        let stopped = talk(&path).start_fails();
        let log = &stopped.stderr;
        let expected = format!("cannot write the log file {}", path.display());
        assert!(
            !stopped.status.success() && log.contains(&expected) && log.contains(reason),
            "{log}"
        );
    }
    let stopped = talk(Path::new("x")).arg("--log-file-size=big").start_fails();
    assert!(
        stopped.stderr.contains("expected a whole number of MiB"),
        "{}",
        stopped.stderr
    );
}
