//! Hosts and workers that end while their log is followed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use funcdock_tests::{binary, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

use super::{Following, app, command, make};
use crate::cli::support::{Done, funcdock};

#[test]
fn the_last_lines_of_all_workers_come_before_the_end() {
    let host = app().start();
    let following = Following::of(&host, &[]);
    thread::scope(|scope| {
        for number in 0..6 {
            let host = &host;
            scope.spawn(move || {
                // Some on each worker.
                host.get(&format!("/api/talk?text=call-{number}&until=go"));
            });
        }
        for number in 0..6 {
            following.wait_for(&format!("warning of call-{number}"));
        }
        host.signal(Signal::SIGTERM);
        following.wait_for("stopping; a second signal stops at once");
        host.wait_until_refused();
        make(&host, "go");
    });
    host.wait().assert_clean();
    let (status, stdout, stderr) = following.ended();
    assert!(status.success(), "{stderr}");
    for number in 0..6 {
        assert!(stdout.contains(&format!("the end of call-{number}")), "{stdout}");
    }
}

#[test]
fn the_log_goes_on_when_a_worker_dies() {
    let host = app().start();
    let followings = [Following::of(&host, &[]), Following::of(&host, &[])];
    for old in host.workers() {
        kill(Pid::from_raw(old), Signal::SIGKILL).expect("a worker of the host");
        let replaced = wait_for(|| {
            let workers = host.workers();
            (workers.len() == 2 && !workers.contains(&old)).then_some(())
        });
        assert!(replaced.is_some(), "{}", host.output());
        for following in &followings {
            following.wait_for(&format!("(pid {old})"));
        }
    }
    host.get("/api/talk?text=afterwards");
    for following in &followings {
        following.wait_for("printed afterwards\n");
    }
    host.stop().assert_clean();
    for following in followings {
        let (status, stdout, stderr) = following.ended();
        assert!(status.success(), "{stderr}");
        assert_eq!(stderr, "");
        assert_eq!(
            stdout.matches("Worker process started").count(),
            1,
            "nothing comes twice"
        );
    }
}

#[test]
fn a_host_that_is_killed_breaks_the_connection() {
    let host = app().start();
    let following = Following::of(&host, &[]);
    let workers = host.workers();
    host.signal(Signal::SIGKILL);
    for worker in workers {
        // They end by themselves, too.
        let _ = kill(Pid::from_raw(worker), Signal::SIGKILL);
    }
    let (status, _, stderr) = following.ended();
    assert_eq!(status.code(), Some(1), "{stderr}");
    for expected in [
        "the log ends here",
        "no host answers at http://localhost:",
        "has broken",
    ] {
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn a_host_that_is_not_there_is_an_error_that_says_what_to_do() {
    let host = app().start();
    let port = host.address().rsplit(':').next().unwrap_or_default().to_owned();
    let app = host.stop().app;
    let mut asked = funcdock(["logs"]);
    asked.arg(app.path()).args(["--port", &port]);
    let done = Done::of(&mut asked);
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
    let expected =
        format!("error: no host answers at http://localhost:{port}: start it with funcdock start;");
    assert!(done.stderr.starts_with(&expected), "{}", done.stderr);
    assert!(done.stderr.contains("Connection refused"), "{}", done.stderr);
    for (arguments, expected) in [
        (&["--url", "unix:/none"][..], "no host answers at unix:/none: "),
        (&["--url", "localhost:1"], "expected http://HOST:PORT"),
        (&["--level", "loud"], "expected trace, debug, information"),
        (&["--lines=-1"], "invalid digit"),
    ] {
        let done = Done::of(funcdock(["logs"]).args(arguments).current_dir(Path::new("/")));
        assert_ne!(done.code, Some(0), "{arguments:?}");
        assert!(done.stderr.contains(expected), "{arguments:?}: {}", done.stderr);
    }
}

#[test]
fn a_host_that_cannot_keep_records_serves_and_says_so() {
    let folder = tempdir().expect("a folder");
    let program = folder.path().join("limited");
    let script = format!("#!/bin/sh\nulimit -f 400\nexec '{}' \"$@\"\n", binary().display());
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    let host = app().program(&program).start();
    assert_eq!(host.get("/api/talk?text=x").status, 200);
    host.wait_for_log(
        "funcdock logs has nothing to show: cannot make the memory for records: file too large",
    );
    let done = Done::of(&mut command(&host, &[]));
    assert!(
        done.stderr.contains("the host keeps no records"),
        "{}",
        done.output()
    );
    host.stop().assert_clean();
}

#[test]
fn who_reads_no_more_ends_it() {
    let host = app().start();
    let mut command = command(&host, &["-f"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    host.get("/api/talk?text=unread");
    let status = wait_for(|| {
        host.get("/api/talk?text=unread");
        child.try_wait().ok().flatten()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}
