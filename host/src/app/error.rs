//! The problems of a function app: where each is, what is wrong, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why an app cannot be read: one variant a phase.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The app's folder cannot be opened or listed.
    #[error("cannot open the app's folder {}: {reason}", path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The folder has no host.json.
    #[error(
        "no host.json in {}: is this a function app? Name the folder that holds its host.json, \
         or make an app with: funcdock init",
        root.display()
    )]
    NoHostJson {
        /// The folder.
        root: PathBuf,
    },
    /// local.settings.json is wrong.
    #[error("{0}")]
    LocalSettings(Problem),
    /// host.json is wrong, or an app setting that overrides one of its values.
    #[error("{0}")]
    HostJson(Problem),
    /// One or more function.json files are wrong. At least one problem, in the order of the functions' names.
    #[error("{}", lines(.0))]
    FunctionJson(Vec<Problem>),
    /// The app setting with the name of the script is wrong.
    #[error("{0}")]
    Script(Problem),
    /// One or more functions that code declares are wrong. At least one problem, in the order of the declarations.
    #[error("{}", lines(.0))]
    Declaration(Vec<Problem>),
    /// `--functions` names a function that the app does not have.
    #[error(
        "--functions: no function is named {name:?}; {}",
        existing_functions(name, existing)
    )]
    UnknownFunction {
        /// The name that does not exist.
        name: String,
        /// The functions that exist, sorted.
        existing: Vec<String>,
    },
}

/// An error or a warning about a file of the app or an app setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// The key, as a path from the top of the file: `bindings[0].direction`. Empty for the file as a whole.
    pub key: String,
    /// What is wrong, what was expected, and what to do if that is not obvious.
    pub message: String,
}

/// Where a [`Problem`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// The file, relative to the app's folder.
        path: PathBuf,
        /// The position in the file, if the problem has one.
        position: Option<Position>,
    },
    /// In an app setting: an environment variable, or an entry of local.settings.json's `Values`.
    Setting(String),
}

/// A place in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Problem {
    /// Returns a problem of a whole file.
    pub(super) fn of_file(path: &Path, message: impl Into<String>) -> Self {
        let place = Place::File {
            path: path.to_owned(),
            position: None,
        };
        Self {
            place,
            key: String::new(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Setting(name) => return write!(f, "app setting {name}: {}", self.message),
            Place::File { path, position } => {
                write!(f, "{}", path.display())?;
                match position {
                    // The key says more than the column.
                    Some(at) if !self.key.is_empty() => write!(f, ":{}", at.line)?,
                    Some(at) => write!(f, ":{}:{}", at.line, at.column)?,
                    None => {}
                }
            }
        }
        if self.key.is_empty() {
            write!(f, ": {}", self.message)
        } else {
            write!(f, ": {}: {}", self.key, self.message)
        }
    }
}

/// Returns " (did you mean …?)" if `word` is a probable misspelling of one of `known`, else nothing.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lowered = word.to_ascii_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::osa_distance(&lowered, &known.to_ascii_lowercase()), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min()
        .map(|(_, known)| format!(" (did you mean {known:?}?)"))
        .unwrap_or_default()
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn existing_functions(name: &str, existing: &[String]) -> String {
    if existing.is_empty() {
        return "the app has no functions".to_owned();
    }
    let hint = suggestion(name, existing.iter().map(String::as_str));
    format!("the app has: {}{hint}", existing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_recognized() {
        let known = ["functions", "required", "library", "settings"];
        let cases = [
            ("reqired", " (did you mean \"required\"?)", "a letter is missing"),
            ("Settings", " (did you mean \"settings\"?)", "another case"),
            ("setings", " (did you mean \"settings\"?)", "the nearest wins"),
            ("path", "", "nothing near"),
            ("a", "", "a letter is near everything that is short"),
            ("", "", "the empty word is near nothing"),
        ];
        for (word, expected, reason) in cases {
            assert_eq!(suggestion(word, known), expected, "{reason}");
        }
    }

    #[test]
    fn a_problem_names_its_place() {
        let file = |position| Place::File {
            path: "host.json".into(),
            position,
        };
        let at = Some(Position { line: 12, column: 5 });
        let cases = [
            (
                file(at),
                "a.b",
                "host.json:12: a.b: wrong",
                "a key needs no column",
            ),
            (file(at), "", "host.json:12:5: wrong", "no key: the column helps"),
            (file(None), "", "host.json: wrong", "the file as a whole"),
            (
                file(None),
                "a.b",
                "host.json: a.b: wrong",
                "a key that is not there",
            ),
            (
                Place::Setting("X__a".into()),
                "a",
                "app setting X__a: wrong",
                "the name of a setting is enough",
            ),
        ];
        for (place, key, expected, reason) in cases {
            let problem = Problem {
                place,
                key: key.to_owned(),
                message: "wrong".to_owned(),
            };
            assert_eq!(problem.to_string(), expected, "{reason}");
        }
    }
}
