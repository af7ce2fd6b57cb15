//! The storage account of a binding.

use funcdock_storage::Connection;

use super::error::BindingProblem;

/// A connection, or why the app settings do not have it.
#[derive(Debug)]
pub(super) struct Account(pub(super) Result<Connection, String>);

impl Account {
    /// Returns the connection.
    ///
    /// # Errors
    /// The app settings do not have it: names them.
    pub(super) fn connection(&self) -> Result<&Connection, BindingProblem> {
        self.0
            .as_ref()
            .map_err(|reason| BindingProblem::Connection(reason.clone()))
    }
}
