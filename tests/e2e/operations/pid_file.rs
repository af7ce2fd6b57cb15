//! `--pid-file`.

use std::fs;

use funcdock_tests::App;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

#[test]
fn it_names_the_host_until_the_host_has_ended() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("shop.pid");
    // Stale: Linux has no such process.
    fs::write(&path, "4194305\n").expect("written");
    let host = App::case("gates").env("FUNCDOCK_PID_FILE", &path).start();
    let read = || fs::read_to_string(&path).expect("it is there");
    assert_eq!(read(), format!("{}\n", host.pid()));
    let pid = read().trim().parse().expect("a number");
    kill(Pid::from_raw(pid), Signal::SIGHUP).expect("the host");
    host.wait_for_log("all workers serve the app as it is now");
    assert_eq!(read(), format!("{}\n", host.pid()));
    host.stop().assert_clean();
    assert!(!path.exists());
}

#[test]
fn one_of_another_host_is_left_alone() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("shop.pid");
    let first = App::case("gates").arg("--pid-file").arg(&path).start();
    let second = App::case("gates").arg("--pid-file").arg(&path).start_fails();
    let expected = format!("names process {}, which runs", first.pid());
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
    assert_eq!(
        fs::read_to_string(&path).expect("it is there"),
        format!("{}\n", first.pid())
    );
    // Killed, it leaves the file, which the next host replaces.
    first.signal(Signal::SIGKILL);
    assert!(!first.wait().status.success());
    assert!(path.exists());
    App::case("gates")
        .arg("--pid-file")
        .arg(&path)
        .start()
        .stop()
        .assert_clean();
    assert!(!path.exists());
}

#[test]
fn one_that_cannot_be_written_is_named_and_none_is_left_after_a_failed_start() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("none/shop.pid");
    let stopped = App::case("gates").arg("--pid-file").arg(&path).start_fails();
    let expected = format!("cannot write the pid file {}", path.display());
    let log = &stopped.stderr;
    assert!(log.contains(&expected) && log.contains("No such file"), "{log}");

    let path = folder.path().join("shop.pid");
    let app = App::without_functions().file("function_app.py", "raise SystemExit(3)\n");
    let stopped = app.arg("--strict").arg("--pid-file").arg(&path).start_fails();
    assert!(!stopped.status.success() && !path.exists(), "{}", stopped.stderr);
}
