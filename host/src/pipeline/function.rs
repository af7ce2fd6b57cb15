//! A function that can be called.

use std::sync::Arc;

use super::Counts;
use crate::bindings::FunctionBindings;
use crate::extensions::HookChain;
use crate::model::{FunctionDefinition, FunctionInfo};

/// A function that can be called: its declaration, its facts for hooks, and the hooks around it.
pub struct LoadedFunction {
    /// Its index among the worker's functions, as the runner knows it.
    pub index: usize,
    /// Its declaration.
    pub definition: FunctionDefinition,
    /// Its facts.
    pub info: Arc<FunctionInfo>,
    /// The hooks around it.
    pub chain: HookChain,
    /// What it reads and writes beside its trigger, if anything.
    pub bindings: Option<Arc<FunctionBindings>>,
    /// What its calls came to.
    pub counts: Arc<Counts>,
}
