//! The worker's functions, with the hooks of its extensions around them.

use std::sync::Arc;

use crate::app::{AppSettings, Driver};
use crate::bindings::{Connections, FunctionBindings};
use crate::control::WorkerConfig;
use crate::extensions::{ExtensionError, Extensions};
use crate::model::{FunctionDefinition, FunctionInfo};
use crate::pipeline::LoadedFunction;

/// Starts the extensions, and returns the functions with their hooks around them.
pub(super) fn put_hooks_around(
    config: &WorkerConfig,
    extensions: &mut Extensions,
    functions: Vec<FunctionDefinition>,
) -> Result<Vec<Arc<LoadedFunction>>, ExtensionError> {
    let prefix = &config.app.host.http.route_prefix;
    let infos: Vec<_> = functions
        .iter()
        .map(|definition| Arc::new(FunctionInfo::new(definition, prefix)))
        .collect();
    let root = config.app.root.to_string_lossy();
    let chains = extensions.start(&root, config.index, config.workers, &infos)?;
    let mut connections = Connections::new(AppSettings::of_process(&config.app));
    let loaded = functions.into_iter().zip(infos).zip(chains).enumerate();
    Ok(loaded
        .map(|(index, ((definition, info), chain))| {
            let bindings = bindings(config, &definition, &mut connections);
            Arc::new(LoadedFunction {
                index,
                bindings,
                definition,
                info,
                chain,
                counts: Arc::default(),
            })
        })
        .collect())
}

/// Returns what the function reads and writes beside its trigger.
fn bindings(
    config: &WorkerConfig,
    definition: &FunctionDefinition,
    connections: &mut Connections,
) -> Option<Arc<FunctionBindings>> {
    if config.app.driver == Driver::FunctionsHost {
        return None;
    }
    let encoding = config.app.host.queues.encoding;
    let bindings = FunctionBindings::new(definition, encoding, connections)?;
    // One worker says so for all of them.
    if config.index == 0 {
        for problem in bindings.problems() {
            tracing::error!("calls of function {:?} fail: {problem}", definition.name);
        }
    }
    Some(Arc::new(bindings))
}
