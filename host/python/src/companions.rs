//! Companions: the Python modules that native extensions bring with them.

use funcdock::extensions::Companion;
use pyo3::prelude::*;

use crate::index::LoadError;
use crate::objects::to_python;
use crate::package::Package;

/// Runs the companions in the order of their extensions. Attached, on the main thread, after the functions are
/// loaded.
///
/// # Errors
/// A companion that raises fails the start, as its extension is incomplete. Nothing else is expected to raise.
pub(crate) fn run(py: Python<'_>, package: &Package, companions: Vec<Companion>) -> Result<(), LoadError> {
    let module = package.companions.bind(py);
    for companion in companions {
        let run = || {
            let native = to_python(py, &companion.native)?;
            let modules: Vec<_> = companion
                .modules
                .iter()
                .map(|module| (module.name.as_str(), module.source.as_str()))
                .collect();
            module.call_method1("run", (&*companion.extension, modules, native))
        };
        run().map_err(|error| LoadError::Companion {
            extension: companion.extension.clone(),
            error,
        })?;
    }
    let logs = package.logs.bind(py);
    logs.call_method0("extensions_started")
        .map_err(LoadError::Prepare)?;
    Ok(())
}
