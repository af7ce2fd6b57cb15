//! `funcdock settings`: lists and changes the settings in local.settings.json.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::new_files::{NewFiles, replace};
use super::print;
use crate::app::{LocalSettings, Section, SettingsFile, Variables};
use crate::logging::{self, Format};

const EXAMPLES: &str = "\
Examples:
  funcdock settings list --show-values
  funcdock settings add SENDER shop@example.org
  funcdock settings add Orders 'Server=db;…' --connection-string
  funcdock settings delete SENDER --app shop

Comments, order and formatting of the file stay. Names are compared without case.";

/// List and change the settings in local.settings.json
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// The app's folder: the one with host.json
    #[arg(long, global = true, value_name = "FOLDER", default_value = ".")]
    app: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List app settings and connection strings
    List {
        /// Show the values, which may be secrets
        #[arg(long, alias = "showValue")]
        show_values: bool,
    },
    /// Add a setting, or replace its value
    Add {
        /// The name of an environment variable
        name: String,
        /// The value, which may be empty
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        section: SectionArguments,
    },
    /// Delete a setting
    Delete {
        /// The setting's name
        name: String,
        #[command(flatten)]
        section: SectionArguments,
    },
}

#[derive(Debug, clap::Args)]
struct SectionArguments {
    /// It is a connection string, and not an app setting
    #[arg(long, alias = "connectionString")]
    connection_string: bool,
}

impl SectionArguments {
    fn section(&self) -> Section {
        if self.connection_string {
            Section::ConnectionStrings
        } else {
            Section::Values
        }
    }
}

/// Runs the subcommand.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let folder = &arguments.app;
    match arguments.command {
        Command::List { show_values } => list(folder, show_values)?,
        Command::Add { name, value, section } => {
            let section = section.section();
            let mut file = SettingsFile::open(folder)?;
            file.set(section, &name, &value)?;
            write(&file)?;
            print(&format_args!("Set {name} in {}.\n", place(folder, section)));
        }
        Command::Delete { name, section } => {
            let section = section.section();
            let mut file = SettingsFile::open(folder)?;
            file.remove(section, &name)?;
            write(&file)?;
            print(&format_args!("Deleted {name} from {}.\n", place(folder, section)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn place(folder: &Path, section: Section) -> String {
    format!(
        "{} of {}",
        section.key(),
        folder.join("local.settings.json").display()
    )
}

fn write(file: &SettingsFile) -> Result<()> {
    if file.is_new {
        let mut files = NewFiles::new(file.path.parent().unwrap_or(&file.path));
        files.add("local.settings.json", file.to_string());
        files.write("move it away")
    } else {
        replace(&file.path, &file.to_string())
    }
}

fn list(folder: &Path, show_values: bool) -> Result<()> {
    logging::init(Format::Text, &logging::Selection::default());
    let Some((settings, warnings)) = LocalSettings::read(folder)? else {
        print(&format_args!(
            "{} has no local.settings.json. Make it with: funcdock settings add NAME VALUE\n",
            folder.display()
        ));
        return Ok(());
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let values = table(Section::Values, &settings.values, show_values);
    let strings = table(
        Section::ConnectionStrings,
        &settings.connection_strings,
        show_values,
    );
    print(&format_args!("{values}\n{strings}"));
    Ok(())
}

/// Returns a line for each setting, under the key of the section.
fn table(section: Section, settings: &Variables, show_values: bool) -> String {
    let settings: Vec<_> = settings.into_iter().collect();
    if settings.is_empty() {
        return format!("{}: none\n", section.key());
    }
    let width = settings.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = format!("{}:\n", section.key());
    for (name, value) in settings {
        let value = if show_values { value } else { "***" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:width$}  {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_unless_asked_for() {
        let mut settings = Variables::default();
        for (name, value) in [("A", "one"), ("LONG", "two words")] {
            settings.insert(name, value).expect("valid");
        }
        let table = |show| table(Section::Values, &settings, show);
        assert_eq!(table(false), "Values:\n  A     ***\n  LONG  ***\n");
        assert_eq!(table(true), "Values:\n  A     one\n  LONG  two words\n");
        let none = super::table(Section::ConnectionStrings, &Variables::default(), true);
        assert_eq!(none, "ConnectionStrings: none\n");
    }
}
