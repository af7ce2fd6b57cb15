//! One instance of an extension: made by `init`, called by hooks, destroyed when the last chain lets go of it.

use std::ffi::c_void;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use abi_stable::std_types::RStr;
use funcdock_extension_api::abi;

use super::services::{InitContext, raw_function};
use super::statistics::HookCounters;
use super::ticks;
use crate::invocation::FunctionInfo;

/// The counters of an extension, shared by its instances.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) post_function_load: HookCounters,
    pub(super) pre_invocation: HookCounters,
    pub(super) post_invocation: HookCounters,
    pub(super) shutdown: HookCounters,
}

/// One instance of an extension.
pub(super) struct Instance {
    pub(super) name: Arc<str>,
    pub(super) descriptor: abi::DescriptorRef,
    pub(super) counters: Arc<Counters>,
    pub(super) this: *mut c_void,
}

// SAFETY: an extension's type is `Send + Sync`, by the bounds of the SDK's traits.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Calls `init`.
    pub(super) fn init(
        name: &Arc<str>,
        descriptor: abi::DescriptorRef,
        counters: &Arc<Counters>,
        settings: &str,
        context: &InitContext<'_>,
    ) -> Result<Self, abi::Error> {
        // SAFETY: the context is borrowed for the call.
        let this = unsafe { (descriptor.init())(RStr::from_str(settings), context.raw()) }.into_result()?;
        Ok(Instance {
            name: Arc::clone(name),
            descriptor,
            counters: Arc::clone(counters),
            this,
        })
    }

    /// Whether the extension declares this hook.
    pub(super) fn has(&self, hook: u32) -> bool {
        self.descriptor.hooks() & hook != 0
    }

    /// Calls `post_function_load` where the extension has it; what goes wrong is logged and counted.
    pub(super) fn post_function_load(&self, function: &FunctionInfo) {
        if !self.has(abi::HOOK_POST_FUNCTION_LOAD) {
            return;
        }
        let start = ticks::now();
        // SAFETY: the instance is alive, and the function is borrowed for the call.
        let result = unsafe { (self.descriptor.post_function_load())(self.this, raw_function(function)) };
        self.counters
            .post_function_load
            .called(ticks::now().wrapping_sub(start));
        if let abi::HookResult::Error(error) = result {
            self.counters
                .post_function_load
                .failed(error.kind == abi::ERROR_PANIC);
            tracing::error!(
                extension = %self.name,
                function = function.name,
                "post_function_load failed: {}", error.message
            );
        }
    }

    /// Calls `shutdown` where the extension has it, lets go of the instance, and waits for both no longer than the
    /// deadline and a little.
    pub(super) fn shutdown(self: Arc<Self>, deadline: Duration) {
        let name = Arc::clone(&self.name);
        // On a thread of its own, so that one that blocks can be named and left behind.
        let (done, wait) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("shutdown {name}"))
            .spawn(move || {
                if self.has(abi::HOOK_SHUTDOWN) {
                    self.call_shutdown(deadline);
                }
                // Most often the last to hold it: its destructor has to end before the process does.
                drop(self);
                // The receiver has gone when the deadline has passed.
                let _ = done.send(());
            });
        if let Err(error) = thread {
            tracing::error!(extension = %name, "shutdown: no thread to run it on: {error}");
            return;
        }
        if wait.recv_timeout(deadline + GRACE).is_err() {
            tracing::error!(
                extension = %name,
                "shutdown did not return within {deadline:?}: left behind, what it held back may be lost"
            );
        }
    }

    fn call_shutdown(&self, deadline: Duration) {
        let start = ticks::now();
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        // SAFETY: the instance is alive; no other hook of it runs any more.
        let result = unsafe { (self.descriptor.shutdown())(self.this, deadline_ms) };
        self.counters.shutdown.called(ticks::now().wrapping_sub(start));
        if let abi::HookResult::Error(error) = result {
            self.counters.shutdown.failed(error.kind == abi::ERROR_PANIC);
            tracing::error!(extension = %self.name, "shutdown failed: {}", error.message);
        }
    }
}

/// What an extension gets beyond its deadline, so that one that uses the whole of it is not called late.
const GRACE: Duration = Duration::from_millis(200);

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: `this` came from `init` of the same descriptor; nothing else refers to it any more.
        unsafe { (self.descriptor.drop())(self.this) }
    }
}
