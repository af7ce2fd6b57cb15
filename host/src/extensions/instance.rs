//! One instance of an extension: made by `init`, called by hooks, destroyed when the last chain lets go of it.

use std::ffi::c_void;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use abi_stable::std_types::{RResult, RStr};
use funcdock_extension_api::abi;

use super::hook::{Counters, Hook};
use super::services::{InitContext, raw_function, raw_invocation};
use super::statistics::Failure;
use super::ticks;
use crate::model::{Attribute, FunctionInfo, Invocation};

/// What an extension brings in the language that the app is written in.
pub struct Companion {
    /// The extension's name.
    pub extension: Arc<str>,
    /// Its modules, in the order in which they are to be run.
    pub modules: &'static [abi::Module],
    /// What the extension has for it.
    pub native: Attribute,
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

    /// Whether its hooks around calls are not called any more.
    #[inline]
    pub(super) fn is_suspended(&self) -> bool {
        self.counters.is_suspended()
    }

    /// Whether this hook's failure fails the invocation.
    #[inline]
    pub(super) fn is_strict(&self, hook: Hook) -> bool {
        self.counters.strict & hook.bit() != 0
    }

    /// Whether there is a hook whose failure fails the invocation.
    pub(super) fn has_strict_hook(&self) -> bool {
        self.counters.strict != 0
    }

    /// A hook around a call took so many ticks.
    #[inline]
    pub(super) fn called(&self, hook: Hook, ticks: u64, invocation: &Invocation) {
        let nanoseconds = ticks::to_nanoseconds(ticks);
        self.counters.of(hook).called(nanoseconds);
        if nanoseconds > self.counters.budget_ns {
            self.was_slow(hook, Duration::from_nanos(nanoseconds), invocation);
        }
    }

    /// Polling what a hook waits for took so many ticks.
    #[inline]
    pub(super) fn polled(&self, hook: Hook, ticks: u64, invocation: &Invocation) {
        let nanoseconds = ticks::to_nanoseconds(ticks);
        if nanoseconds > self.counters.budget_ns {
            self.was_slow(hook, Duration::from_nanos(nanoseconds), invocation);
        }
    }

    #[cold]
    fn was_slow(&self, hook: Hook, took: Duration, invocation: &Invocation) {
        let times = self.counters.of(hook).was_slow();
        // Each time it has happened twice as often: a hook that is always slow must not flood the log.
        if times.is_power_of_two() {
            let trace = invocation.trace_ids();
            tracing::warn!(
                extension = %self.name,
                function = invocation.function().name,
                invocation = invocation.id(),
                trace_id = trace.trace_id(),
                span_id = trace.span_id(),
                "{hook} took {took:.1?}, longer than its budget of {:?} ({times} times so far): other calls waited \
                 for it meanwhile",
                Duration::from_nanos(self.counters.budget_ns)
            );
        }
    }

    /// The hook's last call went well.
    #[inline]
    pub(super) fn succeeded(&self, hook: Hook) {
        self.counters.of(hook).succeeded();
    }

    /// The hook's call failed: logged, counted, and where it panics again and again, the last one.
    #[cold]
    pub(super) fn failed(&self, hook: Hook, invocation: &Invocation, error: &abi::Error) {
        let (name, function) = (&self.name, &invocation.function().name);
        let trace = invocation.trace_ids();
        tracing::error!(
            extension = %name,
            function,
            invocation = invocation.id(),
            trace_id = trace.trace_id(),
            span_id = trace.span_id(),
            "{hook} failed: {}", error.message
        );
        let panics = self.counters.of(hook).failed(Failure::of(error));
        if self.counters.suspend_after.is_some_and(|most| panics > most)
            && !self.counters.suspended.swap(true, Ordering::Relaxed)
        {
            tracing::error!(
                extension = %name,
                "suspended: {hook} has panicked {panics} times in a row; its hooks around calls are not called any \
                 more until the worker restarts (workerExtensions.{name}.suspendAfterPanics in host.json)"
            );
        }
    }

    /// The names of the attributes that it makes when they are asked for.
    pub(super) fn attributes(&self) -> Vec<RStr<'static>> {
        // SAFETY: the descriptor is of an open library, which is never closed.
        self.descriptor
            .attributes()
            .map_or_else(Vec::new, |names| unsafe { names() }.into())
    }

    /// The attribute of this name for a call; what goes wrong is logged.
    pub(super) fn attribute(&self, invocation: &Arc<Invocation>, name: &str) -> Option<Attribute> {
        let make = self.descriptor.attribute()?;
        // SAFETY: the instance is alive; the invocation and the name are borrowed for the call.
        let made = unsafe { make(self.this, raw_invocation(invocation), RStr::from_str(name)) };
        match made {
            RResult::ROk(value) => value.into_option().map(Attribute::from),
            RResult::RErr(error) => {
                tracing::error!(
                    extension = %self.name,
                    function = invocation.function().name,
                    invocation = invocation.id(),
                    "the attribute {name:?} cannot be made: {}", error.message
                );
                None
            }
        }
    }

    /// The Python modules that go with the extension, where it has one.
    pub(super) fn companion(&self) -> Result<Option<Companion>, abi::Error> {
        let (Some(modules), Some(native)) = (self.descriptor.companion(), self.descriptor.native()) else {
            return Ok(None);
        };
        if modules.is_empty() {
            return Ok(None);
        }
        // SAFETY: the instance is alive.
        let native = unsafe { native(self.this) }.into_result()?;
        Ok(Some(Companion {
            extension: Arc::clone(&self.name),
            modules: modules.as_slice(),
            native: native.into(),
        }))
    }

    /// Calls `post_function_load` where the extension has it; what goes wrong is logged and counted.
    pub(super) fn post_function_load(&self, function: &FunctionInfo) {
        if !self.has(abi::HOOK_POST_FUNCTION_LOAD) {
            return;
        }
        let start = ticks::now();
        // SAFETY: the instance is alive, and the function is borrowed for the call.
        let result = unsafe { (self.descriptor.post_function_load())(self.this, raw_function(function)) };
        let counters = &self.counters.post_function_load;
        counters.called(ticks::to_nanoseconds(ticks::now().saturating_sub(start)));
        if let abi::HookResult::Error(error) = result {
            counters.failed(Failure::of(&error));
            tracing::error!(
                extension = %self.name,
                function = function.name,
                "post_function_load failed: {}", error.message
            );
        }
    }

    /// Calls `flush` where the extension has it, and waits for it no longer than the deadline and a little.
    pub(super) fn flush(self: Arc<Self>, deadline: Duration) {
        if let Some(flush) = self.descriptor.flush()
            && self.has(abi::HOOK_FLUSH)
        {
            self.call_within(Hook::Flush, flush, deadline);
        }
    }

    /// Calls `shutdown` where the extension has it, lets go of the instance, and waits for both no longer than the
    /// deadline and a little.
    pub(super) fn shutdown(self: Arc<Self>, deadline: Duration) {
        let shutdown = self.descriptor.shutdown();
        self.call_within(Hook::Shutdown, shutdown, deadline);
    }

    /// Calls a hook that takes a deadline, on a thread of its own, so that one that blocks can be named and left
    /// behind.
    fn call_within(self: Arc<Self>, hook: Hook, function: HookWithDeadline, deadline: Duration) {
        let name = Arc::clone(&self.name);
        let (done, wait) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("{hook} {name}"))
            .spawn(move || {
                if self.has(hook.bit()) {
                    self.call_with_deadline(hook, function, deadline);
                }
                // At the end most often the last to hold it: its destructor has to end before the process does.
                drop(self);
                // The receiver has gone when the deadline has passed.
                let _ = done.send(());
            });
        if let Err(error) = thread {
            tracing::error!(extension = %name, "{hook}: no thread to run it on: {error}");
            return;
        }
        if wait.recv_timeout(deadline + GRACE).is_err() {
            tracing::error!(
                extension = %name,
                "{hook} did not return within {deadline:?}: left behind, what it held back may be lost"
            );
        }
    }

    fn call_with_deadline(&self, hook: Hook, function: HookWithDeadline, deadline: Duration) {
        let start = ticks::now();
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        // SAFETY: the instance is alive; during `shutdown` no other hook of it runs any more.
        let result = unsafe { function(self.this, deadline_ms) };
        let counters = self.counters.of(hook);
        counters.called(ticks::to_nanoseconds(ticks::now().saturating_sub(start)));
        if let abi::HookResult::Error(error) = result {
            counters.failed(Failure::of(&error));
            tracing::error!(extension = %self.name, "{hook} failed: {}", error.message);
        }
    }
}

/// `flush` and `shutdown` of a descriptor: instance, milliseconds.
type HookWithDeadline = unsafe extern "C" fn(*const c_void, u64) -> abi::HookResult;

/// Names an extension whose `init` blocks, while it does: nothing else would tell why the host does not start.
pub(super) struct InitWatch {
    _over: mpsc::Sender<()>,
}

/// How long an `init` may take before it is named.
const INIT_PATIENCE: Duration = Duration::from_secs(5);

impl InitWatch {
    /// Watches until it is dropped.
    pub(super) fn start(name: &Arc<str>) -> Self {
        let (over, wait) = mpsc::channel::<()>();
        let name = Arc::clone(name);
        // Without a thread nothing is named, and that is all.
        let _ = std::thread::Builder::new()
            .name("init watch".to_owned())
            .spawn(move || {
                if wait.recv_timeout(INIT_PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    tracing::error!(
                        extension = %name,
                        "init has not returned for {INIT_PATIENCE:?}: the host waits for it and serves nothing yet"
                    );
                }
            });
        InitWatch { _over: over }
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
