//! `funcdock extension stubs`: type stubs of the extensions that an app can import from `funcdock.extensions`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use super::open::{check, check_of, in_parallel, opened, search};
use crate::cli::start::{read_app, seconds};
use crate::extensions::{Class, ContextAttribute, Depth, Described, Setting, Source};
use crate::logging::Format;

const ABOUT: &str = "\
Writes DIR/funcdock/extensions.pyi. Editors and pyright find typings/ themselves; for mypy, set mypy_path or
MYPYPATH. Each library is opened in its own process. A broken one is left out with a warning.";

const HEAD: &str = "\
# Written by `funcdock extension stubs`: the extensions that this app can import. Run it again when they change.
from abc import ABCMeta
from collections.abc import Callable
from os import PathLike
from typing import Any, Literal, TypeVar, overload

from azure.functions import Context as _Context

_Function = TypeVar(\"_Function\", bound=Callable[..., Any])

class _Attachment:
    extension: str
    functions: list[str]
";

/// Write type stubs for the extensions that an app can import
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(super) struct Arguments {
    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// Folder to write to; APP/typings by default
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Python interpreter whose packages are searched, as for `funcdock start`
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "PATH")]
    python: Option<PathBuf>,

    /// Seconds that a library may take to open
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

/// Writes the stubs.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    crate::logging::init(Format::Text, &crate::logging::Selection::default());
    let (app, settings) = read_app(&arguments.app, Vec::new())?;
    let search = search(&app, &settings, arguments.python)?;
    // The extensions of host.json come first, as in a worker. `library` may name a file outside of the search path.
    let configured = app.host.worker_extensions.iter().filter_map(|config| {
        let source = search.locate(config).ok()?;
        Some(check_of(config, source, Depth::Open))
    });
    let available = search.available().into_iter().map(|found| match found.source {
        Source::Linked => check(Source::Linked, Some(found.name)),
        file @ Source::File(_) => check(file, None),
    });
    let checks: Vec<_> = configured.chain(available).collect();
    let outcomes = in_parallel(&checks, |check| opened(check, arguments.timeout))?;
    let mut extensions: Vec<Described> = Vec::new();
    for outcome in outcomes {
        if let Some(error) = outcome.errors().next() {
            tracing::warn!("left out: {error}");
        }
        for extension in outcome.extensions {
            let name = python_name(&extension.described.name);
            // An import statement cannot name the others; only host.json can dock them.
            if is_identifier(&name) && extensions.iter().all(|known| python_name(&known.name) != name) {
                extensions.push(extension.described);
            }
        }
    }
    extensions.sort_by(|a, b| a.name.cmp(&b.name));
    let folder = arguments.output.unwrap_or_else(|| app.root.join("typings"));
    let file = write(&folder, &stubs(&extensions))?;
    crate::cli::print(&format!("{}: {} extensions\n", file.display(), extensions.len()));
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, text: &str) -> Result<PathBuf> {
    let package = folder.join("funcdock");
    fs::create_dir_all(&package).with_context(|| format!("cannot make {}", package.display()))?;
    let init = package.join("__init__.pyi");
    fs::write(&init, "").with_context(|| format!("cannot write {}", init.display()))?;
    let file = package.join("extensions.pyi");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

fn stubs(extensions: &[Described]) -> String {
    let mut text = HEAD.to_owned();
    for extension in extensions {
        let name = python_name(&extension.name);
        let settings = parameters(&extension.settings);
        let Described { version, scope, .. } = extension;
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "\nclass _{name}:\n    \"\"\"{} {version}, {scope} level.{}\"\"\"\n    def configure(self{settings}) -> None: ...\n",
            extension.name,
            documented(&extension.settings)
        );
        if scope == "function" {
            // For the functions of a file, as a decorator, and as a decorator with settings.
            let _ = write!(
                text,
                "    @overload\n    def __call__(self, _file: str | PathLike[str], /{settings}) -> _Attachment: ...\n    \
                 @overload\n    def __call__(self, _function: _Function, /{settings}) -> _Function: ...\n    \
                 @overload\n    def __call__(self{settings}) -> Callable[[_Function], _Function]: ...\n"
            );
        }
        let _ = writeln!(text, "\n{name}: _{name}");
    }
    if extensions
        .iter()
        .all(|extension| python_name(&extension.name) != CONTEXT)
    {
        text.push_str(&context(extensions));
    }
    text
}

/// The name of the class of `context`, which is importable, too.
const CONTEXT: &str = "Context";

/// Returns the class of `context`, with what the extensions add to it.
fn context(extensions: &[Described]) -> String {
    let mut text = String::new();
    let mut classes: Vec<&Class> = Vec::new();
    let mut attributes: Vec<(&ContextAttribute, &str)> = Vec::new();
    for extension in extensions {
        let mut has_all = true;
        for class in &extension.classes {
            match classes.iter().find(|known| known.name == class.name) {
                None => {
                    let _ = write!(text, "\n{}", class.stub);
                    classes.push(class);
                }
                Some(known) => has_all &= *known == class,
            }
        }
        for attribute in &extension.attributes {
            // Of two classes with one name, the second has no other name here.
            let annotation = if has_all {
                attribute.annotation.as_str()
            } else {
                "Any"
            };
            match attributes
                .iter_mut()
                .find(|(known, _)| known.name == attribute.name)
            {
                None => attributes.push((attribute, annotation)),
                Some((_, known)) if *known != annotation => *known = "Any",
                Some(_) => {}
            }
        }
    }
    let _ = writeln!(
        text,
        "\nclass {CONTEXT}(_Context, metaclass=ABCMeta):\n    \"\"\"The context of a function, with what these extensions add to it.\"\"\""
    );
    for (
        ContextAttribute {
            name, documentation, ..
        },
        annotation,
    ) in attributes
    {
        let _ = writeln!(text, "    {name}: {annotation}");
        if !documentation.is_empty() {
            let documentation = in_docstring(documentation).replace('\n', "\n    ");
            let _ = writeln!(text, "    \"\"\"{documentation}\n    \"\"\"");
        }
    }
    text
}

/// Returns the settings that are documented, for the docstring of the class.
fn documented(settings: &[Setting]) -> String {
    let mut text = String::new();
    for Setting {
        name, documentation, ..
    } in settings
    {
        if !documentation.is_empty() {
            let documentation = in_docstring(documentation).replace('\n', "\n        ");
            let _ = write!(text, "\n\n    {name}: {documentation}");
        }
    }
    if !text.is_empty() {
        text.push_str("\n    ");
    }
    text
}

/// Returns a text as it can stand in a docstring.
fn in_docstring(text: &str) -> String {
    text.replace('\\', r"\\").replace("\"\"\"", "'''")
}

/// Returns keyword parameters for the settings. All have a default, as host.json may have the required ones. A key that is not an identifier is passed as `**{"the-key": value}`.
fn parameters(settings: &[Setting]) -> String {
    let mut named = String::new();
    let mut others = settings.is_empty();
    for Setting { name, annotation, .. } in settings {
        if is_identifier(name) {
            let _ = write!(named, ", {name}: {annotation} = ...");
        } else {
            others = true;
        }
    }
    let star = if named.is_empty() { "" } else { ", *" };
    let rest = if others { ", **settings: Any" } else { "" };
    format!("{star}{named}{rest}")
}

fn python_name(name: &str) -> String {
    name.replace('-', "_")
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name)
}

/// The keywords of every Python version that we support.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_keyword_parameters() {
        for (settings, expected, reason) in [
            (&[][..], ", **settings: Any", "of API 1.0, or without any"),
            (
                &[Setting::of_type("rate", "float")],
                ", *, rate: float = ...",
                "named",
            ),
            (
                &[Setting::of_type("max-size", "int")],
                ", **settings: Any",
                "not an identifier",
            ),
            (
                &[Setting::of_type("from", "str")],
                ", **settings: Any",
                "a keyword",
            ),
            (
                &[
                    Setting::of_type("rate", "float"),
                    Setting::of_type("max-size", "int"),
                ],
                ", *, rate: float = ..., **settings: Any",
                "both",
            ),
        ] {
            assert_eq!(parameters(settings), expected, "{reason}");
        }
    }
}
