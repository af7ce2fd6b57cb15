//! `funcdock man`: prints the man page, with a section for each subcommand.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, print_for_programs};

const INSTALL: &str = "\
Install it:
  mkdir -p ~/.local/share/man/man1
  funcdock man > ~/.local/share/man/man1/funcdock.1

Read it once: funcdock man | man -l -";

/// Print the man page
#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL)]
pub(super) struct Arguments {}

/// Prints the page.
pub(super) fn run() -> Result<ExitCode> {
    print_for_programs(&page()?);
    Ok(ExitCode::SUCCESS)
}

fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for (title, subcommand) in subcommands(&command, "funcdock") {
        add(&mut page, &title, subcommand)?;
    }
    Ok(page)
}

/// Returns the subcommands that do something, at every level, with the words that run them.
fn subcommands(command: &Command, words: &str) -> Vec<(String, Command)> {
    let mut found = Vec::new();
    for subcommand in command.get_subcommands() {
        if subcommand.is_hide_set() || subcommand.get_name() == "help" {
            continue;
        }
        let words = format!("{words} {}", subcommand.get_name());
        let below = subcommands(subcommand, &words);
        if below.is_empty() {
            found.push((words, subcommand.clone()));
        } else {
            found.extend(below);
        }
    }
    found
}

/// Adds the section of a subcommand. Its own sections are one level lower than those of a page.
fn add(page: &mut Vec<u8>, title: &str, command: Command) -> io::Result<()> {
    let command = command.mut_args(|argument| {
        let everywhere = ["help", "version"].contains(&argument.get_id().as_str());
        let hidden = argument.is_hide_set() || everywhere;
        argument.hide(hidden)
    });
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command);
    let mut parts = Vec::new();
    man.render_description_section(&mut parts)?;
    man.render_synopsis_section(&mut parts)?;
    man.render_options_section(&mut parts)?;
    let parts = String::from_utf8_lossy(&parts).replace("\n.SH DESCRIPTION\n", "\n");

    let mut heading = Roff::new();
    heading.control("SH", [title]);
    heading.to_writer(page)?;
    write!(page, "{}", parts.replace(".SH ", ".SS "))?;
    if let Some(examples) = examples {
        let mut roff = Roff::new();
        roff.control("SS", ["NOTES"]).control("nf", []);
        for line in examples.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.to_writer(page)?;
    }
    Ok(())
}
