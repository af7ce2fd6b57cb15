//! The environment of a worker: ours, the app's settings, and what the Functions model sets.

use std::ffi::{OsStr, OsString};

use crate::app::App;
use crate::launch::python::WORKER_RUNTIME;

/// The environment variables of a worker beyond ours.
#[derive(Debug, PartialEq)]
pub(super) struct Environment {
    /// The variables to set.
    pub(super) variables: Vec<(String, OsString)>,
    /// The names of settings that our environment overrides with another value.
    pub(super) overridden: Vec<String>,
}

impl Environment {
    /// Returns the environment for an app. `ours` looks up a variable in our own environment, which wins over the app's
    /// settings.
    pub(super) fn of(app: &App, ours: impl Fn(&str) -> Option<OsString>) -> Self {
        let values = app.settings.values.into_iter();
        let values = values.map(|(name, value)| (name.clone(), value));
        let connections = app.settings.connection_strings.into_iter();
        let connections = connections.map(|(name, value)| (format!("ConnectionStrings__{name}"), value));

        let (mut variables, mut overridden) = (Vec::new(), Vec::new());
        for (name, value) in values.chain(connections) {
            match ours(&name) {
                None => variables.push((name, value.into())),
                Some(set) if set == OsStr::new(value) => {}
                Some(_) => overridden.push(name),
            }
        }
        // The host's own come last, so that they win over settings with these names.
        variables.push(("AzureWebJobsScriptRoot".into(), app.root.clone().into()));
        variables.push(("FUNCTIONS_WORKER_RUNTIME".into(), WORKER_RUNTIME.into()));
        Self {
            variables,
            overridden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

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
        for (name, value) in [("NEW", "1"), ("SAME", "2"), ("TAKEN", "3")] {
            app.settings.values.insert(name, value).expect("valid");
        }
        let strings = &mut app.settings.connection_strings;
        strings.insert("Db", "Server=x").expect("valid");
        let environment = Environment::of(&app, |name| match name {
            "SAME" => Some("2".into()),
            "TAKEN" => Some("ours".into()),
            _ => None,
        });
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
}
