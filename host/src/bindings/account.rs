//! The storage account of a binding.

use funcdock_storage::Connection;

use super::Connections;
use super::error::BindingProblem;

/// A connection, or why the app settings do not have it.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    connection: Result<Connection, String>,
}

impl Account {
    /// Returns the account of the connection with this name.
    pub(super) fn new(name: &str, connections: &mut Connections) -> Self {
        Account {
            name: name.to_owned(),
            connection: connections.get(name).map_err(|error| error.to_string()),
        }
    }

    /// Returns the name of the connection, as the binding has it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the connection.
    ///
    /// # Errors
    /// The app settings do not have it: names them.
    pub(super) fn connection(&self) -> Result<&Connection, BindingProblem> {
        self.connection
            .as_ref()
            .map_err(|reason| BindingProblem::Connection(reason.clone()))
    }
}
