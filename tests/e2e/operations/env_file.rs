//! `--env-file`.

use std::fs;

use funcdock_tests::{App, Host};
use nix::sys::signal::Signal;
use tempfile::tempdir;

const SHOW: &str = "\
import os


def main(req):
    return \" \".join(os.environ.get(name, \"-\") for name in (\"SET\", \"BOTH\", \"FILE\", \"VALUE\"))
";

const SETTINGS: &str =
    r#"{ "Values": { "SET": "value", "BOTH": "value", "FILE": "value", "VALUE": "value" } }"#;

fn show() -> App {
    App::without_functions()
        .function("show", SHOW)
        .file("local.settings.json", SETTINGS)
}

fn shown(host: &Host) -> String {
    host.get("/api/show").text().to_owned()
}

#[test]
fn variables_count_below_the_environment_and_above_the_apps_settings() {
    let folder = tempdir().expect("a folder");
    let [first, second] = ["a.env", "b.env"].map(|name| folder.path().join(name));
    fs::write(&first, "SET=first\nBOTH=first\nFILE=first # the only one\n").expect("written");
    fs::write(
        &second,
        "SET=second\nBOTH='second'\nFUNCTIONS_WORKER_PROCESS_COUNT=2\nFUNCDOCK_LOG_FORMAT=json\n",
    )
    .expect("written");
    let joined = format!("{}:{}", first.display(), second.display());
    for app in [
        show()
            .arg("--env-file")
            .arg(&first)
            .arg("--env-file")
            .arg(&second),
        show().env("FUNCDOCK_ENV_FILE", joined),
    ] {
        let host = app.env("SET", "environment").start();
        assert_eq!(shown(&host), "environment second first value");
        // The process id is the same: these are its workers.
        assert_eq!(host.workers().len(), 2, "{}", host.output());
        // The files are not read again.
        fs::write(&first, "FILE=changed\n").expect("written");
        host.signal(Signal::SIGHUP);
        host.wait_for_log("all workers serve the app as it is now");
        assert_eq!(shown(&host), "environment second first value");
        let stopped = host.stop();
        stopped.assert_clean();
        assert!(
            stopped.stderr.lines().all(|line| line.starts_with('{')),
            "{}",
            stopped.stderr
        );
        fs::write(&first, "SET=first\nBOTH=first\nFILE=first\n").expect("written");
    }
}

#[test]
fn a_host_that_another_one_starts_reads_its_own_files() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.env");
    fs::write(&file, "FILE=file\n").expect("written");
    // As a function's own host would inherit it.
    let host = show()
        .env("FUNCDOCK_ENV_FILE_READ_BY", "1")
        .arg("--env-file")
        .arg(&file)
        .start();
    assert_eq!(shown(&host), "value value file value");
    host.stop().assert_clean();
}

#[test]
fn errors_name_the_file_and_the_line() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.env");
    fs::write(&file, "A=1\nsecret word\n").expect("written");
    let place = format!("{} of --env-file, line 2: expected NAME=value", file.display());
    let none = folder.path().join("none.env");
    let missing = format!("cannot read {} of --env-file", none.display());
    for (path, expected) in [(&file, &place), (&none, &missing)] {
        let stopped = show().arg("--env-file").arg(path).start_fails();
        let log = &stopped.stderr;
        assert!(!stopped.status.success() && log.contains(expected), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }
    // An option's own error names the variable's option, as ever.
    fs::write(&file, "FUNCDOCK_PORT=none\n").expect("written");
    let stopped = show().bare().arg("--env-file").arg(&file).start_fails();
    assert!(stopped.stderr.contains("FUNCDOCK_PORT"), "{}", stopped.stderr);
}
