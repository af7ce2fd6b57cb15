//! The environment of a worker: ours, the app's settings, and what the Functions model sets.

use std::ffi::{OsStr, OsString};

use crate::app::App;
use crate::launch::python::WORKER_RUNTIME;
use crate::model::HostAddress;

/// The environment variables of a worker beyond ours.
#[derive(Debug, PartialEq)]
pub(super) struct Environment {
    /// The variables to set.
    pub(super) variables: Vec<(String, OsString)>,
    /// The names of settings that our environment overrides with another value.
    pub(super) overridden: Vec<String>,
}

impl Environment {
    /// Returns the environment for an app that is served at this address. `ours` looks up a variable in our own
    /// environment, which wins over the app's settings.
    pub(super) fn of(
        app: &App,
        ours: impl Fn(&str) -> Option<OsString>,
        address: Option<&HostAddress>,
    ) -> Self {
        let values = app.settings.values.into_iter();
        let values = values.map(|(name, value)| (name.clone(), value));
        let connections = app.settings.connection_strings.into_iter();
        // Libraries of .NET's making look for the first form, shells can only have the second.
        let both = |(name, value)| {
            let names = [
                format!("ConnectionStrings:{name}"),
                format!("ConnectionStrings__{name}"),
            ];
            names.map(|name| (name, value))
        };
        let connections = connections.flat_map(both);

        let (mut variables, mut overridden) = (Vec::new(), Vec::new());
        for (name, value) in values.chain(connections) {
            match ours(&name) {
                None => variables.push((name, value.into())),
                Some(set) if set == OsStr::new(value) => {}
                Some(_) => overridden.push(name),
            }
        }
        let is_set = |name: &str| ours(name).is_some() || app.settings.values.get(name).is_some();
        if let Some(address) = address {
            let name = "WEBSITE_HOSTNAME";
            if !is_set(name) {
                variables.push((name.into(), address.authority().into()));
            }
            let name = "AZURE_FUNCTIONS_ENVIRONMENT";
            if address.is_local() && !is_set(name) {
                variables.push((name.into(), "Development".into()));
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
        let environment = Environment::of(
            &app,
            |name| match name {
                "SAME" => Some("2".into()),
                "TAKEN" => Some("ours".into()),
                _ => None,
            },
            None,
        );
        assert_eq!(
            names(&environment),
            [
                ("NEW", "1"),
                ("ConnectionStrings:Db", "Server=x"),
                ("ConnectionStrings__Db", "Server=x"),
                ("AzureWebJobsScriptRoot", "/srv/app"),
                ("FUNCTIONS_WORKER_RUNTIME", "python"),
            ]
        );
        assert_eq!(environment.overridden, ["TAKEN"]);
    }

    #[test]
    fn functions_know_the_address_and_whether_it_is_local() {
        const HOSTNAME: &str = "WEBSITE_HOSTNAME";
        const KIND: &str = "AZURE_FUNCTIONS_ENVIRONMENT";
        let mut app = app("/srv/app");
        let own = |app: &App, address: &str| {
            let address = HostAddress::Ip(address.parse().expect("a literal"));
            let environment = Environment::of(app, |_| None, Some(&address));
            [HOSTNAME, KIND].map(|name| {
                let found = names(&environment).into_iter().find(|(found, _)| *found == name);
                found.map(|(_, value)| value.to_owned())
            })
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            own(&app, "127.0.0.1:7071"),
            [text("localhost:7071"), text("Development")]
        );
        assert_eq!(own(&app, "0.0.0.0:80"), [text("localhost:80"), None]);
        for (name, value) in [(HOSTNAME, "shop.example"), (KIND, "Staging")] {
            app.settings.values.insert(name, value).expect("valid");
        }
        assert_eq!(
            own(&app, "127.0.0.1:7071"),
            [text("shop.example"), text("Staging")]
        );
    }
}
