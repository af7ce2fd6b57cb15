//! Apps to serve: copies of app folders.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::functions_host::FunctionsHost;
use crate::host::{Host, Stopped};
use crate::{binary, python, repository};

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The output on stderr.
    pub stderr: String,
}

/// An app to serve: a copy of `tests/apps/<case>` in a temporary folder, and the options of its host.
#[derive(Debug)]
pub struct App {
    folder: TempDir,
    /// `None`: the host chooses the interpreter.
    python: Option<PathBuf>,
    program: Option<PathBuf>,
    /// The words after the program, if it is called as `func` in the app's folder.
    as_func: Option<Vec<String>>,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    log: Option<PathBuf>,
    stdout: Option<PathBuf>,
}

impl App {
    /// Copies `tests/apps/<case>`.
    pub fn case(case: &str) -> Self {
        App::copy_of(&repository().join("tests/apps").join(case))
    }

    /// Copies any app.
    pub fn copy_of(folder: &Path) -> Self {
        let app = App::empty();
        copy(folder, app.folder.path());
        app
    }

    /// Makes an app without files.
    pub fn empty() -> Self {
        App {
            folder: TempDir::with_prefix("funcdock-").expect("a temporary folder"),
            python: Some(python::any()),
            program: None,
            as_func: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            log: None,
            stdout: None,
        }
    }

    /// The copy's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the copy.
    pub fn file(self, path: &str, content: &str) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder in the copy");
        fs::write(&path, content).expect("a file in the copy");
        self
    }

    /// Adds a function in a folder of this name, which answers any request to `/api/<name>`.
    pub fn function(self, name: &str, code: &str) -> Self {
        let bindings = r#"{ "bindings": [
            { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
            { "type": "http", "direction": "out", "name": "$return" } ] }"#;
        let app = self.file(&format!("{name}/function.json"), bindings);
        app.file(&format!("{name}/__init__.py"), code)
    }

    /// Makes an app without functions.
    pub fn without_functions() -> Self {
        App::empty().file("host.json", r#"{ "version": "2.0" }"#)
    }

    /// Sets an environment variable of the host.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument to `funcdock start`.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sends the log to this existing file instead of to the test.
    pub fn log_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Sends stdout to this existing file. The host is then to be started with [`spawn`](App::spawn).
    pub fn stdout_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdout = Some(path.into());
        self
    }

    /// Runs on this interpreter.
    pub fn python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = Some(python.into());
        self
    }

    /// Runs this program instead of `funcdock`.
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Runs a program `func` that is ours, as editors do: with these words, in the app's folder. It is made in `folder`.
    pub fn as_func(mut self, folder: &Path, words: Vec<String>) -> Self {
        let func = folder.join("func");
        std::os::unix::fs::symlink(binary(), &func).expect("a link in a folder of our own");
        self.as_func = Some(words);
        self.program(func)
    }

    /// Sets neither port nor interpreter: the app, [`arg`](App::arg) and [`env`](App::env) do.
    pub fn bare(mut self) -> Self {
        self.python = None;
        self
    }

    /// Starts the host at a free port and waits until it is ready. Panics with its output when it exits instead.
    pub fn start(self) -> Host {
        let child = self.command().spawn().expect("the funcdock binary runs");
        Host::ready(child, self)
    }

    /// Starts the host without waiting: [`Host::url`] is empty.
    pub fn spawn(self) -> Host {
        let child = self.command().spawn().expect("the funcdock binary runs");
        Host::new(child, self)
    }

    /// Starts the host, which must fail, and waits until it exits.
    pub fn start_fails(self) -> Stopped {
        self.spawn().wait()
    }

    /// Starts a worker of the app under a mock of Microsoft's Functions host, and waits until it has presented itself.
    pub fn under_functions_host(self) -> FunctionsHost {
        FunctionsHost::start(self)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program.clone().unwrap_or_else(binary));
        match &self.as_func {
            Some(words) => command.args(words).current_dir(self.path()),
            None => command.arg("start").arg(self.path()),
        };
        if let Some(python) = &self.python {
            command.args(["--port", "0", "--python"]).arg(python);
        }
        self.finish(command)
    }

    /// Runs a worker with these arguments of the Functions host to its end.
    pub fn run_worker(&self, arguments: &[String]) -> Ended {
        let output = self
            .worker_command(arguments)
            .output()
            .expect("the funcdock binary runs");
        Ended {
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The command of a worker, to which the Functions host gives these arguments.
    pub(crate) fn worker_command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(self.program.clone().unwrap_or_else(binary));
        command.arg("worker").args(arguments).current_dir(self.path());
        if let Some(python) = &self.python {
            command.arg("--python").arg(python);
        }
        self.finish(command)
    }

    /// Adds what all commands have.
    fn finish(&self, mut command: Command) -> Command {
        command.args(&self.arguments);
        // The developer's own variables must not change the results of tests.
        let ours = |name: &str| {
            [
                "FUNCDOCK_",
                "FUNCTIONS_",
                "PYTHON",
                "APPLICATIONINSIGHTS_",
                "AZURE",
                "OTEL_",
                "VIRTUAL_ENV",
            ]
            .iter()
            .any(|p| name.starts_with(p))
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = |path: &Option<PathBuf>| match path {
            Some(path) => File::options()
                .write(true)
                .open(path)
                .expect("the file for the output")
                .into(),
            None => Stdio::piped(),
        };
        command
            .stdin(Stdio::null())
            .stdout(output(&self.stdout))
            .stderr(output(&self.log));
        command
    }
}

fn copy(from: &Path, to: &Path) {
    let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries.flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "__pycache__" || entry.file_name() == ".venv" {
            continue;
        }
        if from.is_dir() {
            fs::create_dir_all(&to).expect("a folder in the copy");
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file in the copy");
        }
    }
}
