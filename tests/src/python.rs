//! The CPython versions on this machine, and environments made with them under `target/`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};

use crate::repository;

/// The versions that Funcdock supports.
pub const SUPPORTED: [&str; 5] = ["3.9", "3.10", "3.11", "3.12", "3.13"];

/// The version whose environment also has uvloop.
pub const WITH_UVLOOP: &str = "3.12";

/// Returns an interpreter of [`version()`] with the packages that apps need.
pub fn any() -> PathBuf {
    static ANY: OnceLock<PathBuf> = OnceLock::new();
    ANY.get_or_init(|| with_packages(version()).expect("that version is on this machine"))
        .clone()
}

/// Returns an interpreter of this version with the packages that apps need; `None` if the machine has none.
pub fn with_packages(version: &str) -> Option<PathBuf> {
    let packages: &[&str] = if version == WITH_UVLOOP {
        &["azure-functions", "uvloop"]
    } else {
        &["azure-functions"]
    };
    Some(environment(version, &interpreter(version)?, packages))
}

/// Returns the oldest and the newest supported version that this machine has, with the packages that apps need: for
/// what may differ between versions.
pub fn oldest_and_newest() -> Vec<(&'static str, PathBuf)> {
    found([SUPPORTED[0], SUPPORTED[SUPPORTED.len() - 1]], with_packages)
}

/// Like [`oldest_and_newest`], with these additional packages; `name` is part of the environments' names.
pub fn oldest_and_newest_with(name: &str, packages: &[&str]) -> Vec<(&'static str, PathBuf)> {
    found([SUPPORTED[0], SUPPORTED[SUPPORTED.len() - 1]], |version| {
        of_version_with(version, name, packages)
    })
}

/// Returns an interpreter of this version with these packages besides those that apps need; `None` if the machine has none.
pub fn of_version_with(version: &str, name: &str, packages: &[&str]) -> Option<PathBuf> {
    let packages = [&["azure-functions"], packages].concat();
    Some(environment(
        &format!("{version}-{name}"),
        &interpreter(version)?,
        &packages,
    ))
}

/// Returns an interpreter of [`version()`] with only these packages; `name` is the environment's name.
pub fn with(name: &str, packages: &[&str]) -> PathBuf {
    let interpreter = interpreter(version()).expect("that version is on this machine");
    environment(&format!("{}-{name}", version()), &interpreter, packages)
}

/// Returns an interpreter of the newest supported version that this machine has, with only these packages: for programs that
/// tests use. `name` is the environment's name.
pub fn newest_with(name: &str, packages: &[&str]) -> PathBuf {
    let mut newest_first = SUPPORTED.iter().rev();
    let (version, interpreter) = newest_first
        .find_map(|version| Some((version, interpreter(version)?)))
        .expect("CPython 3.9 to 3.13 is on this machine");
    environment(&format!("{version}-{name}"), &interpreter, packages)
}

fn found(
    versions: [&'static str; 2],
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Vec<(&'static str, PathBuf)> {
    let found: Vec<_> = versions
        .into_iter()
        .filter_map(|version| Some((version, find(version)?)))
        .collect();
    assert!(!found.is_empty(), "this machine has none of CPython {versions:?}");
    found
}

/// Returns an interpreter of [`version()`] without packages.
pub fn without_packages() -> PathBuf {
    let interpreter = interpreter(version()).expect("that version is on this machine");
    environment(&format!("{}-without-packages", version()), &interpreter, &[])
}

/// Returns an interpreter of [`version()`] with maturin, which makes wheels of Rust crates.
pub fn with_maturin() -> PathBuf {
    let interpreter = interpreter(version()).expect("that version is on this machine");
    environment(
        &format!("{}-maturin", version()),
        &interpreter,
        &["maturin>=1.9,<2", "cffi"],
    )
}

/// Makes a new environment in `folder` that imports the packages of [`any()`] from there. Returns its own folder of
/// packages, which is empty.
pub fn new_environment(folder: &Path) -> PathBuf {
    run(Command::new(any())
        .args(["-m", "venv", "--without-pip"])
        .arg(folder));
    let packages = |environment: &Path| {
        let versions = fs::read_dir(environment.join("lib")).expect("a folder of the environment");
        let version = versions.flatten().next().expect("lib/python3.x");
        version.path().join("site-packages")
    };
    let shared = any();
    let shared = shared.parent().and_then(Path::parent).expect("bin/python");
    let own = packages(folder);
    fs::write(own.join("shared.pth"), packages(shared).display().to_string()).expect("a file of our own");
    own
}

/// The variable that names the version to test with; the newest by default.
const VERSION: &str = "FUNCDOCK_TEST_PYTHON";

/// Returns the version that tests run on by default: the one in `FUNCDOCK_TEST_PYTHON`, or else the newest of
/// [`SUPPORTED`] on this machine.
pub fn version() -> &'static str {
    static CHOSEN: OnceLock<&str> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        if let Ok(wanted) = std::env::var(VERSION) {
            let known = SUPPORTED.iter().find(|version| **version == wanted);
            return known.unwrap_or_else(|| panic!("{VERSION} is {wanted:?}; expected one of {SUPPORTED:?}"));
        }
        let mut newest_first = SUPPORTED.iter().rev();
        newest_first.find(|version| interpreter(version).is_some()).expect(
            "no CPython 3.9 to 3.13 found: install one (with its venv module), or put it on PATH as python3.x",
        )
    })
}

/// Returns the interpreter of the environment with this name under `target/`. Makes the environment if it is missing or
/// has other packages.
fn environment(name: &str, interpreter: &Path, packages: &[&str]) -> PathBuf {
    let folder = repository().join("target/test-venvs");
    fs::create_dir_all(&folder).expect("target/ is writable");
    // Tests run concurrently; one of them makes the environment.
    let lock = File::create(folder.join(format!("{name}.lock"))).expect("target/ is writable");
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).expect("a lock on a file of our own");
    let environment = folder.join(name);
    let python = environment.join("bin/python");
    let (made, wanted) = (environment.join("made"), packages.join(" "));
    if fs::read_to_string(&made).ok().as_ref() != Some(&wanted) {
        match std::env::var_os(UV) {
            Some(uv) => make_by_uv(&uv, &environment, interpreter, packages),
            None => make_by_pip(&environment, interpreter, packages),
        }
        fs::write(made, wanted).expect("target/ is writable");
    }
    python
}

/// Names uv, which makes environments in a fraction of the time. It is not looked for in the path, where hosts would find it,
/// too.
const UV: &str = "FUNCDOCK_TEST_UV";

/// Like [`make_by_pip`], with pip in the environment and compiled packages, as pip leaves them.
fn make_by_uv(uv: &OsStr, environment: &Path, interpreter: &Path, packages: &[&str]) {
    let mut venv = Command::new(uv);
    venv.args(["venv", "--quiet", "--clear", "--no-project", "--python"])
        .args([interpreter, environment]);
    if packages.is_empty() {
        return run(&mut venv);
    }
    run(venv.arg("--seed"));
    run(Command::new(uv)
        .args(["pip", "install", "--quiet", "--compile-bytecode", "--python"])
        .arg(environment)
        .args(packages));
}

fn make_by_pip(environment: &Path, interpreter: &Path, packages: &[&str]) {
    let mut venv = Command::new(interpreter);
    venv.args(["-m", "venv", "--clear"]).arg(environment);
    if packages.is_empty() {
        return run(venv.arg("--without-pip"));
    }
    run(&mut venv);
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "-q"])
        .args(packages));
}

/// Returns `python3.x` from PATH or pyenv, as it was installed: without packages.
pub fn interpreter(version: &str) -> Option<PathBuf> {
    let name = format!("python{version}");
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let under_pyenv = pyenv
        .into_iter()
        .flat_map(|root| fs::read_dir(root.join("versions")).into_iter().flatten());
    let mut candidates: Vec<PathBuf> = under_pyenv
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with(&format!("{version}."))
        })
        .map(|entry| entry.path().join("bin").join(&name))
        .collect();
    candidates.push(PathBuf::from(name));
    candidates.into_iter().find(|python| {
        let probe = Command::new(python)
            .args([
                "-c",
                &format!("import sys, venv; assert sys.version.startswith('{version}.')"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        probe.is_ok_and(|status| status.success())
    })
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
