//! `funcdock init`: makes an app with one function and its test.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::new::{NewFunction, Template, add_folder, add_package, add_script};
use super::new_files::NewFiles;
use super::{print, shell_word};

const FUNCTION: &str = "hello";

const EXAMPLES: &str = "\
Examples:
  funcdock init shop         An app in ./shop: host.json, function_app.py, a test, …
  funcdock init shop --v1    One with a folder and a function.json a function

See also: funcdock new adds a function to an app.";

/// Make an app with one function and its test
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The folder of the app, which is made if it does not exist
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,

    /// Declare functions in function.json files (the v1 model) instead of with decorators
    #[arg(long)]
    v1: bool,
}

/// Makes the app.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { folder, v1 } = arguments;
    if folder.join("host.json").symlink_metadata().is_ok() {
        bail!(
            "{} has a host.json, so it is a function app already; add a function with funcdock new, or choose \
             another folder",
            folder.display()
        );
    }
    let mut files = NewFiles::new(&folder);
    for (path, content) in [
        (".funcignore", include_str!("templates/app/funcignore")),
        (".gitignore", include_str!("templates/app/gitignore")),
        ("host.json", include_str!("templates/app/host.json")),
        (
            "local.settings.json",
            include_str!("templates/app/local.settings.json"),
        ),
        ("requirements.txt", include_str!("templates/app/requirements.txt")),
    ] {
        files.add(path, content);
    }
    let function = NewFunction::new(Template::Http, FUNCTION, None);
    if v1 {
        add_folder(&function, &mut files)?;
    } else {
        add_script(&function, &mut files)?;
    }
    add_package(&folder, &mut files);
    files.write("move it away, or choose another folder")?;

    let place = shell_word(&folder);
    let (start, test) = (format!("funcdock start {place}"), format!("pytest {place}"));
    let width = start.len();
    print(&format_args!(
        "Made an app in {}:\n\n{files}\nNext:\n\n  \
         {start}  # then open http://localhost:7071/api/{FUNCTION}?name=Ada\n  \
         {test:width$}  # needs pytest, and the packages of requirements.txt\n",
        folder.display(),
    ));
    Ok(ExitCode::SUCCESS)
}
