//! `funcdock extension …`: lists, checks, creates and installs worker extensions, and writes their type stubs.

mod api;
mod check;
mod child;
mod entry;
mod install;
mod list;
mod new;
mod open;
mod outcome;
mod stubs;
mod table;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// List, check, create and install worker extensions
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Arguments),
    Check(check::Arguments),
    Install(install::Arguments),
    New(new::Arguments),
    Stubs(stubs::Arguments),
    /// Started by the others: reads a check from stdin and writes its events to stdout
    #[command(name = child::COMMAND, hide = true)]
    Child,
}

/// Runs the subcommand.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::List(arguments) => list::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Install(arguments) => install::run(arguments),
        Command::New(arguments) => new::run(arguments),
        Command::Stubs(arguments) => stubs::run(arguments),
        Command::Child => child::main(),
    }
}
