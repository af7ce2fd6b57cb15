//! The environment of a worker: ours, the app's settings, and what the Functions model sets.

use std::ffi::{OsStr, OsString};

use super::SupervisorError;
use crate::app::App;
use crate::launch::python::WORKER_RUNTIME;

/// What a worker's environment has beyond ours.
#[derive(Debug, PartialEq)]
pub(super) struct Environment {
    /// Variables to set.
    pub(super) variables: Vec<(String, OsString)>,
    /// Names of settings that lost to another value in our environment.
    pub(super) overridden: Vec<String>,
}

impl Environment {
    /// Works it out; `ours` looks a variable up in our own environment, which wins over the app's settings.
    pub(super) fn of(app: &App, ours: impl Fn(&str) -> Option<OsString>) -> Result<Self, SupervisorError> {
        let values = app
            .settings
            .values
            .iter()
            .map(|(name, value)| ("Values", name, name.clone(), value));
        let connections = app.settings.connection_strings.iter().map(|(name, value)| {
            (
                "ConnectionStrings",
                name,
                format!("ConnectionStrings__{name}"),
                value,
            )
        });

        let (mut variables, mut overridden) = (Vec::new(), Vec::new());
        for (section, name, variable, value) in values.chain(connections) {
            let problem = if name.is_empty() {
                Some("its name is empty")
            } else if name.contains(['=', '\0']) {
                Some("its name holds '=' or a zero byte")
            } else if value.contains('\0') {
                Some("its value holds a zero byte")
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(SupervisorError::Setting {
                    setting: format!("{section}.{name}"),
                    problem,
                });
            }
            match ours(&variable) {
                None => variables.push((variable, value.into())),
                Some(set) if set == OsStr::new(value) => {}
                Some(_) => overridden.push(variable),
            }
        }
        // The host's own: last, so that they win over settings of these names.
        variables.push(("AzureWebJobsScriptRoot".into(), app.root.clone().into()));
        variables.push(("FUNCTIONS_WORKER_RUNTIME".into(), WORKER_RUNTIME.into()));
        Ok(Self {
            variables,
            overridden,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::tests::app;

    fn names(environment: &Environment) -> Vec<(&str, &str)> {
        environment
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("UTF-8")))
            .collect()
    }

    #[test]
    fn settings_become_variables_unless_ours_differ() {
        let mut app = app("/srv/app");
        app.settings.values.insert("NEW".into(), "1".into());
        app.settings.values.insert("SAME".into(), "2".into());
        app.settings.values.insert("TAKEN".into(), "3".into());
        app.settings
            .connection_strings
            .insert("Db".into(), "Server=x".into());
        let environment = Environment::of(&app, |name| match name {
            "SAME" => Some("2".into()),
            "TAKEN" => Some("ours".into()),
            _ => None,
        })
        .expect("valid settings");
        assert_eq!(
            names(&environment),
            [
                ("NEW", "1"),
                ("ConnectionStrings__Db", "Server=x"),
                ("AzureWebJobsScriptRoot", "/srv/app"),
                ("FUNCTIONS_WORKER_RUNTIME", "python"),
            ]
        );
        assert_eq!(environment.overridden, ["TAKEN"]);
    }

    #[test]
    fn a_setting_that_no_process_can_have_is_named() {
        for (name, value, expected) in [
            (
                "",
                "x",
                "Values. cannot be an environment variable: its name is empty",
            ),
            (
                "A=B",
                "x",
                "Values.A=B cannot be an environment variable: its name holds",
            ),
            (
                "A",
                "x\0y",
                "Values.A cannot be an environment variable: its value holds",
            ),
        ] {
            let mut app = app("/srv/app");
            app.settings.values.insert(name.into(), value.into());
            let error = Environment::of(&app, |_| None).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
