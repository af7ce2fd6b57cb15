//! Why an extension does not start, and the errors of its hooks.

use std::fmt;

use crate::abi;
use crate::driver::Hook;

/// Why an extension does not start, in the host's words.
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong.
    Settings {
        /// The extension's name.
        extension: String,
        /// What is wrong.
        reason: String,
    },
    /// `init` failed or panicked.
    Init {
        /// The extension's name.
        extension: String,
        /// Its error.
        reason: String,
    },
}

impl StartError {
    /// What the extension says, without what the host says around it.
    pub fn reason(&self) -> &str {
        match self {
            StartError::Settings { reason, .. } | StartError::Init { reason, .. } => reason,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Settings { extension, reason } => write!(
                f,
                "extension {extension:?}: host.json: workerExtensions.{extension}.settings: {reason}"
            ),
            StartError::Init { extension, reason } => {
                write!(f, "extension {extension:?}: init failed: {reason}")
            }
        }
    }
}

/// As tests show it that unwrap.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {}

/// A hook failed: a host logs and counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookError {
    /// The hook: `pre_invocation`, ….
    pub hook: &'static str,
    /// What it returned, or the message of its panic and where it was.
    pub message: String,
    /// Whether it panicked.
    pub panicked: bool,
}

impl HookError {
    pub(super) fn new(hook: Hook, error: &abi::Error) -> Self {
        HookError {
            hook: hook.name(),
            message: error.message.to_string(),
            panicked: error.is_panic(),
        }
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.hook, self.message)
    }
}

impl std::error::Error for HookError {}
