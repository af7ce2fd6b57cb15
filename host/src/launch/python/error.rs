//! Why an app's Python could not be prepared: one variant a phase.

use std::io;
use std::path::PathBuf;

/// Why there is no Python to run workers with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A path cannot be made absolute.
    #[error("cannot find out where {} is", path.display())]
    Resolve {
        /// The path as given.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The Python module is not where it should be.
    #[error(
        "Funcdock's Python module is missing; looked for\n{}\n{advice}",
        list(searched)
    )]
    FindModule {
        /// Every file that was tried.
        searched: Vec<PathBuf>,
        /// What to do.
        advice: String,
    },
    /// There is no interpreter to run the app with.
    #[error("no Python to run the app with: {problem}")]
    FindPython {
        /// What is missing, and what to do.
        problem: String,
    },
    /// The app's environment cannot be made or changed on disk.
    #[error(
        "cannot prepare the app's Python environment at {}; make it yourself, or start with --no-install",
        path.display()
    )]
    Environment {
        /// The file or folder that failed.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The app's requirements cannot be installed.
    #[error(
        "the app's requirements cannot be installed: `{command}` {outcome}\n{output}\n\
         Correct requirements.txt and try again; `funcdock start --no-install` starts without"
    )]
    Install {
        /// The command line that failed.
        command: String,
        /// How it ended.
        outcome: String,
        /// What it printed, unless it was shown already.
        output: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let lines: Vec<_> = paths.iter().map(|path| format!("  {}", path.display())).collect();
    lines.join("\n")
}
