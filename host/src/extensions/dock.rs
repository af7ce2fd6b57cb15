//! Docking from function code: `from funcdock.extensions import name`, `name.configure(...)`, `name(__file__, ...)`.
//!
//! All of it happens while the app's functions are imported, before the extensions start. What function code says
//! comes on top of host.json, key by key.

use std::path::PathBuf;

use funcdock_extension_api::abi;
use serde_json::{Map, Value};

use super::discovery::normalised;
use super::error::ExtensionError;
use super::registry::{Docked, Extensions};
use super::step::scope_name;
use crate::app::ExtensionConfig;

/// Why function code cannot dock or configure an extension.
#[derive(Debug, thiserror::Error)]
pub enum DockError {
    /// It could not be found or opened, or host.json's settings for it are wrong.
    #[error(transparent)]
    Load(#[from] ExtensionError),
    /// Its settings are wrong.
    #[error("{message}")]
    Settings {
        /// Whether they are of a wrong type, or none that it has; otherwise a value is wrong.
        is_type: bool,
        /// What is wrong, with the key.
        message: String,
    },
    /// It is app level, and was to be attached to a function.
    #[error(
        "the extension {name:?} is app level: importing it turns it on for all functions, and configure(...) sets it up"
    )]
    AppLevel {
        /// The extension.
        name: String,
    },
    /// The extensions have started.
    #[error(
        "the extension {name:?} can only be docked and configured while the app's functions are imported: do it at \
         the top of a function's script, not in a function"
    )]
    Late {
        /// The extension.
        name: String,
    },
}

/// Settings for one function, from function code.
pub(super) struct Attachment {
    /// The function's name.
    pub(super) function: String,
    /// All settings, as JSON text.
    pub(super) settings: String,
}

impl Extensions {
    /// Adds folders with installed packages to where extensions are searched for.
    pub fn search_packages(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        for folder in folders {
            if !self.search.wheels.contains(&folder) {
                self.search.wheels.push(folder);
            }
        }
    }

    /// What lists the names of all extensions that are docked and that could be. It looks into folders, and is not
    /// to be called while these extensions are locked.
    pub fn available(&self) -> impl FnOnce() -> Vec<String> + Send + use<> {
        let mut names: Vec<String> = self.docked.iter().map(|docked| docked.name.to_string()).collect();
        let search = self.search.clone();
        move || {
            names.extend(search.available().into_iter().map(|found| found.name));
            names.sort_by_key(|name| normalised(name));
            names.dedup_by(|a, b| normalised(a) == normalised(b));
            names
        }
    }

    /// Docks an extension, unless host.json has; `_` and `-` in its name are the same. Returns its own name and its
    /// scope ("app", "function"), which is `None` for one that could not be opened and is not required. An app-level
    /// one then applies to all functions.
    ///
    /// # Errors
    /// [`DockError::Load`], [`DockError::Late`].
    pub fn dock(&mut self, name: &str) -> Result<(String, Option<&'static str>), DockError> {
        let index = match self.position(name) {
            Some(index) => index,
            None => {
                self.only_before_start(name)?;
                self.load_one(name)?
            }
        };
        let docked = &self.docked[index];
        let scope = docked.library.is_some().then(|| scope_name(docked.scope()));
        Ok((docked.name.to_string(), scope))
    }

    fn load_one(&mut self, name: &str) -> Result<usize, DockError> {
        // The name as the extension itself spells it.
        let wanted = normalised(name);
        let available = self.search.available().into_iter();
        let found = available
            .map(|found| found.name)
            .find(|found| normalised(found) == wanted);
        let mut docked = Docked::new(&ExtensionConfig::new(found.as_deref().unwrap_or(name)));
        if let Err(error) = docked.open(&self.search) {
            // A file's name does not tell `_` from `-`.
            let ExtensionError::Select { found, .. } = &error else {
                return Err(error.into());
            };
            let Some(spelled) = found.iter().find(|found| normalised(found) == wanted) else {
                return Err(error.into());
            };
            docked = Docked::new(&ExtensionConfig::new(spelled));
            docked.open(&self.search)?;
        }
        if docked.scope() == abi::SCOPE_FUNCTION {
            // It applies where function code attaches it.
            docked.config.functions.clear();
        }
        self.docked.push(docked);
        Ok(self.docked.len() - 1)
    }

    /// Settings from function code, on top of those that there are.
    ///
    /// # Errors
    /// [`DockError::Settings`], and those of [`dock`](Self::dock).
    pub fn configure(&mut self, name: &str, settings: &Map<String, Value>) -> Result<(), DockError> {
        let docked = self.docked_before_start(name)?;
        let (merged, text) = docked.merged(settings);
        docked.checked = match docked.check(&text) {
            // What is missing may come yet: it is checked again before it starts.
            Err(DockError::Settings { message, .. }) if is_missing(&message) => false,
            checked => checked.map(|()| true)?,
        };
        docked.config.settings = merged;
        docked.settings = text;
        Ok(())
    }

    /// Attaches a function-level extension to a function, with these settings on top of those that there are.
    ///
    /// # Errors
    /// [`DockError::Settings`], [`DockError::AppLevel`], and those of [`dock`](Self::dock).
    pub fn attach(
        &mut self,
        name: &str,
        function: &str,
        settings: &Map<String, Value>,
    ) -> Result<(), DockError> {
        let docked = self.docked_before_start(name)?;
        if docked.library.is_none() {
            // It failed, is not required, and the log says so: the app runs without it.
            return Ok(());
        }
        if docked.scope() == abi::SCOPE_APP {
            return Err(DockError::AppLevel {
                name: docked.name.to_string(),
            });
        }
        let (_, settings) = docked.merged(settings);
        docked.check(&settings)?;
        // A script that is imported twice, under two names, attaches twice: the last one counts.
        docked
            .attached
            .retain(|attachment| attachment.function != function);
        docked.attached.push(Attachment {
            function: function.to_owned(),
            settings,
        });
        Ok(())
    }

    fn position(&self, name: &str) -> Option<usize> {
        let wanted = normalised(name);
        self.docked
            .iter()
            .position(|docked| normalised(&docked.name) == wanted)
    }

    fn docked_before_start(&mut self, name: &str) -> Result<&mut Docked, DockError> {
        self.only_before_start(name)?;
        let index = match self.position(name) {
            Some(index) => index,
            None => self.load_one(name)?,
        };
        Ok(&mut self.docked[index])
    }

    fn only_before_start(&self, name: &str) -> Result<(), DockError> {
        if self.started {
            return Err(DockError::Late {
                name: name.to_owned(),
            });
        }
        Ok(())
    }
}

/// serde tells that a key is missing by its text alone.
fn is_missing(message: &str) -> bool {
    message.starts_with("missing field")
}

impl Docked {
    /// "app" where its library could not be opened.
    fn scope(&self) -> u8 {
        self.library
            .as_ref()
            .map_or(abi::SCOPE_APP, |(descriptor, _)| descriptor.scope())
    }

    /// Its settings with these on top; and their text.
    fn merged(&self, settings: &Map<String, Value>) -> (Map<String, Value>, String) {
        let mut merged = self.config.settings.clone();
        merged.extend(settings.clone());
        let text = Value::Object(merged.clone()).to_string();
        (merged, text)
    }

    /// Whether the extension takes these settings.
    fn check(&self, settings: &str) -> Result<(), DockError> {
        self.configure(settings).map_err(|error| DockError::Settings {
            is_type: error.kind == abi::ERROR_TYPE,
            message: error.message.into(),
        })
    }
}
