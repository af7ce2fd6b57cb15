//! A library is read once: what is hashed is what is checked is what runs, whatever happens to the file.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use funcdock_tests::{App, binary, library, under_load};
use serde_json::{Value as Json, json};

use crate::extensions::support::{app, fixture_with, recording, records_of};

/// Makes a library of this C source in the app's folder; returns its path.
fn compile(app: &App, name: &str, source: &str, arguments: &[&str]) -> String {
    let path = app.path().join(name);
    fs::write(app.path().join("library.c"), source).expect("a file in the copy");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", name, "library.c"])
        .args(arguments)
        .current_dir(app.path())
        .output()
        .expect("a C compiler: the one that Rust links with");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path.to_string_lossy().into_owned()
}

/// Returns the digest of a file, as a user would find it.
fn sha256(file: &Path) -> String {
    let done = Command::new("sha256sum").arg(file).output().expect("coreutils");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.split_whitespace().next().expect("a digest").to_owned()
}

/// Returns an app with these extensions of a copy of the fixtures' library in its folder.
fn app_with_copy(extensions: &[(&str, Json)]) -> App {
    let extensions = extensions.iter().map(|(name, settings)| {
        let own = json!({ "library": "libcopied.so" });
        (*name, fixture_with(settings.clone(), own))
    });
    let app = app(&extensions.collect::<Vec<_>>());
    fs::copy(library("fixture-hooks"), app.path().join("libcopied.so")).expect("a file in the copy");
    app
}

#[test]
fn a_library_that_is_overwritten_kills_nothing() {
    let host = app_with_copy(&[
        ("record", recording("one")),
        ("record-function", recording("two")),
    ])
    .start();
    let worker = host.workers();
    let maps = fs::read_to_string(format!("/proc/{}/maps", worker[0])).expect("a worker of the host");
    let mapped: BTreeSet<&str> = maps
        .lines()
        .filter(|line| line.contains("memfd:libcopied.so"))
        .filter_map(|line| line.split_whitespace().nth(4))
        .collect();
    assert_eq!(mapped.len(), 1, "one copy for both extensions\n{maps}");

    // As `cp` does it: into the same file.
    fs::write(host.app().path().join("libcopied.so"), "overwritten").expect("a file in the copy");
    for _ in 0..3 {
        assert_eq!(host.get("/api/returns").text(), "returned");
    }
    assert_eq!(records_of(host.app(), "post_invocation").len(), 6);
    assert_eq!(host.workers(), worker, "the worker goes on");
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(
        records_of(&stopped.app, "shutdown").len() >= 2,
        "{}",
        stopped.stderr
    );
}

#[test]
fn a_pinned_library_cannot_be_exchanged_after_its_digest_was_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Without its debug information, which takes long to hash without optimisation.
    let good = folder.path().join("good.so");
    let stripped = Command::new("strip")
        .arg("-o")
        .arg(&good)
        .arg(library("fixture-hooks"))
        .status();
    assert!(stripped.expect("binutils, as Rust links with it").success());
    let pinned = json!({ "library": "flipped.so", "sha256": sha256(&good) });
    let app = app(&[("noop", pinned)]);
    let marker = app.path().join("evil");
    let source = format!(
        "#include <fcntl.h>\n__attribute__((constructor)) static void f(void) {{ open({:?}, O_CREAT, 0600); }}",
        marker.display().to_string()
    );
    let evil = compile(&app, "evil.so", &source, &[]);
    let flipped = app.path().join("flipped.so");
    let aside = app.path().join("aside.so");
    let point_to = |target: &Path| {
        let _ = fs::remove_file(&aside);
        symlink(target, &aside)
            .and_then(|()| fs::rename(&aside, &flipped))
            .expect("a link in the copy");
    };
    point_to(&good);
    let flip = || {
        point_to(Path::new(&evil));
        point_to(&good);
        // The others need the processor too.
        std::thread::sleep(std::time::Duration::from_micros(200));
    };
    let states: BTreeSet<String> = under_load(1, flip, || {
        let states = (0..15).map(|_| {
            let listed = Command::new(binary())
                .args(["extension", "list", "--json"])
                .arg(app.path())
                .output()
                .expect("the funcdock binary runs");
            let list: Json = serde_json::from_slice(&listed.stdout).expect("JSON");
            let docked = &list["docked"][0];
            let message = docked["message"].as_str().unwrap_or_default();
            assert!(
                message.is_empty() || message.contains("that host.json expects"),
                "{message}"
            );
            docked["state"].to_string()
        });
        states.collect()
    });
    assert!(!marker.exists(), "the evil library ran");
    assert!(states.contains("\"loaded\""), "{states:?}");
}

#[test]
fn a_library_may_bring_others_in_its_folder_unless_it_is_pinned() {
    let of = |config: Json| app(&[("recorder", config)]);
    let build = |app: &App| {
        compile(app, "libneeded.so", "int needed(void) { return 1; }", &[]);
        let source = "int needed(void); int f(void) { return needed(); }";
        compile(
            app,
            "needing.so",
            source,
            &["-L.", "-lneeded", "-Wl,-rpath,$ORIGIN"],
        )
    };
    let open = of(json!({ "library": "needing.so" }));
    build(&open);
    let stderr = open.start_fails().stderr;
    assert!(
        stderr.contains("is a dynamic library but not a Funcdock extension"),
        "it is loaded: {stderr}"
    );

    let probe = App::empty();
    let pin = sha256(Path::new(&build(&probe)));
    let pinned = of(json!({ "library": "needing.so", "sha256": pin }));
    build(&pinned);
    let needed = pinned.path().join("libneeded.so");
    let stderr = pinned.start_fails().stderr;
    let reason = format!(
        "its own folder, which sha256 does not cover: {}",
        needed.display()
    );
    assert!(stderr.contains(&reason), "{stderr}");
}

/// What ends or hangs a process cannot say so itself any more.
#[test]
fn code_that_does_not_let_the_worker_start_is_named() {
    let constructor = |body: &str| {
        format!("#include <stdlib.h>\n__attribute__((constructor)) static void f(void) {{ {body} }}")
    };
    for (body, expected) in [
        ("abort();", "was killed by signal 6 (SIGABRT) before it was ready"),
        (
            "*(volatile int *)0 = 1;",
            "was killed by signal 11 (SIGSEGV) before it was ready",
        ),
        ("exit(3);", "exited with status 3 before it was ready"),
        ("for (;;);", "was not ready after 2 s and was killed"),
    ] {
        let app = app(&[("broken", json!({ "library": "broken.so" }))]);
        let file = compile(&app, "broken.so", &constructor(body), &[]);
        let stopped = app.arg("--start-timeout").arg("2").start_fails();
        let expected = format!("{expected} while it loaded extension \"broken\" from {file}");
        assert!(
            stopped.stderr.contains(&expected),
            "{expected}\nis not in\n{}",
            stopped.stderr
        );
    }

    // The message is about the extension, and says how long.
    let slow = fixture_with(json!({ "init_ms": 60_000 }), json!({}));
    let slow = app(&[("block", slow)]).arg("--start-timeout").arg("1.5");
    let stderr = slow.start_fails().stderr;
    for text in [
        "extension \"block\": init has not ended after ",
        "worker 0 was not ready after 1.5 s and was killed while it called init of extension \"block\"\n",
        "next: report this to the extension's author, remove it from the app, or give it more time with --start-timeout",
    ] {
        assert!(stderr.contains(text), "{text}\n{stderr}");
    }
    assert!(!stderr.contains("it was here"), "{stderr}");

    let in_init = fixture_with(json!({ "way": "abort", "in_init": true }), json!({}));
    let stderr = app(&[("crash", in_init)]).start_fails().stderr;
    assert!(
        stderr.contains("(SIGABRT) before it was ready while it called init of extension \"crash\""),
        "{stderr}"
    );

    // What has loaded well is not accused.
    let app = app(&[("noop", fixture_with(json!({}), json!({})))]);
    let app = app.file("shared_code/calls.py", "import os\nos.abort()\n");
    let stderr = app.start_fails().stderr;
    assert!(stderr.contains("(SIGABRT) before it was ready\n"), "{stderr}");
}
