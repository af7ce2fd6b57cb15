//! `funcdock completions`: prints completions for a shell.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, print_for_programs};

const INSTALL: &str = "\
Install them, then open a new shell:
  bash   funcdock completions bash > ~/.local/share/bash-completion/completions/funcdock
  zsh    funcdock completions zsh > ~/.zfunc/_funcdock, with this before compinit in ~/.zshrc: fpath+=~/.zfunc
  fish   funcdock completions fish > ~/.config/fish/completions/funcdock.fish

Make the folder first if there is none. bash needs the package bash-completion.";

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the completions.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "funcdock", &mut script);
    print_for_programs(&script);
    Ok(ExitCode::SUCCESS)
}
