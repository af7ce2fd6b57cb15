//! What the host reports of an extension.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statistics::HookStatistics;

/// How far an extension has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtensionState {
    /// Its library is open, and its settings are valid.
    Loaded,
    /// Its hooks are called.
    Started,
    /// It has started, and applies to no function: none of its hooks is called.
    Unattached,
    /// It could not be loaded or started, and the app runs without it.
    Failed,
    /// It panicked too often, and its hooks around calls are not called any more.
    Suspended,
}

impl std::fmt::Display for ExtensionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ExtensionState::Loaded => "loaded",
            ExtensionState::Started => "started",
            ExtensionState::Unattached => "unattached",
            ExtensionState::Failed => "failed",
            ExtensionState::Suspended => "suspended",
        })
    }
}

/// What the host reports of an extension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExtensionReport {
    /// Its name.
    pub name: String,
    /// Its version, once its library is open.
    pub version: Option<String>,
    /// "app" or "function", once its library is open.
    pub scope: Option<&'static str>,
    /// The library file, or "linked".
    pub source: Option<String>,
    /// How far it has come.
    pub state: ExtensionState,
    /// Why it failed, or is unattached.
    pub message: Option<String>,
    /// What each of its hooks did, by the hook's name.
    pub hooks: BTreeMap<&'static str, HookStatistics>,
}
