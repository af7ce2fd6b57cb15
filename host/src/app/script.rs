//! The decorator model (v2): the script of the app whose code declares the functions, and their declarations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Place, Problem, suggestion};
use super::function::{is_disabled_by_setting, is_function_name, wrong_name};
use super::json::Document;
use super::retry;
use super::routes::{self, Enabled};
use super::{App, AppError, AppSetting, AppSettings, Driver, binding};
use crate::model::FunctionDefinition;

/// The app setting with the name of the script.
const SETTING: &str = "PYTHON_SCRIPT_FILE_NAME";

/// The script's name by default.
const DEFAULT: &str = "function_app.py";

/// The script of an app in the decorator model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The file, absolute, in the app's folder.
    pub file: PathBuf,
    /// The names of the functions to load, from `--functions` or host.json; `None` is all.
    pub only: Option<Vec<String>>,
    /// Whether a name in `only` that no function has is an error, and not just a warning.
    pub only_must_exist: bool,
}

/// A function as code declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The function's name.
    pub name: String,
    /// The declaration, as the text of a function.json.
    pub json: String,
    /// The file with the function's code, absolute.
    pub file: PathBuf,
}

/// The functions that code has declared.
#[derive(Debug)]
pub struct ScriptFunctions {
    /// The functions to load, each with its index among the declared ones; in the order of the declarations.
    pub functions: Vec<(usize, FunctionDefinition)>,
    /// The names of the functions that an app setting disables.
    pub disabled: Vec<String>,
    /// What is probably wrong, but does not stop the app.
    pub warnings: Vec<Problem>,
}

impl Script {
    /// Finds the script of the app at `root`; `None` if the app has none, and its functions are in folders.
    pub(super) fn find(root: &Path, settings: &AppSettings) -> Result<Option<PathBuf>, AppError> {
        let Some(AppSetting { value, source, .. }) = settings.get(SETTING) else {
            let file = root.join(DEFAULT);
            return Ok(file.is_file().then_some(file));
        };
        let problem = |message| {
            AppError::Script(Problem {
                place: Place::Setting(SETTING.to_owned()),
                key: String::new(),
                message,
            })
        };
        if !is_script_name(&value) {
            return Err(problem(format!(
                "expected the name of a Python file in the app's folder, such as {DEFAULT:?}, found {value:?} in {source}"
            )));
        }
        let file = root.join(&value);
        if !file.is_file() {
            return Err(problem(format!(
                "there is no file {value:?} in the app's folder; create it, or correct the setting in {source}"
            )));
        }
        Ok(Some(file))
    }
}

/// Whether this is a file name that Python can import as a top-level module.
fn is_script_name(name: &str) -> bool {
    let tail = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    name.strip_suffix(".py")
        .is_some_and(|stem| !stem.is_empty() && stem.chars().all(tail))
}

impl App {
    /// Parses the functions that code of the app's `script` has declared. `settings` are those of the worker.
    ///
    /// # Errors
    /// All functions that have a problem, each with its first one.
    pub fn read_declared(
        &self,
        script: &Script,
        declared: &[Declared],
        settings: &AppSettings,
    ) -> Result<ScriptFunctions, AppError> {
        let mut warnings = Vec::new();
        if let Some(only) = &script.only {
            check_only(script, only, declared, &mut warnings)?;
        }
        let (mut enabled, mut disabled, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        let mut indices = Vec::new();
        let mut names = BTreeSet::new();
        for (index, function) in declared.iter().enumerate() {
            let name = &function.name;
            let is_wanted = |only: &Vec<String>| only.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
            if !script.only.as_ref().is_none_or(is_wanted) {
                continue;
            }
            // The Functions host lists and loads disabled functions, too, and does not call them.
            if self.driver == Driver::Funcdock && is_disabled_by_setting(name, settings) {
                disabled.push(name.clone());
                continue;
            }
            if !names.insert(name.to_ascii_lowercase()) {
                let file = self.shown(&function.file);
                problems.push(Problem::of_file(
                    file,
                    format!("two functions have the name {name:?}; rename one of them"),
                ));
                continue;
            }
            match self.read_one(function, settings, &mut warnings) {
                Ok(function) => {
                    enabled.push(function);
                    indices.push(index);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() && self.driver == Driver::Funcdock {
            problems = routes::check(&enabled, &self.host.http.route_prefix);
        }
        if !problems.is_empty() {
            return Err(AppError::Declaration(problems));
        }
        warnings.append(&mut settings.take_problems());
        let functions = enabled.into_iter().map(|enabled| enabled.function);
        Ok(ScriptFunctions {
            functions: indices.into_iter().zip(functions).collect(),
            disabled,
            warnings,
        })
    }

    fn read_one(
        &self,
        declared: &Declared,
        settings: &AppSettings,
        warnings: &mut Vec<Problem>,
    ) -> Result<Enabled, Problem> {
        let file = self.shown(&declared.file);
        let document = Document::made_by_code(file.to_owned(), &declared.json)?;
        let top = document.item_at(&declared.name);
        if !is_function_name(&declared.name) {
            return Err(top.problem(format!("{}; rename it", wrong_name(&declared.name))));
        }
        let bindings = top.get("bindings")?;
        let bindings =
            bindings.ok_or_else(|| top.problem("expected a trigger: decorate the function with one"))?;
        let read = binding::read_all(&bindings, &declared.name, settings, self.driver)?;
        let function = FunctionDefinition {
            name: declared.name.clone(),
            retry: match self.driver {
                Driver::Funcdock => retry::of_function(&top, &read, warnings)?,
                // It knows which triggers follow one.
                Driver::FunctionsHost => retry::read(&top)?,
            },
            directory: self.root.clone(),
            script_file: declared.file.clone(),
            entry_point: declared.name.clone(),
            bindings: read,
        };
        Enabled::new(function, &bindings)
    }

    /// Returns a file of the app as messages show it.
    fn shown<'f>(&self, file: &'f Path) -> &'f Path {
        file.strip_prefix(&self.root).unwrap_or(file)
    }
}

/// Checks that each name in `only` is that of a function.
fn check_only(
    script: &Script,
    only: &[String],
    declared: &[Declared],
    warnings: &mut Vec<Problem>,
) -> Result<(), AppError> {
    let exists = |name: &str| declared.iter().any(|known| known.name.eq_ignore_ascii_case(name));
    for name in only.iter().filter(|name| !exists(name)) {
        let names = declared.iter().map(|known| known.name.as_str());
        if script.only_must_exist {
            return Err(AppError::UnknownFunction {
                name: name.clone(),
                existing: names.map(str::to_owned).collect(),
            });
        }
        let hint = suggestion(name, names);
        let mut problem = Problem::of_file(
            Path::new("host.json"),
            format!("no function is named {name:?}{hint}"),
        );
        problem.key = "functions".to_owned();
        warnings.push(problem);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
