//! One instance of an extension: made by `init`, called by hooks, destroyed when the last chain drops it.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{self, Hook, HookCall, NotInTime, State, call_within};

use super::counters::Counters;
use super::statistics::Failure;
use super::tables::{self, EndedCall};
use super::ticks;
use crate::model::{Attribute, CallResult, FunctionInfo, Invocation, StreamEnd};

/// What an extension brings in the language that the app is written in.
pub struct Companion {
    /// The extension's name.
    pub extension: Arc<str>,
    /// Its modules, in the order in which they are to be run.
    pub modules: &'static [abi::Module],
    /// The value that the extension passes to it.
    pub native: Attribute,
}

/// One instance of an extension, with what the host counts and logs of it.
pub(super) struct Instance {
    pub(super) name: Arc<str>,
    pub(super) counters: Arc<Counters>,
    driven: driver::Instance,
}

impl Instance {
    pub(super) fn new(name: &Arc<str>, counters: &Arc<Counters>, instance: driver::Instance) -> Self {
        Instance {
            name: Arc::clone(name),
            counters: Arc::clone(counters),
            driven: instance,
        }
    }

    /// Whether it has this hook.
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.driven.extension().has(hook)
    }

    /// Calls `pre_invocation`, which leaves its state in `state`.
    #[inline]
    pub(super) fn pre_invocation(
        &self,
        invocation: &Arc<Invocation>,
        state: &mut State,
        context: &mut Context<'_>,
    ) -> HookCall {
        self.driven
            .pre_invocation(tables::invocation(invocation), state, context)
    }

    /// Calls `post_invocation` with the state of the pre hook, which stays if `keeps_state`.
    #[inline]
    pub(super) fn post_invocation(
        &self,
        invocation: &Arc<Invocation>,
        result: &mut CallResult,
        state: &mut State,
        keeps_state: bool,
        context: &mut Context<'_>,
    ) -> HookCall {
        let mut ended = EndedCall::new(invocation, result);
        let outcome = tables::outcome(&mut ended);
        let invocation = tables::invocation(invocation);
        self.driven
            .post_invocation(invocation, outcome, state, keeps_state, context)
    }

    /// Calls `stream_ended` with the state of the pre hook, if the extension has it. A failure is logged and counted.
    pub(super) fn stream_ended(&self, invocation: &Arc<Invocation>, state: &mut State, end: &StreamEnd) {
        if !self.has(Hook::StreamEnded) || state.is_none() || self.counters.is_suspended() {
            return;
        }
        let before = ticks::now();
        let ended = self
            .driven
            .stream_ended(tables::invocation(invocation), tables::stream_end(end), state);
        let took = ticks::now().saturating_sub(before);
        self.called(Hook::StreamEnded, took, invocation);
        match ended {
            Ok(()) => self.counters.stream_ended.succeeded(),
            Err(error) => self.failed(Hook::StreamEnded, invocation, &error),
        }
    }

    /// Counts a call of a hook around calls, which took this many ticks.
    #[inline]
    pub(super) fn called(&self, hook: Hook, ticks: u64, invocation: &Invocation) {
        let nanoseconds = ticks::to_nanoseconds(ticks);
        self.counters.of(hook).called(nanoseconds);
        if nanoseconds > self.counters.budget_ns {
            self.was_slow(hook, Duration::from_nanos(nanoseconds), invocation);
        }
    }

    /// Notes that a poll of what a hook waits for took this many ticks.
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
        // Logs the 1st, 2nd, 4th, 8th … time: a hook that is always slow must not flood the log.
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

    /// Counts a failure of a hook around calls, logs it, and suspends the extension if it panics too often.
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
        if self.counters.suspend_after(panics) {
            tracing::error!(
                extension = %name,
                "suspended: {hook} has panicked {panics} times in a row; its hooks around calls are not called any \
                 more until the worker restarts (workerExtensions.{name}.suspendAfterPanics in host.json)"
            );
        }
    }

    /// The names of the attributes that it makes when function code reads them.
    pub(super) fn attribute_names(&self) -> Vec<&'static str> {
        self.driven.extension().made_attributes()
    }

    /// Makes the attribute of this name for a call. An error is logged.
    pub(super) fn attribute(&self, invocation: &Arc<Invocation>, name: &str) -> Option<Attribute> {
        match self.driven.attribute(tables::invocation(invocation), name) {
            Ok(made) => made.map(Attribute::from),
            Err(error) => {
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

    /// The Python modules that go with the extension; `None` if it has none.
    pub(super) fn companion(&self) -> Result<Option<Companion>, abi::Error> {
        let modules = self.driven.extension().companion();
        if modules.is_empty() {
            return Ok(None);
        }
        let native = self.driven.native()?;
        Ok(Some(Companion {
            extension: Arc::clone(&self.name),
            modules,
            native: native.into(),
        }))
    }

    /// Calls `post_function_load` if the extension has it. A failure is logged and counted.
    pub(super) fn post_function_load(&self, function: &FunctionInfo) {
        // The function is loaded whatever the hook does.
        let _ = self.call(Hook::PostFunctionLoad, Some(&function.name), || {
            self.driven.post_function_load(tables::function(function))
        });
    }

    /// Calls `flush` if the extension has it, and waits for it until the deadline and a little longer. `Err` is why not all
    /// is flushed, which is logged.
    pub(super) fn flush(self: Arc<Self>, deadline: Duration) -> Result<(), String> {
        if !self.has(Hook::Flush) {
            return Ok(());
        }
        let name = Arc::clone(&self.name);
        self.call_with_deadline(Hook::Flush, deadline, driver::Instance::flush)
            .map_err(|reason| format!("extension {name:?}: {reason}"))
    }

    /// Calls `shutdown` if the extension has it, drops the instance, and waits for both until the deadline and a little
    /// longer.
    pub(super) fn shutdown(self: Arc<Self>, deadline: Duration) {
        // Nobody waits for more than the log.
        let _ = self.call_with_deadline(Hook::Shutdown, deadline, driver::Instance::shutdown);
    }

    /// Calls a hook that has a deadline, on its own thread. A hook that blocks goes on there. `Err` is what went wrong,
    /// which is logged.
    fn call_with_deadline(
        self: Arc<Self>,
        hook: Hook,
        deadline: Duration,
        function: HookWithDeadline,
    ) -> Result<(), String> {
        let name = Arc::clone(&self.name);
        let called = call_within(format!("{hook} {name}"), deadline, move || {
            let called = self.call(hook, None, || function(&self.driven, deadline));
            // Usually the last owner at shutdown: the destructor has to end before the process does.
            drop(self);
            called
        });
        let reason = match called {
            Ok(called) => return called,
            Err(NotInTime::NoThread(error)) => format!("{hook}: no thread to run it on: {error}"),
            Err(NotInTime::Late) => {
                format!(
                    "{hook} did not return within {deadline:?}: left behind, what it held back may be lost"
                )
            }
        };
        tracing::error!(extension = %name, "{reason}");
        Err(reason)
    }

    /// Calls a hook that is not one around a call, if the extension has it. A failure is logged and counted; `Err` is what
    /// the log has of it.
    fn call(
        &self,
        hook: Hook,
        function: Option<&str>,
        call: impl FnOnce() -> Result<(), abi::Error>,
    ) -> Result<(), String> {
        if !self.has(hook) {
            return Ok(());
        }
        let start = ticks::now();
        let result = call();
        let counters = self.counters.of(hook);
        counters.called(ticks::to_nanoseconds(ticks::now().saturating_sub(start)));
        result.map_err(|error| {
            counters.failed(Failure::of(&error));
            let reason = format!("{hook} failed: {}", error.message);
            tracing::error!(extension = %self.name, function, "{reason}");
            reason
        })
    }
}

/// `flush` and `shutdown`.
type HookWithDeadline = fn(&driver::Instance, Duration) -> Result<(), abi::Error>;
