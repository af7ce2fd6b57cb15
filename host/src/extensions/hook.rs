//! The hooks of an extension, what its instances count of them, and how far the host trusts it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use funcdock_extension_api::abi;

use super::statistics::HookCounters;
use crate::app::{ExtensionConfig, Policy};

/// The hooks, as statistics and settings tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    PostFunctionLoad,
    PreInvocation,
    PostInvocation,
    Flush,
    Shutdown,
}

impl Hook {
    /// All of them, in the order of an extension's life.
    pub(super) const ALL: [Hook; 5] = [
        Hook::PostFunctionLoad,
        Hook::PreInvocation,
        Hook::PostInvocation,
        Hook::Flush,
        Hook::Shutdown,
    ];

    /// Its bit in [`abi::Descriptor::hooks`](funcdock_extension_api::abi::Descriptor::hooks).
    pub(super) const fn bit(self) -> u32 {
        match self {
            Hook::PostFunctionLoad => abi::HOOK_POST_FUNCTION_LOAD,
            Hook::PreInvocation => abi::HOOK_PRE_INVOCATION,
            Hook::PostInvocation => abi::HOOK_POST_INVOCATION,
            Hook::Flush => abi::HOOK_FLUSH,
            Hook::Shutdown => abi::HOOK_SHUTDOWN,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Hook::PostFunctionLoad => "post_function_load",
            Hook::PreInvocation => "pre_invocation",
            Hook::PostInvocation => "post_invocation",
            Hook::Flush => "flush",
            Hook::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the instances of an extension share: its counters, and how far the host trusts it.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) post_function_load: HookCounters,
    pub(super) pre_invocation: HookCounters,
    pub(super) post_invocation: HookCounters,
    pub(super) flush: HookCounters,
    pub(super) shutdown: HookCounters,
    /// Its hooks around calls are not called any more.
    pub(super) suspended: AtomicBool,
    /// How many panics of a hook in a row suspend it; `None` for never.
    pub(super) suspend_after: Option<u32>,
    /// How long a hook around calls may take before that is logged; `u64::MAX` for ever.
    pub(super) budget_ns: u64,
    /// Bits of hooks whose failure fails the invocation.
    pub(super) strict: u32,
}

impl Counters {
    /// For an extension that wants the failure of these hooks to fail the invocation: host.json has the last word.
    pub(super) fn new(config: &ExtensionConfig, declared_strict: u32) -> Self {
        let on_error = &config.on_error;
        let policies = [
            (Hook::PreInvocation, on_error.pre_invocation),
            (Hook::PostInvocation, on_error.post_invocation),
        ];
        let strict = policies.into_iter().map(|(hook, policy)| match policy {
            None => declared_strict & hook.bit(),
            Some(Policy::Fail) => hook.bit(),
            Some(Policy::Continue) => 0,
        });
        Counters {
            post_function_load: HookCounters::default(),
            pre_invocation: HookCounters::default(),
            post_invocation: HookCounters::default(),
            flush: HookCounters::default(),
            shutdown: HookCounters::default(),
            suspended: AtomicBool::new(false),
            suspend_after: config.suspend_after_panics,
            budget_ns: config.hook_budget.map_or(u64::MAX, |budget| {
                budget.as_nanos().try_into().unwrap_or(u64::MAX)
            }),
            strict: strict.sum(),
        }
    }

    #[inline]
    pub(super) fn of(&self, hook: Hook) -> &HookCounters {
        match hook {
            Hook::PostFunctionLoad => &self.post_function_load,
            Hook::PreInvocation => &self.pre_invocation,
            Hook::PostInvocation => &self.post_invocation,
            Hook::Flush => &self.flush,
            Hook::Shutdown => &self.shutdown,
        }
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }
}
