//! App settings: environment variables and the `Values` of local.settings.json, looked up in one place.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use super::App;
use super::error::{Place, Problem};

/// The texts that are true as the value of an app setting, in any case.
const TRUE: [&str; 5] = ["1", "true", "t", "yes", "y"];

/// The texts that are false as the value of an app setting, in any case.
const FALSE: [&str; 5] = ["0", "false", "f", "no", "n"];

/// The app settings. Names are compared without case. An environment variable wins over a value of local.settings.json.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppSettings {
    /// By lower-case name.
    by_name: BTreeMap<String, AppSetting>,
    /// Values that a getter could not use, until [`take_problems`](Self::take_problems).
    problems: RefCell<Vec<Problem>>,
}

/// One app setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSetting {
    /// The name, as written.
    pub name: String,
    /// The value. [`AppSettings::get`] trims it.
    pub value: String,
    /// Where the value is from.
    pub source: SettingSource,
}

/// Where the value of an app setting is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingSource {
    /// An environment variable.
    Environment,
    /// `Values` of local.settings.json.
    File,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::File => "local.settings.json (Values)",
        })
    }
}

impl AppSettings {
    /// Returns the settings in `values` of local.settings.json and in `environment`.
    pub fn new<'a, I, J>(values: I, environment: J) -> Self
    where
        I: IntoIterator<Item = (&'a String, &'a String)>,
        J: IntoIterator<Item = (&'a String, &'a String)>,
    {
        let values = values.into_iter().map(|entry| (entry, SettingSource::File));
        let environment = environment
            .into_iter()
            .map(|entry| (entry, SettingSource::Environment));
        let setting = |((name, value), source): ((&String, &String), _)| {
            let setting = AppSetting {
                name: name.clone(),
                value: value.clone(),
                source,
            };
            (name.to_ascii_lowercase(), setting)
        };
        Self {
            by_name: values.chain(environment).map(setting).collect(),
            problems: RefCell::default(),
        }
    }

    /// Returns the settings of an app in one of its workers, whose environment has those of local.settings.json.
    pub fn of_process(app: &App) -> Self {
        let environment: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::new(&app.settings.values, &environment)
    }

    /// Returns the setting of this name, its value without white space around it. An empty value counts as not set.
    pub fn get(&self, name: &str) -> Option<AppSetting> {
        let setting = self.by_name.get(&name.to_ascii_lowercase())?;
        let value = setting.value.trim();
        (!value.is_empty()).then(|| AppSetting {
            value: value.to_owned(),
            ..setting.clone()
        })
    }

    /// Whether the setting is true. One that is not set is false. A value that is neither true nor false counts as
    /// false and becomes a problem.
    pub fn is_true(&self, name: &str) -> bool {
        let Some(AppSetting { value, source, .. }) = self.get(name) else {
            return false;
        };
        parse_boolean(&value).unwrap_or_else(|| {
            self.add_problem(
                name,
                format!("expected {BOOLEAN}, found {value:?} in {source}; it counts as false"),
            );
            false
        })
    }

    /// Notes that the value of this setting cannot be used.
    pub fn add_problem(&self, name: &str, message: String) {
        let problem = Problem {
            place: Place::Setting(name.to_owned()),
            key: String::new(),
            message,
        };
        let mut problems = self.problems.borrow_mut();
        // A setting may be read more than once.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Returns the problems of the values read since the last call, each as a warning.
    pub fn take_problems(&self) -> Vec<Problem> {
        self.problems.take()
    }

    /// All settings, by lower-case name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &AppSetting)> {
        self.by_name
            .iter()
            .map(|(lowered, setting)| (lowered.as_str(), setting))
    }
}

/// The values that a boolean setting may have, for messages.
pub(crate) const BOOLEAN: &str = "a boolean (1, true, t, yes or y; 0, false, f, no or n)";

/// Parses a boolean as app settings have it; `None` if the text is not one.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&TRUE) {
        Some(true)
    } else if is_one_of(&FALSE) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        entries.iter().map(owned).collect()
    }

    fn settings(values: &[(&str, &str)], environment: &[(&str, &str)]) -> AppSettings {
        AppSettings::new(&map(values), &map(environment))
    }

    #[test]
    fn the_environment_wins_and_names_have_no_case() {
        let settings = settings(
            &[("A", "file"), ("b", " 1 "), ("C", "file"), ("D", " ")],
            &[("a", "environment"), ("c", "")],
        );
        let found = |name| settings.get(name).map(|setting| (setting.value, setting.source));
        let expected = |value: &str, source| Some((value.to_owned(), source));
        assert_eq!(found("A"), expected("environment", SettingSource::Environment));
        assert_eq!(found("B"), expected("1", SettingSource::File), "trimmed");
        assert_eq!(found("C"), None, "an empty variable hides the file's value");
        assert_eq!(found("D"), None, "an empty value is not set");
        assert_eq!(found("E"), None, "no such setting");
    }

    #[test]
    fn booleans_have_one_table() {
        for (text, expected) in [
            ("1", Some(true)),
            ("true", Some(true)),
            ("T", Some(true)),
            ("Yes", Some(true)),
            ("y", Some(true)),
            ("0", Some(false)),
            ("FALSE", Some(false)),
            ("f", Some(false)),
            ("No", Some(false)),
            ("n", Some(false)),
            ("on", None),
            ("off", None),
            ("2", None),
            ("", None),
        ] {
            assert_eq!(parse_boolean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_switch_with_a_bad_value_is_false_and_a_problem() {
        let settings = settings(
            &[("FILE", "enabled")],
            &[("ON", " Y "), ("OFF", "0"), ("BAD", "on")],
        );
        for (name, expected) in [("ON", true), ("OFF", false), ("UNSET", false), ("BAD", false)] {
            assert_eq!(settings.is_true(name), expected, "{name}");
        }
        assert!(!settings.is_true("BAD"), "asked for again");
        assert!(!settings.is_true("FILE"));
        let problems: Vec<_> = settings.take_problems().iter().map(Problem::to_string).collect();
        let expected = "expected a boolean (1, true, t, yes or y; 0, false, f, no or n), found";
        assert_eq!(
            problems,
            [
                format!("app setting BAD: {expected} \"on\" in the environment; it counts as false"),
                format!(
                    "app setting FILE: {expected} \"enabled\" in local.settings.json (Values); it counts as false"
                ),
            ]
        );
        assert_eq!(settings.take_problems(), [], "taken once");
    }
}
