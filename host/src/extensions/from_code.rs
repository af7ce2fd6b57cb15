//! Docking from function code: `from funcdock.extensions import name`, `name.configure(...)`, `name(__file__, ...)`.
//!
//! All of it happens while the app's functions are imported, before the extensions start. What function code says
//! comes on top of host.json, key by key.

use std::path::PathBuf;

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::Scope;
use serde_json::{Map, Value};

use super::error::ExtensionError;
use super::finding::normalised;
use super::registry::Extensions;
use super::slot::ExtensionSlot;
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
        /// Whether a key is unknown or missing, or a value has the wrong type; otherwise a value is not valid.
        is_type: bool,
        /// Whether a key is missing.
        is_missing: bool,
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

impl Extensions {
    /// Adds folders with installed packages to where extensions are searched for.
    pub fn search_packages(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        for folder in folders {
            if !self.search.wheels.contains(&folder) {
                self.search.wheels.push(folder);
            }
        }
    }

    /// Returns a closure that lists the names of all extensions that are docked or could be, without those that an import
    /// cannot name. It reads folders: do not call it while these extensions are locked.
    pub fn available(&self) -> impl FnOnce() -> Vec<String> + Send + use<> {
        let docked = self.slots.iter().map(|slot| slot.name.to_string());
        let switched_off = self.switched_off.iter().map(|config| config.name.clone());
        let mut names: Vec<String> = docked.chain(switched_off).collect();
        let search = self.search.clone();
        move || {
            names.extend(search.available().into_iter().flat_map(|found| found.names));
            names.retain(|name| !name.starts_with(|first: char| first.is_ascii_digit()));
            names.sort_by_key(|name| normalised(name));
            names.dedup_by(|a, b| normalised(a) == normalised(b));
            names
        }
    }

    /// Docks an extension, unless host.json has; `_` and `-` in its name are the same. Returns its own name and its
    /// scope ("app", "function"), which is `None` if it could not be opened and is not required. An app-level
    /// extension then applies to all functions.
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
        let slot = &self.slots[index];
        Ok((slot.name.to_string(), slot.scope().map(Scope::name)))
    }

    fn load_one(&mut self, name: &str) -> Result<usize, DockError> {
        let mut slot = self.open(name)?;
        if slot.scope() == Some(Scope::Function) {
            slot.only_where_attached();
        }
        self.slots.push(slot);
        Ok(self.slots.len() - 1)
    }

    /// Opens an extension that host.json does not name. `_` and `-` in its name are the same.
    pub(super) fn open(&self, name: &str) -> Result<ExtensionSlot, ExtensionError> {
        // The name as the extension itself spells it.
        let wanted = normalised(name);
        let mut available = self.search.available().into_iter().flat_map(|found| found.names);
        let found = available.find(|found| normalised(found) == wanted);
        let open = |name: &str| ExtensionSlot::open(ExtensionConfig::new(name), &self.search, &self.activity);
        match open(found.as_deref().unwrap_or(name)) {
            // A file's name does not distinguish `_` from `-`: the library may have the extension under the other spelling.
            Err(ExtensionError::Select { name, file, found }) => {
                match found.iter().find(|found| normalised(found) == wanted) {
                    Some(spelled) => open(spelled),
                    None => Err(ExtensionError::Select { name, file, found }),
                }
            }
            opened => opened,
        }
    }

    /// Adds settings from function code to the existing ones. `place` is its file and line, for errors that come later.
    ///
    /// # Errors
    /// [`DockError::Settings`], and those of [`dock`](Self::dock).
    pub fn configure(
        &mut self,
        name: &str,
        settings: &Map<String, Value>,
        place: &str,
    ) -> Result<(), DockError> {
        let slot = self.slot_before_start(name)?;
        let (merged, text) = slot.merge(settings);
        let are_checked = match check(slot, &text) {
            // A missing key may still be added: settings are checked again before the extension starts.
            Err(DockError::Settings { is_missing: true, .. }) => false,
            checked => checked.map(|()| true)?,
        };
        slot.set_settings(merged, text, are_checked, place);
        Ok(())
    }

    /// Attaches a function-level extension to a function, with these settings on top of the existing ones.
    ///
    /// # Errors
    /// [`DockError::Settings`], [`DockError::AppLevel`], and those of [`dock`](Self::dock).
    pub fn attach(
        &mut self,
        name: &str,
        function: &str,
        settings: &Map<String, Value>,
    ) -> Result<(), DockError> {
        let slot = self.slot_before_start(name)?;
        match slot.scope() {
            // It failed, is not required, and the log says so: the app runs without it.
            None => return Ok(()),
            Some(Scope::App) => {
                return Err(DockError::AppLevel {
                    name: slot.name.to_string(),
                });
            }
            Some(Scope::Function) => {}
        }
        let (_, settings) = slot.merge(settings);
        check(slot, &settings)?;
        slot.attach(function, settings);
        Ok(())
    }

    fn position(&self, name: &str) -> Option<usize> {
        let wanted = normalised(name);
        self.slots
            .iter()
            .position(|slot| normalised(&slot.name) == wanted)
    }

    fn slot_before_start(&mut self, name: &str) -> Result<&mut ExtensionSlot, DockError> {
        self.only_before_start(name)?;
        let index = match self.position(name) {
            Some(index) => index,
            None => self.load_one(name)?,
        };
        Ok(&mut self.slots[index])
    }

    fn only_before_start(&self, name: &str) -> Result<(), DockError> {
        if self.have_started() {
            return Err(DockError::Late {
                name: name.to_owned(),
            });
        }
        Ok(())
    }
}

/// Lets the extension check settings, given as JSON text.
fn check(slot: &ExtensionSlot, settings: &str) -> Result<(), DockError> {
    slot.configure(settings).map_err(|error| DockError::Settings {
        is_type: [abi::ERROR_TYPE, abi::ERROR_MISSING_SETTING].contains(&error.kind),
        is_missing: error.kind == abi::ERROR_MISSING_SETTING,
        message: error.message.into(),
    })
}
