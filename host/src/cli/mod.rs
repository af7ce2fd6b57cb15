//! The command line: one file a subcommand, arguments in, exit code out.

mod access;
mod client;
mod completions;
mod extension;
mod init;
mod kubernetes;
mod listing;
mod local_settings;
mod logs;
mod man;
mod new;
mod new_files;
mod pack;
mod run;
mod settings;
mod start;
mod switch;
mod telemetry;
mod variables;
mod worker;

use std::fmt::Display;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, Parser, Subcommand};
use tempfile::TempDir;

use crate::launch::python;
use crate::logging::{self, Lines};

pub use worker::worker_config;

/// Runs Python function apps and docks worker extensions onto them.
#[derive(Debug, Parser)]
#[command(
    name = "funcdock",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Arguments),
    New(new::Arguments),
    Start(Box<start::Arguments>),
    Run(run::Arguments),
    Logs(logs::Arguments),
    Pack(pack::Arguments),
    Kubernetes(Box<kubernetes::Arguments>),
    #[command(hide = true)]
    Host(Host),
    Extension(extension::Arguments),
    Settings(local_settings::Arguments),
    Worker(worker::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// `func host start`, as tasks of editors have it: the same as `start`
#[derive(Debug, clap::Args)]
struct Host {
    #[command(subcommand)]
    command: HostCommand,
}

#[derive(Debug, Subcommand)]
enum HostCommand {
    Start(Box<start::Arguments>),
}

/// Runs the program with the arguments and environment of this process.
pub fn main() -> ExitCode {
    main_with(python::MODULE)
}

/// Runs the program of a custom build. Workers load the library of the crate `python_module`, which links Funcdock's
/// Python module and extensions.
pub fn main_with(python_module: &str) -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        let arguments: Vec<_> = std::env::args_os().collect();
        variables::named(error, &Cli::command(), &arguments).exit()
    });
    let result = match cli.command {
        Command::Init(arguments) => init::run(arguments),
        Command::New(arguments) => new::run(arguments),
        Command::Start(arguments)
        | Command::Host(Host {
            command: HostCommand::Start(arguments),
        }) => start::run(*arguments, python_module),
        Command::Run(arguments) => run::run(arguments, python_module),
        Command::Logs(arguments) => logs::run(arguments),
        Command::Pack(arguments) => pack::run(arguments),
        Command::Kubernetes(arguments) => kubernetes::run(*arguments, python_module),
        Command::Extension(arguments) => extension::run(arguments),
        Command::Settings(arguments) => local_settings::run(arguments),
        Command::Worker(arguments) => worker::run(&arguments, python_module),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(_) => man::run(),
    };
    let code = result.unwrap_or_else(|error| {
        print_failure(&error);
        ExitCode::FAILURE
    });
    logging::flush();
    code
}

/// Prints the error that ends the program to stderr.
fn print_failure(error: &anyhow::Error) {
    logging::print_error(&format_args!("error: {error}"));
    for cause in error.chain().skip(1) {
        logging::print_error(&format_args!("  caused by: {cause}"));
    }
}

/// Prints and flushes. Waits for the reader: a host that serves uses [`logging::print_unread`]. Ignores an error, such as
/// that of a closed stdout.
fn print(text: &dyn Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = write!(stdout, "{}", Lines(&text.to_string())).and_then(|()| stdout.flush());
}

/// Like [`print`], for text that other programs read: it has no control characters to escape.
fn print_for_programs(text: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text).and_then(|()| stdout.flush());
}

/// Returns a temporary folder that nobody else may enter.
fn private_folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("funcdock-run-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .context("cannot make a temporary folder")
}

/// Returns the path as a word of a command for a shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    #[test]
    fn paths_become_words_of_a_shell() {
        for (path, expected) in [
            ("shop", "shop"),
            ("/a/my shop", "'/a/my shop'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(super::shell_word(Path::new(path)), expected);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
