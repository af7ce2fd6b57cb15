//! Functions: the app's folders that have a function.json.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::binding;
use super::error::Problem;
use super::json::{Document, Item};
use super::retry;
use super::routes::Enabled;
use super::{AppSettings, Driver};
use crate::model::FunctionDefinition;

const FILE: &str = "function.json";

/// The files that are a function's script without "scriptFile", in this order, if its folder has several.
const SCRIPTS: [&str; 2] = ["__init__.py", "main.py"];

/// The names of the app's folders that have a function.json, sorted. It may be a link to nowhere or a folder: reading it
/// then says so.
pub(crate) fn names(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.join(FILE).symlink_metadata().is_ok()
            && let Some(name) = path.file_name()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What a function.json says.
pub(super) enum Read {
    /// The function is to be loaded.
    Enabled(Box<Enabled>),
    /// The function is disabled: by itself or by an app setting.
    Disabled,
}

/// Reads `<name>/function.json`.
pub(super) fn read(
    root: &Path,
    name: &str,
    settings: &AppSettings,
    driver: Driver,
    warnings: &mut Vec<Problem>,
) -> Result<Read, Problem> {
    // The Functions host has disabled functions loaded, too, and does not call them.
    let may_be_disabled = driver == Driver::Funcdock;
    if may_be_disabled && is_disabled_by_setting(name, settings) {
        return Ok(Read::Disabled);
    }
    let file = Path::new(name).join(FILE);
    let Some(document) = Document::open(root, &file)? else {
        return Err(Problem::of_file(&file, "is a link to a file that does not exist"));
    };
    warnings.extend_from_slice(&document.duplicates);
    let top = document.item();
    if may_be_disabled
        && let Some(disabled) = top.get("disabled")?
        && is_disabled(&disabled, settings)?
    {
        return Ok(Read::Disabled);
    }
    if !is_function_name(name) {
        return Err(top.problem(format!("{}; rename the folder", wrong_name(name))));
    }
    let script_file = script_file(&top, root, name)?;
    let entry_point = top.get("entryPoint")?;
    let entry_point = entry_point
        .map_or(Ok("main"), |item| item.non_empty_string())?
        .to_owned();
    let bindings = top.get("bindings")?;
    let bindings = bindings.ok_or_else(|| top.problem("expected a member \"bindings\" with a trigger"))?;
    let read = binding::read_all(&bindings, name, settings, driver)?;
    let function = FunctionDefinition {
        name: name.to_owned(),
        retry: retry::of_function(&top, &read, warnings)?,
        directory: root.join(name),
        script_file,
        entry_point,
        bindings: read,
    };
    Ok(Read::Enabled(Box::new(Enabled::new(function, &bindings)?)))
}

/// Whether an app setting disables the function of this name.
pub(super) fn is_disabled_by_setting(name: &str, settings: &AppSettings) -> bool {
    // The second form is for environments whose variables cannot have dots.
    let switches = [
        format!("AzureWebJobs.{name}.Disabled"),
        format!("AzureWebJobs_{name}_Disabled"),
    ];
    switches.iter().any(|switch| settings.is_true(switch))
}

/// `disabled`: a boolean, or the name of an app setting that holds one.
fn is_disabled(item: &Item<'_>, settings: &AppSettings) -> Result<bool, Problem> {
    if item.is_boolean() {
        return item.boolean();
    }
    let text = item
        .string()
        .map_err(|_| item.wrong_type("a boolean or the name of an app setting"))?;
    // Booleans in quotes are meant as such: there is hardly an app setting with that name.
    Ok(text.eq_ignore_ascii_case("true") || settings.is_true(text))
}

/// What is wrong with a name that is not [one of a function](is_function_name).
pub(crate) fn wrong_name(name: &str) -> String {
    format!(
        "{name:?} cannot be the name of a function: expected a letter, then up to 127 letters, digits, \"_\" and \"-\""
    )
}

pub(crate) fn is_function_name(name: &str) -> bool {
    let tail = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 128 && name.bytes().all(tail)
}

fn script_file(top: &Item<'_>, root: &Path, name: &str) -> Result<PathBuf, Problem> {
    let Some(item) = top.get("scriptFile")? else {
        return default_script(top, &root.join(name));
    };
    let file = item.non_empty_string()?;
    let path = lexically_normal(&root.join(name).join(file));
    let Ok(shown) = path.strip_prefix(root) else {
        return Err(item.problem(format!(
            "{file:?} is outside of the app's folder; move the script into it"
        )));
    };
    if !path.is_file() {
        return Err(item.problem(format!("there is no file {}", shown.display())));
    }
    Ok(path)
}

/// Returns the script of a function.json without "scriptFile": the folder's only Python file, else the first of
/// [`SCRIPTS`] that it has.
fn default_script(top: &Item<'_>, folder: &Path) -> Result<PathBuf, Problem> {
    let scripts = python_files(folder).unwrap_or_default();
    if let [only] = scripts.as_slice() {
        return Ok(folder.join(only));
    }
    let found = SCRIPTS
        .iter()
        .find(|name| scripts.iter().any(|script| script == *name));
    found.map(|name| folder.join(name)).ok_or_else(|| {
        top.problem(match scripts.as_slice() {
            [] => "the folder has no Python file; create __init__.py, or name the script as \"scriptFile\"".to_owned(),
            several => format!(
                "expected one Python file, __init__.py or main.py, found {}; name the script as \"scriptFile\"",
                several.join(", ")
            ),
        })
    })
}

/// The names of the Python files in this folder, sorted.
fn python_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py")
            && path.is_file()
            && let Some(name) = path.file_name()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// `path` without "." and "..", which is all that may be said of a path that need not exist.
fn lexically_normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests;
