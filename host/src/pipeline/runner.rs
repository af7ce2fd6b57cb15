//! What a language runtime offers the pipeline.

use std::sync::Arc;

use super::{LoadedFunction, Ticket};
use crate::extensions::ExtensionReport;
use crate::model::Invocation;

/// A call for the runner.
#[derive(Clone)]
pub struct RunnerCall {
    /// The function; its index is its place among those that the runner has indexed.
    pub function: Arc<LoadedFunction>,
    /// The call's data.
    pub invocation: Arc<Invocation>,
    /// What its outcome is [handed over](crate::pipeline::Completions::push) with.
    pub ticket: Ticket,
}

/// Runs functions: the border between the pipeline and a language runtime.
///
/// [`extensions`](Self::extensions) is asked before there are calls; all the others are called from the thread that
/// serves triggers, and must not block.
pub trait FunctionRunner: Send + Sync + 'static {
    /// Takes a call. When it has ended the runner says so with
    /// [`Completions::push`](crate::pipeline::Completions::push). It need not begin before [`flush`](Self::flush).
    fn invoke(&self, call: RunnerCall);

    /// Begins what was taken since the last time. Called after each turn of the event loop that brought calls, and
    /// within one after every few of them: waking a thread costs more than most of what leads to it.
    fn flush(&self);

    /// Ends a call that took too long, as far as the language can. Nobody waits for its outcome any more. It may have
    /// ended meanwhile, or not begun.
    fn give_up(&self, _call: &RunnerCall) {}

    /// Ends the calls that run as far as the language can, with their outcomes soon after, and begins no more.
    fn cancel(&self) {}

    /// Returns the extensions that the runtime itself runs around functions.
    fn extensions(&self) -> Vec<ExtensionReport> {
        Vec::new()
    }
}
