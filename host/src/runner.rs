//! What a language runtime offers the pipeline.

use std::sync::Arc;

use crate::invocation::Invocation;

/// Runs functions: the border between the pipeline and a language runtime.
pub trait FunctionRunner: Send + Sync + 'static {
    /// Starts the call of function `function` (its index in the app) and returns at once; the runner calls
    /// [`Completions::push`](crate::invocation::Completions::push) when it ended. Called from the threads that serve triggers: must not block.
    fn invoke(&self, function: usize, invocation: Arc<Invocation>);
}
