//! Answers all calls during maintenance of the app.

use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Response, Result, extension};
use serde::Deserialize;

/// `workerExtensions.maintenance.settings` in host.json.
#[derive(Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The text of the response.
    message: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            message: "under maintenance".to_owned(),
        }
    }
}

/// Answers every call with 503.
pub struct Maintenance {
    message: String,
}

#[extension]
impl Extension for Maintenance {
    type Settings = Settings;

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Maintenance {
            message: settings.message,
        })
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow> {
        let answer = Response::new(503).header("retry-after", "600");
        Ok(Flow::Respond(answer.body(format!("{}\n", self.message))))
    }
}
