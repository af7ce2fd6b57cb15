//! What the instances of an extension share: its counters, and how far the host trusts it.

use std::sync::atomic::{AtomicBool, Ordering};

use funcdock_extension_api::driver::{Hook, LoadedExtension};

use super::statistics::HookCounters;
use crate::app::{ExtensionConfig, Policy};

/// What the instances of an extension share.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) post_function_load: HookCounters,
    pub(super) pre_invocation: HookCounters,
    pub(super) post_invocation: HookCounters,
    pub(super) stream_ended: HookCounters,
    pub(super) flush: HookCounters,
    pub(super) shutdown: HookCounters,
    /// Whether its hooks around calls are suspended.
    suspended: AtomicBool,
    /// How many panics of a hook in a row suspend it; `None` if none do.
    suspend_after: Option<u32>,
    /// How long a hook around calls may take before that is logged; `u64::MAX` for no limit.
    pub(super) budget_ns: u64,
    /// Bits of hooks whose failure fails the invocation.
    strict: u32,
}

impl Counters {
    /// Counters of an extension. host.json overrides which of its hooks are strict.
    pub(super) fn new(config: &ExtensionConfig, extension: &LoadedExtension) -> Self {
        let on_error = &config.on_error;
        let policies = [
            (Hook::PreInvocation, on_error.pre_invocation),
            (Hook::PostInvocation, on_error.post_invocation),
        ];
        let is_strict = |hook, policy| match policy {
            None => extension.is_strict(hook),
            Some(policy) => policy == Policy::Fail,
        };
        let strict = policies
            .into_iter()
            .filter(|(hook, policy)| is_strict(*hook, *policy));
        Counters {
            post_function_load: HookCounters::default(),
            pre_invocation: HookCounters::default(),
            post_invocation: HookCounters::default(),
            stream_ended: HookCounters::default(),
            flush: HookCounters::default(),
            shutdown: HookCounters::default(),
            suspended: AtomicBool::new(false),
            suspend_after: config.suspend_after_panics,
            budget_ns: config.hook_budget.map_or(u64::MAX, |budget| {
                budget.as_nanos().try_into().unwrap_or(u64::MAX)
            }),
            strict: strict.map(|(hook, _)| hook.bit()).sum(),
        }
    }

    #[inline]
    pub(super) fn of(&self, hook: Hook) -> &HookCounters {
        match hook {
            Hook::PostFunctionLoad => &self.post_function_load,
            Hook::PreInvocation => &self.pre_invocation,
            Hook::PostInvocation => &self.post_invocation,
            Hook::StreamEnded => &self.stream_ended,
            Hook::Flush => &self.flush,
            Hook::Shutdown => &self.shutdown,
        }
    }

    /// Whether the hooks around calls are suspended.
    #[inline]
    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }

    /// Suspends the extension if this many panics in a row are too many. Returns whether this call has done it.
    pub(super) fn suspend_after(&self, panics: u32) -> bool {
        self.suspend_after.is_some_and(|most| panics > most) && !self.suspended.swap(true, Ordering::Relaxed)
    }

    /// Whether this hook's failure fails the invocation.
    #[inline]
    pub(super) fn is_strict(&self, hook: Hook) -> bool {
        self.strict & hook.bit() != 0
    }

    /// Whether there is a hook whose failure fails the invocation.
    pub(super) fn has_strict_hook(&self) -> bool {
        self.strict != 0
    }
}
