//! The connections to storage accounts that bindings name.

use std::collections::HashMap;
use std::fmt;

use funcdock_storage::{Connection, ConnectionError};

use crate::app::AppSettings;

/// Connections by their names, each made once: they share what is open. For one tokio runtime.
pub struct Connections {
    settings: AppSettings,
    made: HashMap<String, Connection>,
}

impl Connections {
    /// Returns the connections of an app with these settings. None is made yet.
    pub fn new(settings: AppSettings) -> Self {
        Connections {
            settings,
            made: HashMap::new(),
        }
    }

    /// Returns the connection of this name; an empty one is the default (`AzureWebJobsStorage`). Nothing is sent.
    ///
    /// # Errors
    /// The app settings do not have it, or it is not valid: names the settings.
    pub fn get(&mut self, name: &str) -> Result<Connection, ConnectionError> {
        let key = name.to_ascii_lowercase();
        if let Some(connection) = self.made.get(&key) {
            return Ok(connection.clone());
        }
        let setting = |name: &str| self.settings.get(name).map(|setting| setting.value);
        let connection = Connection::from_settings(name, setting)?;
        self.made.insert(key, connection.clone());
        Ok(connection)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings have secrets.
        f.debug_list().entries(self.made.values()).finish()
    }
}
