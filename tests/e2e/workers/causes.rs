//! Workers that cannot start: the reason is the real one.

use std::fs;
use std::process::Command;

use funcdock_tests::{App, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::pid;

const HOST_JSON: &str = r#"{ "version": "2.0" }"#;

#[test]
fn an_import_that_hangs_is_shown_with_its_stack() {
    for (file, line) in [
        ("function_app.py", "import helper"),
        ("slow/__init__.py", "from .. import helper"),
    ] {
        let app = App::empty()
            .file("host.json", HOST_JSON)
            .file(
                "helper.py",
                "import time\n\n\ndef load_model():\n    time.sleep(1000)\n\n\nload_model()\n",
            )
            .file(file, &format!("{line}\n\n\ndef main(req):\n    pass\n"));
        let app = match file {
            "function_app.py" => app,
            _ => app.file(
                "slow/function.json",
                r#"{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"},
                                 {"type": "http", "direction": "out", "name": "$return"}]}"#,
            ),
        };
        // Long enough for the interpreter to begin the import on a busy machine.
        let stopped = app.arg("--start-timeout").arg("6").start_fails();
        for expected in ["was not ready after 6 s", "it was here:", "in load_model", file] {
            assert!(
                stopped.stderr.contains(expected),
                "{expected:?}\n{}",
                stopped.stderr
            );
        }
    }
}

#[test]
fn an_app_whose_folder_is_gone_is_named() {
    let host = App::case("gates").start();
    let worker = pid(&host, "/api/pid").expect("a process id");
    fs::remove_dir_all(host.app().path()).expect("removed");
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it runs");
    host.wait_for_log(&format!(
        "the app's folder {} does not exist any more",
        host.app().path().display()
    ));
}

#[test]
fn settings_that_do_not_fit_are_named() {
    let settings = format!(
        r#"{{ "Values": {{ "SMALL": "1", "LARGE": "{}" }} }}"#,
        "x".repeat(200_000)
    );
    let app = App::case("gates").file("local.settings.json", &settings);
    let stopped = app.start_fails();
    let expected = "LARGE of local.settings.json has 200000 bytes";
    assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_named() {
    for file in ["host.json", "local.settings.json", "pid/function.json"] {
        let app = App::case("gates");
        let path = app.path().join(file);
        let _ = fs::remove_file(&path);
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success(), "{made}");
        let host = app.spawn();
        let named = wait_for(|| {
            let stderr = host.stderr();
            (stderr.contains(file) && stderr.contains("a pipe")).then_some(())
        });
        assert!(named.is_some(), "{file}\n{}", host.output());
        assert!(!host.wait().status.success(), "{file}");
    }
}
