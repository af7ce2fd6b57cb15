//! What a language runtime offers the pipeline.

use std::sync::Arc;

use crate::extensions::ExtensionReport;
use crate::invocation::Invocation;

/// Runs functions: the border between the pipeline and a language runtime.
///
/// [`extensions`](Self::extensions) is asked before there are calls; all the others are called from the thread that
/// serves triggers, and must not block.
pub trait FunctionRunner: Send + Sync + 'static {
    /// Takes the call of function `function` (its index in the app). When it has ended the runner says so with
    /// [`Completions::push`](crate::invocation::Completions::push). It need not begin before [`flush`](Self::flush).
    fn invoke(&self, function: usize, invocation: Arc<Invocation>);

    /// Begins what was taken since the last time. Called after each turn of the event loop that brought calls, and
    /// within one after every few of them: waking a thread costs more than most of what leads to it.
    fn flush(&self);

    /// Nobody waits for the end of this call any more, as it took too long: ends it, as far as the language can. It may
    /// have ended meanwhile, or not begun.
    fn give_up(&self, _function: usize, _invocation: Arc<Invocation>) {}

    /// The time to finish is over: ends the calls that run as far as the language can, with their outcomes soon
    /// after, and begins no more.
    fn cancel(&self) {}

    /// The extensions that the runtime itself runs around functions.
    fn extensions(&self) -> Vec<ExtensionReport> {
        Vec::new()
    }
}
