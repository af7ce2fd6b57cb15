//! `funcdock new`: adds a function and its test to an app.

mod names;
mod script;
mod statements;
mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use self::script::Script;
pub(super) use self::template::{AuthLevel, NewFunction, Template};
use super::new_files::{NewFiles, replace};
use super::{print, shell_word, start::read_app};
use crate::app::{Declarations, function_folders};
use crate::logging::Format;

/// The script of a new app in the decorator model.
pub(super) const SCRIPT: &str = "function_app.py";

const EXAMPLES: &str = "\
Examples:
  funcdock new --template http --name orders            In the app of the working directory
  funcdock new --template timer --name clean-up shop    In the app in ./shop

See also: funcdock init makes an app, funcdock extension new makes a worker extension.";

/// Add a function to an app, with a test
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The folder of the app, which holds its host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// What starts the function
    #[arg(long, short, value_enum)]
    template: Template,

    /// The function's name: a letter, then letters, digits, _ and -
    #[arg(long, short)]
    name: String,

    /// The key that callers of an HTTP function must send [default: the app's level, or function]
    #[arg(long, alias = "auth-level", short, value_name = "LEVEL", value_enum)]
    authlevel: Option<AuthLevel>,
}

/// Adds the function.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments {
        app: folder,
        template,
        name,
        authlevel,
    } = arguments;
    crate::logging::init(Format::Text, &crate::logging::Selection::default());
    names::check(&name)?;
    if authlevel.is_some() && template != Template::Http {
        bail!("--authlevel: only an HTTP function has a level; leave it out, or choose --template http");
    }
    let (app, _) = read_app(&folder, Vec::new())?;
    let function = NewFunction::new(template, &name, authlevel);
    let folders = function_folders(&app.root).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = NewFiles::new(&folder);
    let changed = match &app.declarations {
        Declarations::Script(script) => {
            let file = script.file.strip_prefix(&app.root).unwrap_or(&script.file);
            Some(add_to_script(&folder, file, &function, &mut files)?)
        }
        Declarations::Folders(_) if folders.is_empty() => {
            add_script(&function, &mut files)?;
            None
        }
        Declarations::Folders(_) => {
            check_no_entry(&app.root, &name)?;
            add_folder(&function, &mut files)?;
            None
        }
    };
    add_package(&app.root, &mut files);
    files.write("choose another --name, or move it away")?;
    if let Some((path, text)) = &changed {
        replace(path, text).inspect_err(|_| files.remove())?;
    }

    let listed = |names: &Vec<String>| names.iter().any(|known| known.eq_ignore_ascii_case(&name));
    let left_out = !app.host.functions.as_ref().is_none_or(listed);
    let changed = changed.map(|(path, _)| path);
    report(&folder, &function, &files, changed.as_deref(), left_out);
    Ok(ExitCode::SUCCESS)
}

/// Adds the decorated function to the script `file` of the app, and its test to `files`. Returns the script's path and
/// its new text.
fn add_to_script(
    app: &Path,
    file: &Path,
    function: &NewFunction<'_>,
    files: &mut NewFiles,
) -> Result<(PathBuf, String)> {
    let path = app.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let shown = file.display().to_string();
    let script = Script::read(&shown, &text)?;
    script.check(
        function.name,
        &function.identifier,
        function.template == Template::Http,
    )?;
    let module = file.file_stem().unwrap_or_default().to_string_lossy();
    files.add(function.test_file(), function.decorated_test(&module));
    let text = script.with(&function.decorated(script.app(), script.module()));
    Ok((path, text))
}

/// Adds a script with only this function, and its test.
pub(super) fn add_script(function: &NewFunction<'_>, files: &mut NewFiles) -> Result<()> {
    let script = Script::read(SCRIPT, include_str!("../templates/app/function_app.py"))?;
    // The template has names of its own.
    script.check(
        function.name,
        &function.identifier,
        function.template == Template::Http,
    )?;
    files.add(
        SCRIPT,
        script.with(&function.decorated(script.app(), script.module())),
    );
    let module = SCRIPT.trim_end_matches(".py");
    files.add(function.test_file(), function.decorated_test(module));
    Ok(())
}

/// Adds the function's folder, and its test.
pub(super) fn add_folder(function: &NewFunction<'_>, files: &mut NewFiles) -> Result<()> {
    let name = function.name;
    names::check_folder(name)?;
    files.add(format!("{name}/function.json"), function.function_json());
    files.add(format!("{name}/__init__.py"), function.main());
    files.add(function.test_file(), function.main_test());
    Ok(())
}

/// Checks that the app has no file or folder of this name, compared without case as names of functions are.
fn check_no_entry(root: &Path, name: &str) -> Result<()> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    for entry in entries {
        let existing = entry.file_name();
        if existing.eq_ignore_ascii_case(name) {
            bail!(
                "--name: the app has a file or folder {} already; choose another name",
                existing.display()
            );
        }
    }
    Ok(())
}

/// Makes `tests` a package if it is new, so that pytest imports the app from any working directory.
pub(super) fn add_package(root: &Path, files: &mut NewFiles) {
    if root.join("tests").symlink_metadata().is_err() {
        files.add(
            "tests/__init__.py",
            include_str!("../templates/app/tests_init.py"),
        );
    }
}

fn report(
    folder: &Path,
    function: &NewFunction<'_>,
    files: &NewFiles,
    changed: Option<&Path>,
    left_out: bool,
) {
    let NewFunction { name, template, .. } = function;
    let changed = changed.map(|path| format!("Changed {}.", path.display()));
    let kind = match template {
        Template::Http => None,
        Template::Timer => Some("timers"),
        Template::Queue => Some("queues"),
        Template::Blob => Some("blobs"),
    };
    let uncalled = kind.map(|kind| {
        format!(
            "The host lists {name} with a warning, and does not call it: it has no trigger for {kind} yet."
        )
    });
    let left_out = left_out
        .then(|| format!("The host does not load {name} until you add it to \"functions\" in host.json."));
    let notes: String = [changed, uncalled, left_out]
        .into_iter()
        .flatten()
        .map(|note| note + "\n")
        .collect();
    let gap = if notes.is_empty() { "" } else { "\n" };
    // Without a package, pytest needs the app's folder as its own.
    let test = function.test_file();
    let test = if folder.join("tests/__init__.py").exists() {
        format!("pytest {}", shell_word(&folder.join(test)))
    } else {
        format!("cd {} && python -m pytest {test}", shell_word(folder))
    };
    print(&format_args!(
        "Made the function {name} in {}:\n\n{files}\n{notes}{gap}Next:\n\n  {test}\n  \
         funcdock start {}\n",
        folder.display(),
        shell_word(folder),
    ));
}
