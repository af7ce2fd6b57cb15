//! An extension in the list of `funcdock extension list`.

use serde::Serialize;

use super::outcome::Outcome;
use crate::extensions::{ExtensionState, Setting};

/// The known facts of an extension. Only its name if it cannot be opened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) api_version: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) source: Option<String>,
    pub(super) state: ExtensionState,
    pub(super) message: Option<String>,
    /// The settings that it takes.
    pub(super) accepts: Vec<Setting>,
}

impl Entry {
    pub(super) fn add(&mut self, outcome: Outcome) {
        if let Some(error) = outcome.errors().next() {
            self.fail(error.to_owned());
        }
        self.api_version = outcome.api_version;
        if let Some(extension) = outcome.extensions.into_iter().next() {
            self.version = Some(extension.described.version);
            self.scope = Some(extension.described.scope);
            self.accepts = extension.described.settings;
        }
    }

    pub(super) fn fail(&mut self, message: String) {
        self.state = ExtensionState::Failed;
        // A worker would stop at the first error.
        self.message.get_or_insert(message);
    }

    /// Returns the first columns, which both tables have.
    pub(super) fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.name.clone(),
            or_dash(&self.version),
            or_dash(&self.api_version),
            or_dash(&self.scope),
            self.state.to_string(),
        ]
    }

    /// Returns what is below its row: what is wrong with it, and the settings that it takes.
    pub(super) fn remark(&self, with_settings: bool) -> Option<String> {
        let settings = self.accepts.iter().filter(|_| with_settings).map(|setting| {
            let documentation = match setting.documentation.as_str() {
                "" => String::new(),
                text => format!(" - {}", text.replace('\n', "\n  ")),
            };
            let required = if setting.required { " (required)" } else { "" };
            format!(
                "{}: {}{required}{documentation}",
                setting.name, setting.annotation
            )
        });
        let lines: Vec<String> = self.message.iter().cloned().chain(settings).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    pub(super) fn source(&self) -> String {
        self.source.clone().unwrap_or_else(|| "-".to_owned())
    }
}
