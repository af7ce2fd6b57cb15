//! The CPythons on this machine, each with `azure-functions` in an environment under `target/`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};

use crate::repository;

/// The versions that Funcdock supports.
pub const SUPPORTED: [&str; 5] = ["3.9", "3.10", "3.11", "3.12", "3.13"];

/// An interpreter for apps: the first of [`SUPPORTED`], from the newest, that is on this machine.
pub fn any() -> PathBuf {
    let mut newest_first = SUPPORTED.iter().rev();
    newest_first.find_map(|version| with_packages(version)).expect(
        "no CPython 3.9 to 3.13 found: install one (with its venv module), or put it on PATH as python3.x",
    )
}

/// An interpreter of this version with the packages that apps need; `None` where the machine has none.
pub fn with_packages(version: &str) -> Option<PathBuf> {
    let interpreter = find(version)?;
    let folder = repository().join("target/test-venvs");
    std::fs::create_dir_all(&folder).expect("target/ is writable");
    // Tests run side by side; one makes the environment.
    let lock = File::create(folder.join(format!("{version}.lock"))).expect("target/ is writable");
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).expect("a lock on a file of our own");
    let environment = folder.join(version);
    let python = environment.join("bin/python");
    let made = environment.join("made");
    if !made.exists() {
        run(Command::new(interpreter)
            .args(["-m", "venv", "--clear"])
            .arg(&environment));
        run(Command::new(&python).args(["-m", "pip", "install", "-q", "azure-functions"]));
        File::create(made).expect("target/ is writable");
    }
    Some(python)
}

/// `python3.x` on PATH, or under pyenv.
fn find(version: &str) -> Option<PathBuf> {
    let name = format!("python{version}");
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let under_pyenv = pyenv
        .into_iter()
        .flat_map(|root| std::fs::read_dir(root.join("versions")).into_iter().flatten());
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
