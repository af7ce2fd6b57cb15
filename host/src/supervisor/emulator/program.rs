//! Finds the program of the storage emulator.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::sys::is_executable;

const PROGRAM: &str = "azurite";

/// How long npx may take to say where it has the program.
const NPX: Duration = Duration::from_secs(10);

/// Returns the program: on PATH, or else what npx finds for the app in this folder without a download. Needs a tokio runtime
/// with I/O and time.
pub(super) async fn find(root: &Path) -> Option<PathBuf> {
    match on_path(PROGRAM) {
        Some(program) => Some(program),
        None => of_npx(root).await,
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

/// Returns the program that npx would run. Started by itself, and not by npx, it is a child of this process, and ends with
/// it.
async fn of_npx(root: &Path) -> Option<PathBuf> {
    let npx = on_path("npx")?;
    let mut command = Command::new(npx);
    command
        // It fails where it would ask whether to install the package, and asks no registry for a newer one.
        .args(["--no-install", "--offline", "--package", PROGRAM, "-c"])
        .arg(format!("command -v {PROGRAM}"))
        .env("npm_config_update_notifier", "false")
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(NPX, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let program = PathBuf::from(text.lines().next_back()?.trim());
    (output.status.success() && is_executable(&program)).then_some(program)
}
