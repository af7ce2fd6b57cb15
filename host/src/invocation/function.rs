//! A loaded function as extensions and logs know it.

use crate::app;

/// The facts of a function that hooks may ask for. Borrowed by each hook that asks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub directory: String,
    /// The binding type of its trigger, as in "httpTrigger".
    pub trigger: String,
    /// The name of its trigger's binding.
    pub trigger_name: String,
    /// For an HTTP trigger, the route template with the prefix, without a slash in front.
    pub route: Option<String>,
}

impl FunctionInfo {
    /// The facts of `function` in an app with this route prefix.
    pub fn new(function: &app::Function, route_prefix: &str) -> Self {
        let trigger = function.trigger();
        let route = trigger
            .and_then(|binding| binding.http.as_ref())
            .map(|http| match route_prefix {
                "" => http.route.clone(),
                prefix => format!("{prefix}/{}", http.route),
            });
        FunctionInfo {
            name: function.name.clone(),
            directory: function.directory.to_string_lossy().into_owned(),
            trigger: trigger.map(|binding| binding.kind.clone()).unwrap_or_default(),
            trigger_name: trigger.map(|binding| binding.name.clone()).unwrap_or_default(),
            route,
        }
    }
}
