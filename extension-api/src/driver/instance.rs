//! Extensions and their instances, safe to call. All `unsafe` of calling an extension is in this file.
//!
//! It rests on two promises. A descriptor is one that the SDK made: [`LoadedExtension::new`] asks its caller for that.
//! And an instance is what `init` of the same descriptor returned, is `Send + Sync` by the bounds of the SDK's trait, and
//! is dropped once, when nothing refers to it: [`Instance`] sees to that. Contexts are alive by their lifetimes.

use std::ffi::c_void;
use std::task::Context;
use std::time::Duration;

use abi_stable::std_types::{RBox, RStr};

use super::hook::{self, Hook, Scope};
use super::running;
use super::waiting::{HookCall, Returned, State};
use crate::abi;
use crate::border::guard;
use crate::export::registrations;

/// An extension of a library whose layout was checked, or one that is linked into this program.
#[derive(Clone, Copy)]
pub struct LoadedExtension(abi::DescriptorRef);

// SAFETY: a descriptor is a constant table of functions that may be called from any thread.
unsafe impl Send for LoadedExtension {}
// SAFETY: as above.
unsafe impl Sync for LoadedExtension {}

impl LoadedExtension {
    /// An extension of a library.
    ///
    /// # Safety
    /// The descriptor was made by `funcdock-extension-api`: it comes from a library that passed the handshake, all of its
    /// steps.
    pub const unsafe fn new(descriptor: abi::DescriptorRef) -> Self {
        LoadedExtension(descriptor)
    }

    #[cfg(any(feature = "testing", all(doc, not(doctest))))]
    pub(crate) fn of<E: crate::Extension>() -> Self {
        guard::install_panic_hook();
        LoadedExtension(crate::export::descriptor::<E, 0>())
    }

    /// The extensions that are linked into this program, in no particular order.
    pub fn linked() -> impl Iterator<Item = LoadedExtension> {
        guard::install_panic_hook();
        registrations().map(LoadedExtension)
    }

    /// Tells extensions apart: the address of the descriptor.
    #[inline]
    fn address(&self) -> usize {
        self.0.0.to_raw_ptr().addr()
    }

    /// The name that host.json uses.
    pub fn name(&self) -> &'static str {
        self.0.name().as_str()
    }

    /// The extension's own version.
    pub fn version(&self) -> &'static str {
        self.0.version().as_str()
    }

    /// What there is an instance for. A scope that is [unknown](Self::unknown) counts as `Function`.
    pub fn scope(&self) -> Scope {
        Scope::from_abi(self.0.scope()).unwrap_or(Scope::Function)
    }

    /// What of it only a newer version of the API knows, and a host must not leave out: `a hook (bit 7)`, `a scope (2)`.
    pub fn unknown(&self) -> Option<String> {
        hook::unknown(self.0.hooks() | self.0.strict(), self.0.scope())
    }

    /// Whether it has this hook.
    #[inline]
    pub fn has(&self, hook: Hook) -> bool {
        self.0.hooks() & hook.bit() != 0
    }

    /// Whether its `post_invocation` calls `on_exception` first, for a function that raised.
    pub fn has_on_exception(&self) -> bool {
        self.0.hooks() & abi::HOOK_ON_EXCEPTION != 0
    }

    /// Whether it wants a failure of this hook to fail the invocation.
    pub fn is_strict(&self, hook: Hook) -> bool {
        self.0.strict() & hook.bit() != 0
    }

    /// The settings that it takes.
    pub fn settings(&self) -> Vec<abi::Setting> {
        // SAFETY: the descriptor is the SDK's.
        unsafe { (self.0.settings())() }.into_vec()
    }

    /// The attributes of `context` that it makes or sets.
    pub fn attributes(&self) -> abi::Attributes {
        // SAFETY: the descriptor is the SDK's.
        unsafe { (self.0.attributes())() }
    }

    /// The names of the attributes that it makes when function code asks for them.
    pub fn made_attributes(&self) -> Vec<&'static str> {
        let attributes = self.attributes().attributes.into_iter();
        let made = attributes.filter(|attribute| attribute.is_made);
        made.map(|attribute| attribute.name.as_str()).collect()
    }

    /// The names of the extensions whose hooks run before its own.
    pub fn after(&self) -> Vec<&'static str> {
        // SAFETY: the descriptor is the SDK's.
        let names = unsafe { (self.0.after())() };
        names.into_iter().map(|name| name.as_str()).collect()
    }

    /// The Python modules that go with it, in the order in which they are run.
    pub fn companion(&self) -> &'static [abi::Module] {
        self.0.companion().as_slice()
    }

    /// Checks settings, given as JSON text.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn configure(&self, settings: &str) -> Result<(), abi::Error> {
        // SAFETY: the descriptor is the SDK's.
        unsafe { (self.0.configure())(RStr::from_str(settings)) }.into_result()
    }

    /// Makes an instance, with settings given as JSON text.
    ///
    /// # Errors
    /// The error of `init`.
    pub fn init(&self, settings: &str, context: abi::Init<'_>) -> Result<Instance, abi::Error> {
        // SAFETY: the descriptor is the SDK's.
        let this = unsafe { (self.0.init())(RStr::from_str(settings), context) }.into_result()?;
        Ok(Instance {
            extension: *self,
            this,
        })
    }
}

/// One instance of an extension. Dropping it calls the extension's destructor.
pub struct Instance {
    extension: LoadedExtension,
    this: *mut c_void,
}

// SAFETY: an extension's type is `Send + Sync`, by the bounds of the SDK's trait.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// The extension that it is one of.
    #[inline]
    pub fn extension(&self) -> &LoadedExtension {
        &self.extension
    }

    /// Returns what `dock` of the companion is called with.
    ///
    /// # Errors
    /// The error of the extension.
    pub fn native(&self) -> Result<abi::Value, abi::Error> {
        // SAFETY: see the top of the file.
        unsafe { (self.extension.0.native())(self.this) }.into_result()
    }

    /// Calls `post_function_load`, if it has it.
    ///
    /// # Errors
    /// The hook's.
    pub fn post_function_load(&self, function: abi::Function<'_>) -> Result<(), abi::Error> {
        if !self.extension.has(Hook::PostFunctionLoad) {
            return Ok(());
        }
        // SAFETY: see the top of the file.
        into_result(unsafe { (self.extension.0.post_function_load())(self.this, function) })
    }

    /// Calls `pre_invocation`, and polls what it waits for once. The hook's state goes into `state`, whose old value is
    /// dropped.
    #[inline]
    pub fn pre_invocation(
        &self,
        invocation: abi::Invocation<'_>,
        state: &mut State,
        context: &mut Context<'_>,
    ) -> HookCall {
        *state = State {
            slot: abi::StateSlot::EMPTY,
            extension: self.extension.address(),
        };
        let slot = &raw mut state.slot;
        let (result, future) = running::run(invocation.this(), || {
            // SAFETY: see the top of the file; the slot is empty and ours.
            unsafe { (self.extension.0.pre_invocation())(self.this, invocation, slot) }
        });
        HookCall::new(result, future, self.extension.address(), state, context)
    }

    /// Calls `post_invocation` with the state of the pre hook, and polls what it waits for once. `keeps_state` leaves the
    /// state for [`stream_ended`](Self::stream_ended): the response is streamed.
    ///
    /// Does nothing without a state, or with one of another extension.
    #[inline]
    pub fn post_invocation(
        &self,
        invocation: abi::Invocation<'_>,
        outcome: abi::Outcome<'_>,
        state: &mut State,
        keeps_state: bool,
        context: &mut Context<'_>,
    ) -> HookCall {
        if state.is_none() || state.extension != self.extension.address() {
            return HookCall::Returned(Returned(abi::PreResult::Continue));
        }
        let slot = &raw mut state.slot;
        let (result, future) = running::run(invocation.this(), || {
            // SAFETY: see the top of the file; the slot is of a pre hook of the same extension.
            unsafe { (self.extension.0.post_invocation())(self.this, invocation, outcome, slot, keeps_state) }
        });
        let result = match result {
            abi::HookResult::Ok => abi::PreResult::Continue,
            abi::HookResult::Error(error) => abi::PreResult::Error(error),
        };
        HookCall::new(result, future, self.extension.address(), state, context)
    }

    /// Calls `stream_ended` with the state that `post_invocation` left.
    ///
    /// Does nothing without the hook or a state, or with a state of another extension.
    ///
    /// # Errors
    /// The hook's.
    pub fn stream_ended(
        &self,
        invocation: abi::Invocation<'_>,
        end: abi::StreamEnd<'_>,
        state: &mut State,
    ) -> Result<(), abi::Error> {
        let is_own = !state.is_none() && state.extension == self.extension.address();
        if !is_own || !self.extension.has(Hook::StreamEnded) {
            return Ok(());
        }
        // SAFETY: see the top of the file; the slot is of a pre hook of the same extension.
        into_result(unsafe {
            (self.extension.0.stream_ended())(self.this, invocation, end, &raw mut state.slot)
        })
    }

    /// Makes the attribute of this name for a call; `None` if there is none for it.
    ///
    /// # Errors
    /// The extension's.
    pub fn attribute(
        &self,
        invocation: abi::Invocation<'_>,
        name: &str,
    ) -> Result<Option<abi::Value>, abi::Error> {
        // SAFETY: see the top of the file.
        let made = unsafe { (self.extension.0.attribute())(self.this, invocation, RStr::from_str(name)) };
        made.into_result().map(Into::into)
    }

    /// Calls `flush`, if it has it. May block until the deadline and longer: see
    /// [`call_within`](super::call_within).
    ///
    /// # Errors
    /// The hook's.
    pub fn flush(&self, deadline: Duration) -> Result<(), abi::Error> {
        if !self.extension.has(Hook::Flush) {
            return Ok(());
        }
        // SAFETY: see the top of the file.
        into_result(unsafe { (self.extension.0.flush())(self.this, milliseconds(deadline)) })
    }

    /// Calls `shutdown`, if it has it. No other hook of the instance is to be called any more. May block, as `flush`.
    ///
    /// # Errors
    /// The hook's.
    pub fn shutdown(&self, deadline: Duration) -> Result<(), abi::Error> {
        if !self.extension.has(Hook::Shutdown) {
            return Ok(());
        }
        // SAFETY: see the top of the file.
        into_result(unsafe { (self.extension.0.shutdown())(self.this, milliseconds(deadline)) })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: see the top of the file.
        unsafe { (self.extension.0.drop())(self.this) }
    }
}

fn into_result(result: abi::HookResult) -> Result<(), abi::Error> {
    match result {
        abi::HookResult::Ok => Ok(()),
        abi::HookResult::Error(error) => Err(RBox::into_inner(error)),
    }
}

fn milliseconds(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)
}
