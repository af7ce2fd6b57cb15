//! `funcdock pack`: what is in a package, that it is served as it is, and what is refused.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, python, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::cli::made::{refused, run};
use crate::cli::support::{Done, funcdock};

const CODE: &str = "import azure.functions as func, colorama\n\napp = func.FunctionApp()\n\n\
                    @app.route(route=\"where\", auth_level=\"anonymous\")\n\
                    def where(req: func.HttpRequest) -> str:\n    return func.__file__ + \" \" + colorama.__file__\n";

/// Makes the folder `shop` of an app with these requirements, beside which packages are made.
fn shop(requirements: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| write(&folder.path().join("shop").join(path), text);
    write("host.json", "{\"version\": \"2.0\"}");
    write("function_app.py", CODE);
    if let Some(requirements) = requirements {
        write("requirements.txt", requirements);
    }
    folder
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Returns the paths of the files in a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().expect("UTF-8");
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.insert(name);
        }
    }
    found
}

/// Unpacks a zip file into the folder that `funcdock pack` proposes.
fn unpack(folder: &Path, packed: &Done) -> PathBuf {
    let next = "\nWhere it is served:\n\n  unzip -q shop.zip -d shop-packed && funcdock start shop-packed\n";
    assert!(packed.stdout.ends_with(next), "{}", packed.output());
    // Not every machine has unzip.
    let done = Done::of(
        Command::new(python::without_packages())
            .args(["-m", "zipfile", "-e", "shop.zip", "shop-packed"])
            .current_dir(folder),
    );
    assert_eq!(done.code, Some(0), "{}", done.output());
    folder.join("shop-packed")
}

#[test]
fn a_package_is_served_as_it_is_by_a_python_without_packages() {
    // Another package in the folder of azure-functions, which it is to be added to.
    let folder = shop(Some("azure-core\ncolorama==0.4.6\n"));
    let python = python::without_packages();
    let packed = run(folder.path(), &format!("pack shop --python {}", python.display()));
    assert!(
        packed.stdout.starts_with(&format!(
            "Made shop.zip: 3 files of the app, and its packages for CPython {} on ",
            python::version()
        )),
        "{}",
        packed.output()
    );
    let unpacked = unpack(folder.path(), &packed);
    let there = files(&unpacked);
    let app: Vec<_> = there
        .iter()
        .filter(|file| !file.starts_with(".python_packages/"))
        .collect();
    assert_eq!(app, ["function_app.py", "host.json", "requirements.txt"]);
    assert!(
        !there.iter().any(|file| file.contains("/bin/")),
        "commands would name a Python that is gone: {there:?}"
    );

    let host = App::copy_of(&unpacked).python(&python).start();
    let answer = host.get("/api/where").text();
    assert_eq!(
        answer.matches(".python_packages/lib/site-packages/").count(),
        2,
        "{answer}"
    );
    assert!(!host.app().path().join(".venv").exists(), "nothing is installed");
    host.stop().assert_clean();
}

#[test]
fn funcignore_and_what_is_never_in_a_package_are_left_out() {
    let folder = shop(None);
    let shop = folder.path().join("shop");
    for file in [
        ".env",
        ".env.example",
        ".extensions/libx.so",
        ".git/config",
        ".funcdock/keys.json",
        ".funcignore",
        ".gitignore",
        "__pycache__/function_app.pyc",
        "data/ignored-by-git.csv",
        "data/local.settings.json",
        "env/pyvenv.cfg",
        "env/bin/python",
        "local.settings.json",
        "nested/__pycache__/x.pyc",
        "nested/x.py",
        "tests/test_x.py",
        ".python_packages/lib/site-packages/own.py",
    ] {
        write(&shop.join(file), "{}");
    }
    write(&shop.join(".funcignore"), "tests/\n.git*\n*.txt\n!keep.txt\n");
    write(&shop.join(".gitignore"), "data/*.csv\n");
    write(&shop.join("keep.txt"), "");
    write(&shop.join("drop.txt"), "");
    write(&folder.path().join("outside/shared.py"), "");
    for (target, link) in [
        ("nested/x.py", "link.py"),
        ("local.settings.json", "settings.json"),
        (".funcdock", "state"),
        ("../outside", "outside"),
    ] {
        symlink(target, shop.join(link)).expect("a link");
    }
    // In the app itself: it must not contain itself.
    let packed = run(&shop, "pack --output out/made");
    assert!(
        packed.stdout.contains("\nlocal.settings.json is not in it"),
        "{}",
        packed.output()
    );
    assert!(
        packed.stdout.ends_with("\n  funcdock start out/made\n"),
        "{}",
        packed.output()
    );
    let expected = [
        ".env.example",
        ".extensions/libx.so",
        ".funcignore",
        ".python_packages/lib/site-packages/own.py",
        "data/ignored-by-git.csv",
        "data/local.settings.json",
        "function_app.py",
        "host.json",
        "keep.txt",
        "link.py",
        "nested/x.py",
        "outside/shared.py",
    ];
    let warning = "WARN funcdock::cli::pack: outside leads out of the app: what is at ";
    assert_eq!(packed.stderr.matches(warning).count(), 1, "{}", packed.output());
    assert_eq!(files(&shop.join("out/made")), expected.map(str::to_owned).into());
    let link = fs::symlink_metadata(shop.join("out/made/link.py")).expect("a file");
    assert!(link.is_file(), "what a link leads to is copied");
}

#[test]
fn a_zip_file_is_not_served() {
    let folder = shop(None);
    run(folder.path(), "pack shop");
    refused(
        folder.path(),
        "start shop.zip",
        "error: cannot open the app's folder shop.zip: it is a file; unpack it first: unzip -q shop.zip -d FOLDER",
    );
}

#[test]
fn names_are_words_of_a_shell() {
    let folder = shop(None);
    fs::rename(folder.path().join("shop"), folder.path().join("my shop")).expect("renamed");
    let pack = |arguments: &[&str]| {
        let words = ["pack", "my shop"].iter().chain(arguments);
        let packed = Done::of(funcdock(words).current_dir(folder.path()));
        assert_eq!(packed.code, Some(0), "{}", packed.output());
        packed.stdout
    };
    let next = "unzip -q 'my shop.zip' -d 'my shop'-packed && funcdock start 'my shop'-packed\n";
    let printed = pack(&[]);
    assert!(printed.ends_with(next), "{printed}");
    let printed = pack(&["-o", "OTHER.ZIP"]);
    let next = "unzip -q OTHER.ZIP -d OTHER-packed && funcdock start OTHER-packed\n";
    assert!(printed.ends_with(next), "{printed}");
    symlink(".", folder.path().join("here")).expect("a link");
    run(&folder.path().join("my shop"), "pack -o ../here/within.zip");
    run(
        &folder.path().join("my shop"),
        "pack -o ./../here/within.zip --force",
    );
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let printed = pack(&["-o", "empty"]);
    assert!(printed.ends_with("\n  funcdock start empty\n"), "{printed}");
}

#[test]
fn the_same_app_makes_the_same_bytes() {
    let folder = shop(Some("azure-functions\n"));
    run(folder.path(), "pack shop");
    run(folder.path(), "pack shop -o again.zip");
    let read = |name: &str| fs::read(folder.path().join(name)).expect("a file");
    assert_eq!(read("shop.zip"), read("again.zip"));
    write(&folder.path().join("shop/more.py"), "");
    refused(
        folder.path(),
        "pack shop",
        "shop.zip exists already: overwrite it with --force",
    );
    run(folder.path(), "pack shop --force");
    assert_ne!(read("shop.zip"), read("again.zip"));
}

#[test]
fn what_cannot_be_packed_is_refused_and_leaves_nothing() {
    let folder = shop(None);
    let shop = folder.path().join("shop");
    refused(folder.path(), "pack", "no host.json in ");
    refused(folder.path(), "pack shop -o shop", "a folder is made anew only");
    fs::create_dir(folder.path().join("made.zip")).expect("a folder");
    refused(folder.path(), "pack shop -o made.zip", "made.zip is a folder");
    write(&shop.join(".funcignore"), "*.json\n");
    refused(folder.path(), "pack shop", ".funcignore leaves host.json out");
    fs::remove_file(shop.join(".funcignore")).expect("a file");
    write(&shop.join("requirements.txt"), "./no-such-package\n");
    refused(
        folder.path(),
        "pack shop",
        "the app's requirements cannot be installed",
    );
    refused(folder.path(), "pack shop", "no-such-package");
    refused(
        folder.path(),
        "pack shop --python python0.1",
        "there is no python0.1 in PATH",
    );
    assert_eq!(files(folder.path()).len(), 3, "{:?}", files(folder.path()));
    symlink("gone", shop.join("broken")).expect("a link");
    let done = Done::of(funcdock(["pack", "shop"]).current_dir(folder.path()));
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(done.stderr.contains("shop/broken"), "{}", done.output());
}

#[test]
fn settings_of_pip_count_unless_the_environment_has_them() {
    let folder = shop(Some("colorama\n"));
    let settings = r#"{"Values": {"PIP_INDEX_URL": "http://127.0.0.1:9/of-the-file"}}"#;
    write(&folder.path().join("shop/local.settings.json"), settings);
    let pack = |index: Option<&str>| {
        let mut command = funcdock(["pack", "shop"]);
        command.current_dir(folder.path()).env("PIP_RETRIES", "0");
        // Others of the machine may have the package.
        for name in ["PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL"] {
            command.env_remove(name);
        }
        Done::of(command.envs(index.map(|index| ("PIP_INDEX_URL", index))))
    };
    for (index, asked) in [
        (None, "Looking in indexes: http://127.0.0.1:9/of-the-file"),
        (
            Some("http://127.0.0.1:9/of-the-environment"),
            "Looking in indexes: http://127.0.0.1:9/of-the-environment",
        ),
    ] {
        let done = pack(index);
        assert_eq!(done.code, Some(1), "{}", done.output());
        assert!(done.stderr.contains(asked), "expected {asked}\n{}", done.output());
    }
}

#[test]
fn an_interrupted_pack_leaves_nothing() {
    let folder = shop(Some("./slow\n"));
    // A package whose installation lasts longer than the test.
    let setup = "import pathlib, time\npathlib.Path('installing').touch()\ntime.sleep(60)\n";
    write(&folder.path().join("shop/slow/setup.py"), setup);
    let mut command = funcdock(["pack", "shop"]);
    let mut packing = command.current_dir(folder.path()).spawn().expect("it starts");
    let begun = wait_for(|| folder.path().join("shop/slow/installing").exists().then_some(()));
    assert!(begun.is_some(), "pip does not begin");
    assert!(made_in(folder.path()), "it makes a folder beside what it makes");
    let pid = i32::try_from(packing.id()).expect("a valid pid");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("it runs");
    let ended = wait_for(|| packing.try_wait().expect("it is a child"));
    assert_eq!(ended.and_then(|ended| ended.code()), Some(1));
    assert!(!made_in(folder.path()), "it is removed");
    assert!(!folder.path().join("shop.zip").exists());
}

/// Whether there is a folder of an unfinished package.
fn made_in(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with(".funcdock-pack-"))
}

#[test]
fn packages_for_another_python_are_named_in_a_warning() {
    let code = CODE
        .replace(", colorama", "")
        .replace(" + \" \" + colorama.__file__", "");
    let app = || App::without_functions().file("function_app.py", &code);
    let host = app()
        .file(".python_packages/compiled-for", "3.8")
        .arg("--workers=2")
        .start();
    let warning = format!(
        "the app is packed for Python 3.8, and this is Python {}, which cannot import its compiled packages: start with \
         --python python3.8, or pack the app with --python python{}",
        python::version(),
        python::version()
    );
    assert_eq!(host.stderr().matches(&warning).count(), 1, "{}", host.output());
    host.stop();
    let host = app()
        .file(".python_packages/compiled-for", python::version())
        .start();
    host.stop().assert_clean();
}
