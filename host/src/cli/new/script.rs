//! The script of an app in the decorator model: reads what new code must know of it, and adds a function.
//!
//! The rules are simple on purpose, as nothing runs the script: only statements at its top level count, each read by its
//! first words. What they do not recognise is an error that says what to write.

use anyhow::{Result, anyhow, bail};

use super::names::{Identifier, identifier_at};
use super::statements::{Statement, top_level};

/// The classes whose objects an app registers functions on. Those with `false` take no route: their one HTTP function is
/// the web framework's app.
const CLASSES: [(&str, bool); 4] = [
    ("FunctionApp", true),
    ("DFApp", true),
    ("AsgiFunctionApp", false),
    ("WsgiFunctionApp", false),
];

/// A script, as far as it is read.
#[derive(Debug)]
pub(super) struct Script<'s> {
    /// The file, as messages show it.
    file: &'s str,
    /// The text, without a byte order mark.
    text: &'s str,
    has_mark: bool,
    /// The variable with the function app, and its line.
    app: (String, usize),
    /// The class of the app.
    class: (&'static str, bool),
    /// How the script names azure.functions, and the line that imports it.
    module: (String, usize),
    /// The names at the top level, each with its line.
    names: Vec<(String, usize)>,
    /// The names of functions in decorators, each with its line.
    functions: Vec<(String, usize)>,
}

impl<'s> Script<'s> {
    /// Reads the text of `file`.
    ///
    /// # Errors
    /// The text is not closed Python, or has not exactly one function app that the rules recognise.
    pub(super) fn read(file: &'s str, text: &'s str) -> Result<Self> {
        let unmarked = text.strip_prefix('\u{feff}');
        let statements = top_level(text).map_err(|line| {
            anyhow!("{file}:{line}: this bracket or string is never closed; close it, then add the function")
        })?;
        let mut apps = statements.iter().filter_map(|statement| {
            let (variable, class) = function_app(&statement.text)?;
            Some((variable, statement.line, class))
        });
        let Some((variable, line, class)) = apps.next() else {
            bail!(
                "{file}: there is no function app at the top level; expected a line such as \
                 `app = func.FunctionApp()`: add one, or write the function where your app is made"
            );
        };
        if let Some((_, second, _)) = apps.next() {
            bail!(
                "{file}:{second}: this is a second function app beside the one in line {line}; an app has exactly \
                 one: remove one of them"
            );
        }
        let module = statements
            .iter()
            .find_map(|statement| Some((functions_module(&statement.text)?, statement.line)));
        let Some(module) = module else {
            bail!(
                "{file}: azure.functions is not imported as a module; add `import azure.functions as func` at its top"
            );
        };
        Ok(Self {
            file,
            text: unmarked.unwrap_or(text),
            has_mark: unmarked.is_some(),
            app: (variable.to_owned(), line),
            class,
            module,
            names: statements.iter().flat_map(names).collect(),
            functions: statements
                .iter()
                .filter_map(|statement| Some((decorated_name(&statement.text)?, statement.line)))
                .collect(),
        })
    }

    /// Returns the variable with the function app.
    pub(super) fn app(&self) -> &str {
        &self.app.0
    }

    /// Returns what the script writes for azure.functions.
    pub(super) fn module(&self) -> &str {
        &self.module.0
    }

    /// Checks that the script can get another function with this name and identifier.
    pub(super) fn check(&self, name: &str, identifier: &Identifier, has_route: bool) -> Result<()> {
        let Self { file, app, class, .. } = self;
        if has_route && !class.1 {
            bail!(
                "{file}:{}: {} is of class {}, whose HTTP function is the web framework's app; add a route to that app, or \
                 choose another --template",
                app.1,
                app.0,
                class.0
            );
        }
        if let Some((existing, line)) = self
            .functions
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            bail!("{file}:{line}: the app has a function {existing:?} already; choose another --name");
        }
        if let Some((existing, line)) = self
            .names
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(identifier.as_str()))
        {
            bail!(
                "{file}:{line}: the script has {existing} already, so it cannot get a function {identifier}; choose \
                 another --name"
            );
        }
        Ok(())
    }

    /// Returns the script's text with `code` at its end, and with `import logging` if the code needs it.
    pub(super) fn with(&self, code: &str) -> String {
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut lines: Vec<&str> = self.text.lines().collect();
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        if code.contains("logging.") && !self.names.iter().any(|(name, _)| name == "logging") {
            // The statement's line, from 1: before it, where the standard library's modules are.
            let at = self.module.1 - 1;
            match lines[..at] {
                [.., import, ""] if is_plain_import(import) => lines.insert(at - 1, "import logging"),
                _ => drop(lines.splice(at..at, ["import logging", ""])),
            }
        }
        lines.extend(["", ""]);
        lines.extend(code.lines());
        let mark = if self.has_mark { "\u{feff}" } else { "" };
        format!("{mark}{}{newline}", lines.join(newline))
    }
}

fn is_plain_import(line: &str) -> bool {
    line.starts_with("import ") || line.starts_with("from ") && !line.starts_with("from __future__")
}

/// Returns the variable and the class of a statement `NAME = MODULE.CLASS(…)`.
fn function_app(text: &str) -> Option<(&str, (&'static str, bool))> {
    let (variable, value) = assignment(text)?;
    let end = value.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))?;
    let (path, rest) = value.split_at(end);
    let class = path.rsplit('.').next()?;
    let class = CLASSES.into_iter().find(|(known, _)| *known == class)?;
    rest.trim_start().starts_with('(').then_some((variable, class))
}

/// Splits `NAME = VALUE` and `NAME: TYPE = VALUE`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = identifier_at(text)?;
    let rest = rest.trim_start();
    let rest = if rest.starts_with(':') {
        &rest[rest.find('=')?..]
    } else {
        rest
    };
    let value = rest.strip_prefix('=')?;
    (!value.starts_with('=')).then_some((name, value.trim_start()))
}

/// Returns the modules or names that an import statement binds: each as (path, name in the script).
fn imports(text: &str) -> Vec<(String, String)> {
    let (from, list) = match text.strip_prefix("import ") {
        Some(list) => (None, list),
        None => match text
            .strip_prefix("from ")
            .and_then(|rest| rest.split_once(" import "))
        {
            Some((from, list)) => (Some(from.trim()), list),
            None => return Vec::new(),
        },
    };
    let entries = list.trim_matches(|c: char| "() \t".contains(c)).split(',');
    entries
        .filter_map(|entry| {
            let words: Vec<&str> = entry.split_whitespace().collect();
            let (path, name) = match words[..] {
                [path] => (path, path),
                [path, "as", name] => (path, name),
                _ => return None,
            };
            let path = from.map_or_else(|| path.to_owned(), |from| format!("{from}.{path}"));
            Some((path, name.to_owned()))
        })
        .collect()
}

/// Returns what the script writes for azure.functions, if this statement imports it.
fn functions_module(text: &str) -> Option<String> {
    let imported = imports(text).into_iter();
    imported
        .filter(|(path, _)| path == "azure.functions")
        .map(|(_, name)| name)
        .next()
}

/// Returns the names that the statement gives a value.
fn names(statement: &Statement) -> Vec<(String, usize)> {
    let text = statement.text.as_str();
    let text = text.strip_prefix("async ").map_or(text, str::trim_start);
    let block = ["def ", "class "].iter().find_map(|word| text.strip_prefix(word));
    let single = match block {
        Some(rest) => identifier_at(rest.trim_start()).map(|(name, _)| name),
        None => assignment(text).map(|(name, _)| name),
    };
    let imported = imports(text).into_iter().map(|(_, name)| {
        let top = name.split('.').next().unwrap_or_default();
        top.to_owned()
    });
    let names = single.map(str::to_owned).into_iter().chain(imported);
    names.map(|name| (name, statement.line)).collect()
}

/// Returns the name in a decorator `@….function_name("NAME")`.
fn decorated_name(text: &str) -> Option<String> {
    let (_, arguments) = text.strip_prefix('@')?.split_once(".function_name(")?;
    let start = arguments.find(['"', '\''])?;
    let quote = arguments[start..].chars().next()?;
    let (name, _) = arguments[start + 1..].split_once(quote)?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests;
