//! `funcdock pack`: makes a folder or a zip file that has an app with its packages, to be served on another machine.

mod archive;
mod contents;
mod interrupt;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use self::contents::Contents;
use self::interrupt::Interrupt;
use super::{print, settings, shell_word, start};
use crate::launch::python::{Compiled, InterpreterSearch};
use crate::logging::{Format, Selection};

const EXAMPLES: &str = "\
Examples:
  funcdock pack shop                        Makes shop.zip in this folder
  funcdock pack shop --output build/shop    Makes a folder
  funcdock pack shop --python python3.12    With the packages for another Python

The package has the files of the app, without those that .funcignore names, and what requirements.txt asks for, in
.python_packages. funcdock start serves its folder as it is: nothing is installed there. The layout is that of Azure.

Never in it, as they may hold secrets: local.settings.json and .env, whose values are variables of the environment
elsewhere, and .funcdock, the state of a host. Nor .git and virtual environments.";

/// The folder of packages in an app, as Azure has it.
const PACKAGES: &str = ".python_packages";

/// The file in [`PACKAGES`] that has the version of Python for which packages are compiled. The worker reads it.
const COMPILED_FOR: &str = "compiled-for";

/// Where the names of unfinished packages begin.
const TEMPORARY: &str = ".funcdock-pack-";

/// Make a folder or a zip file of an app with its packages, to serve it elsewhere
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// What to make: a zip file if it ends in .zip, else a folder [default: a zip file with the name of the app's folder]
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Overwrite the zip file of an earlier run
    #[arg(long)]
    force: bool,

    /// The Python that will serve it: a path, or a name in PATH
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "PATH")]
    python: Option<PathBuf>,

    /// Show what pip prints
    #[arg(long, short)]
    verbose: bool,
}

/// Makes the package.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    crate::logging::init(Format::default(), &Selection::default());
    let interrupt = Interrupt::new()?;
    let (app, settings) = start::read_app(&arguments.app, Vec::new())?;
    let output = Output::new(arguments.output, &app.root, arguments.force)?;
    let python = arguments.python.or_else(|| settings::python(&settings));
    let search = InterpreterSearch::from_environment(&app.root, python);
    let installs = search.has_requirements();

    let made = output.temporary_folder()?;
    let contents = Contents::of(&app.root, &output.path, installs)?;
    contents.copy(made.path(), &interrupt)?;
    if !made.path().join("host.json").is_file() {
        bail!(
            ".funcignore leaves host.json out, and nothing is served without it: remove the line that names it"
        );
    }
    for (link, target) in &contents.links {
        tracing::warn!(
            "{} leads out of the app: what is at {} is in the package",
            link.display(),
            target.display()
        );
    }
    let mut has = format!("{} files of the app", contents.len());
    if installs {
        let values = app.settings.values.into_iter();
        let variables: Vec<_> = values
            // As with a start, our own environment wins.
            .filter(|(name, _)| std::env::var_os(name).is_none())
            .map(|(name, value)| (name.clone(), OsString::from(value)))
            .collect();
        let packages = made.path().join(PACKAGES);
        let folder = packages.join("lib/site-packages");
        let installed = interrupt.run(search.install_into(&folder, arguments.verbose, &variables))??;
        has += ", and its packages";
        if installed.compiled == Compiled::MachineAndVersion {
            let file = packages.join(COMPILED_FOR);
            fs::write(&file, &installed.python)
                .with_context(|| format!("cannot write {}", file.display()))?;
            has += &format!(" for CPython {}", installed.python);
        }
        if installed.compiled > Compiled::Nothing {
            has += &format!(" on {}", std::env::consts::ARCH);
        }
    }
    let place = output.finish(made, &interrupt)?;
    let word = shell_word(&place);
    let start = match place.extension().filter(|_| !place.is_dir()) {
        Some(_) => {
            let folder = shell_word(&place.with_extension(""));
            format!("unzip -q {word} -d {folder}-packed && funcdock start {folder}-packed")
        }
        None => format!("funcdock start {word}"),
    };
    let local = match app.root.join("local.settings.json").exists() {
        true => "\nlocal.settings.json is not in it: set its values as variables where the app is served.\n",
        false => "",
    };
    print(&format_args!(
        "Made {word}: {has}.\n{local}\nWhere it is served:\n\n  {start}\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Where the package goes.
struct Output {
    /// Absolute.
    path: PathBuf,
    is_zip: bool,
}

impl Output {
    /// Checks that something can be made there.
    fn new(given: Option<PathBuf>, app: &Path, force: bool) -> Result<Self> {
        let path = match given {
            Some(path) => path,
            None => match app.file_name() {
                Some(name) => Path::new(name).with_added_extension("zip"),
                None => bail!(
                    "{} has no name for a zip file: name one with --output",
                    app.display()
                ),
            },
        };
        let is_zip = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        let path = match (path.parent().map(parent_folder), path.file_name()) {
            (Some(parent), Some(name)) => {
                fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
                // Without links, as the paths of the app's files.
                let parent = parent.canonicalize();
                parent
                    .with_context(|| format!("cannot find out where {} is", path.display()))?
                    .join(name)
            }
            _ => bail!(
                "{} cannot be made: name another path with --output",
                path.display()
            ),
        };
        if is_zip && path.is_dir() {
            bail!("{} is a folder; name another file with --output", path.display());
        }
        if is_zip && path.exists() && !force {
            bail!(
                "{} exists already: overwrite it with --force, or name another file with --output",
                path.display()
            );
        }
        if !is_zip && path.exists() {
            let is_empty = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
            if !is_empty {
                bail!(
                    "{} exists already, and a folder is made anew only: remove it, or name another one with --output",
                    path.display()
                );
            }
        }
        Ok(Output { path, is_zip })
    }

    /// Makes the folder for the package's files, beside what will be made.
    fn temporary_folder(&self) -> Result<TempDir> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))
    }

    /// Makes the package of these files at once, so that nobody finds a half of it. Returns its path.
    fn finish(self, made: TempDir, interrupt: &Interrupt) -> Result<PathBuf> {
        let path = &self.path;
        if self.is_zip {
            archive::write(made.path(), path, interrupt)?;
        } else {
            // Others may read what is made, as with any folder.
            contents::open_to_others(made.path())?;
            interrupt.check()?;
            // An empty folder gives way.
            fs::rename(made.path(), path)
                .with_context(|| format!("cannot rename {} to {}", made.path().display(), path.display()))?;
            // It is not there any more.
            let _ = made.keep();
        }
        let here = std::env::current_dir().unwrap_or_default();
        Ok(path
            .strip_prefix(&here)
            .map_or_else(|_| path.clone(), Path::to_owned))
    }
}

/// Returns the folder that a path has as its parent, which is empty for a mere name.
fn parent_folder(parent: &Path) -> &Path {
    match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    }
}
