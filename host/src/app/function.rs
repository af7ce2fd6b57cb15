//! Functions: the app's folders that have a function.json.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use http::Method;

use super::AppSettings;
use super::binding;
use super::error::Problem;
use super::host_config::RESERVED;
use super::json::{Document, Item};
use crate::model::{FunctionDefinition, HttpTrigger};

const FILE: &str = "function.json";

/// The names of the app's folders that have a function.json, sorted.
pub(super) fn names(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.join(FILE).is_file()
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

/// A function, and where its route is for the errors that only show beside other functions.
pub(super) struct Enabled {
    pub(super) function: FunctionDefinition,
    /// A problem without a message at its route; `None` for other triggers.
    route: Option<Problem>,
}

/// Reads `<name>/function.json`.
pub(super) fn read(
    root: &Path,
    name: &str,
    settings: &AppSettings,
    warnings: &mut Vec<Problem>,
) -> Result<Read, Problem> {
    // The second form is for environments whose variables cannot have dots.
    let switches = [
        format!("AzureWebJobs.{name}.Disabled"),
        format!("AzureWebJobs_{name}_Disabled"),
    ];
    if switches.iter().any(|switch| settings.is_true(switch)) {
        return Ok(Read::Disabled);
    }
    let file = Path::new(name).join(FILE);
    let Some(document) = Document::open(root, &file)? else {
        return Ok(Read::Disabled);
    };
    warnings.extend_from_slice(&document.duplicates);
    let top = document.item();
    if let Some(disabled) = top.get("disabled")?
        && is_disabled(&disabled, settings)?
    {
        return Ok(Read::Disabled);
    }
    if !is_function_name(name) {
        return Err(top.problem(format!(
            "{name:?} cannot be the name of a function: expected a letter, then up to 127 letters, digits, \
             \"_\" and \"-\"; rename the folder"
        )));
    }
    let script_file = script_file(&top, root, name)?;
    let entry_point = top.get("entryPoint")?;
    let entry_point = entry_point
        .map_or(Ok("main"), |item| item.non_empty_string())?
        .to_owned();
    let bindings = top.get("bindings")?;
    let bindings = bindings.ok_or_else(|| top.problem("expected a member \"bindings\" with a trigger"))?;
    let function = FunctionDefinition {
        name: name.to_owned(),
        directory: root.join(name),
        script_file,
        entry_point,
        bindings: binding::read_all(&bindings, name)?,
    };
    let route = route_place(&bindings, &function)?;
    Ok(Read::Enabled(Box::new(Enabled { function, route })))
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

fn is_function_name(name: &str) -> bool {
    let tail = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 128 && name.bytes().all(tail)
}

fn script_file(top: &Item<'_>, root: &Path, name: &str) -> Result<PathBuf, Problem> {
    let item = top.get("scriptFile")?;
    let file = item.as_ref().map_or(Ok("__init__.py"), Item::non_empty_string)?;
    let path = lexically_normal(&root.join(name).join(file));
    let Ok(shown) = path.strip_prefix(root) else {
        let place = item.as_ref().unwrap_or(top);
        return Err(place.problem(format!(
            "{file:?} is outside of the app's folder; move the script into it"
        )));
    };
    match item {
        _ if path.is_file() => Ok(path),
        Some(item) => Err(item.problem(format!("there is no file {}", shown.display()))),
        None => Err(top.problem(format!(
            "there is no file {}; create it, or name another one as \"scriptFile\"",
            shown.display()
        ))),
    }
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

/// A problem without a message at the route of an HTTP function, or at its trigger when no route is given.
fn route_place(bindings: &Item<'_>, function: &FunctionDefinition) -> Result<Option<Problem>, Problem> {
    for (item, binding) in bindings.elements()?.iter().zip(&function.bindings) {
        if binding.http.is_some() {
            return Ok(Some(
                item.get("route")?.unwrap_or_else(|| item.clone()).problem(""),
            ));
        }
    }
    Ok(None)
}

/// Finds routes that the host keeps for itself, and functions that would answer the same requests.
pub(super) fn check_routes(functions: &[Enabled], prefix: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    // For each shape of a route, the functions that have it so far.
    let mut taken: BTreeMap<String, Vec<&Enabled>> = BTreeMap::new();
    for enabled in functions {
        let Some((place, http)) = enabled.http() else {
            continue;
        };
        let mut problem = |message| {
            problems.push(Problem {
                message,
                ..place.clone()
            })
        };
        let route = http.route.to_string();
        let first = route.split('/').next().unwrap_or_default();
        if prefix.is_empty()
            && RESERVED
                .iter()
                .any(|reserved| first.eq_ignore_ascii_case(reserved))
        {
            problem(format!(
                "{first:?} is reserved for the host; take another route, or a routePrefix"
            ));
        }
        let others = taken.entry(http.route.shape()).or_default();
        let conflict = others.iter().find_map(|other| {
            let (_, earlier) = other.http()?;
            Some((other, common_methods(http, earlier)?))
        });
        match conflict {
            Some((other, methods)) => problem(format!(
                "{methods} {:?} is served by {other}/{FILE} already; change the route or the methods of one of them",
                route,
                other = other.function.name
            )),
            None => others.push(enabled),
        }
    }
    problems
}

impl Enabled {
    fn http(&self) -> Option<(&Problem, &HttpTrigger)> {
        self.route
            .as_ref()
            .zip(self.function.trigger().and_then(|trigger| trigger.http.as_ref()))
    }
}

/// The methods that both triggers answer, if there are any.
fn common_methods(one: &HttpTrigger, other: &HttpTrigger) -> Option<String> {
    let names = |methods: Vec<&Method>| {
        methods
            .into_iter()
            .map(Method::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let methods = match (one.methods.as_slice(), other.methods.as_slice()) {
        ([], []) => return Some("any method of".to_owned()),
        ([], methods) | (methods, []) => names(methods.iter().collect()),
        (methods, others) => names(methods.iter().filter(|method| others.contains(method)).collect()),
    };
    (!methods.is_empty()).then_some(methods)
}

#[cfg(test)]
mod tests;
