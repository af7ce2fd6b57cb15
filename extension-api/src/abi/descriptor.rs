//! What a library offers: its root module, and the functions of each extension in it.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec};

use super::{
    API_VERSION, Error, Function, HookResult, HostServicesRef, Init, Invocation, Outcome, PreResult, Value,
};

/// The root module of an extension library.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = LibraryRef, prefix_fields = LibraryPrefix)))]
pub struct Library {
    /// Called once, before anything else: connects the library's `tracing` to the host's log.
    pub connect: unsafe extern "C" fn(host: HostServicesRef),
    /// The extensions in this library.
    #[sabi(last_prefix_field)]
    pub extensions: unsafe extern "C" fn() -> RVec<DescriptorRef>,
}

impl RootModule for LibraryRef {
    abi_stable::declare_root_module_statics! {LibraryRef}
    const BASE_NAME: &'static str = "funcdock_extension";
    const NAME: &'static str = "funcdock_extension";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(API_VERSION);
}

/// One extension: its name, what it wants to be called for, and how.
///
/// `instance` is what `init` returned. The functions of an instance are called from any thread, several at
/// once, except `shutdown` and `drop`, which come last and alone.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DescriptorRef, prefix_fields = DescriptorPrefix)))]
pub struct Descriptor {
    /// The name that host.json uses.
    pub name: RStr<'static>,
    /// The extension's own version.
    pub version: RStr<'static>,
    /// `SCOPE_APP` or `SCOPE_FUNCTION`.
    pub scope: u8,
    /// Which hooks it implements: the `HOOK_…` bits.
    pub hooks: u32,
    /// Checks settings (JSON text) without making an instance.
    pub configure: unsafe extern "C" fn(settings: RStr<'_>) -> RResult<(), Error>,
    /// Makes an instance from settings (JSON text).
    pub init: unsafe extern "C" fn(settings: RStr<'_>, init: Init) -> RResult<*mut c_void, Error>,
    /// After a function that the extension applies to was loaded.
    pub post_function_load: unsafe extern "C" fn(instance: *const c_void, function: Function) -> HookResult,
    /// Before a call. On `Continue` the slot holds the hook's state, which `post_invocation` takes.
    pub pre_invocation: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation,
        state: *mut StateSlot,
    ) -> PreResult,
    /// After a call, for every pre hook that continued. Takes the state out of the slot.
    pub post_invocation: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation,
        outcome: Outcome,
        state: *mut StateSlot,
    ) -> HookResult,
    /// The end of the worker: finish and flush within this many milliseconds.
    pub shutdown: unsafe extern "C" fn(instance: *const c_void, deadline_ms: u64) -> HookResult,
    /// Destroys the instance.
    #[sabi(last_prefix_field)]
    pub drop: unsafe extern "C" fn(instance: *mut c_void),
    /// Writes out what the extension holds back, within this many milliseconds (since 1.1).
    pub flush: unsafe extern "C" fn(instance: *const c_void, deadline_ms: u64) -> HookResult,
    /// The hooks whose failure fails the invocation: `HOOK_…` bits (since 1.1).
    pub strict: u32,
    /// The settings that it takes (since 1.1).
    pub settings: unsafe extern "C" fn() -> RVec<Setting>,
    /// The names of the attributes that `attribute` makes (since 1.2).
    pub attributes: unsafe extern "C" fn() -> RVec<RStr<'static>>,
    /// Makes an attribute of `context` that function code asks for and no hook has set; nothing where there is none for
    /// this call. From any thread, several at once (since 1.2).
    pub attribute: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation,
        name: RStr<'_>,
    ) -> RResult<ROption<Value>, Error>,
    /// The Python modules that go with the extension, in the order in which they are run (since 1.2).
    pub companion: RSlice<'static, Module>,
    /// What `dock` of the last one is called with; asked for once, after `init` (since 1.2).
    pub native: unsafe extern "C" fn(instance: *const c_void) -> RResult<Value, Error>,
}

/// A Python module that an extension brings with it.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct Module {
    /// Its name, within the companion's package.
    pub name: RStr<'static>,
    /// Its source.
    pub source: RStr<'static>,
}

/// A setting of an extension, as far as it can be told from the type that it is read into.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Setting {
    /// Its key.
    pub name: RString,
    /// What it takes, as a Python annotation: `float`, `str | None`, `Literal["console", "otlp"]`, `Any`.
    pub annotation: RString,
}

/// Applies to every function of the app, through one instance.
pub const SCOPE_APP: u8 = 0;
/// Applies to single functions, through an instance each.
pub const SCOPE_FUNCTION: u8 = 1;

/// The extension has a `post_function_load` hook.
pub const HOOK_POST_FUNCTION_LOAD: u32 = 1;
/// The extension has a `pre_invocation` hook.
pub const HOOK_PRE_INVOCATION: u32 = 2;
/// The extension has a `post_invocation` hook. Never set without `HOOK_PRE_INVOCATION`.
pub const HOOK_POST_INVOCATION: u32 = 4;
/// The extension has a `shutdown` hook.
pub const HOOK_SHUTDOWN: u32 = 8;
/// The extension has a `flush` hook (since 1.1).
pub const HOOK_FLUSH: u32 = 16;
/// The SDK calls the extension's `on_exception` from within `post_invocation` (since 1.1).
pub const HOOK_ON_EXCEPTION: u32 = 32;

/// Room for a hook's state on its way from pre to post: small states in place, others boxed by the SDK.
///
/// The host never looks inside. It owns the slot, and drops it when no post hook took the state.
#[repr(C)]
#[derive(StableAbi)]
pub struct StateSlot {
    /// The state, or a pointer to it; untouched while `drop` is `None`.
    pub data: [MaybeUninit<usize>; StateSlot::WORDS],
    /// Drops what `data` holds; `None` when it holds nothing.
    pub drop: Option<DropState>,
}

/// How to drop the state that a slot's `data` holds.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy)]
pub struct DropState {
    /// Receives a pointer to the slot's `data`.
    pub function: unsafe extern "C" fn(data: *mut c_void),
}

impl StateSlot {
    /// How many words a state may have to be kept in place.
    pub const WORDS: usize = 3;

    /// A slot that holds nothing.
    pub const EMPTY: StateSlot = StateSlot {
        data: [MaybeUninit::uninit(); StateSlot::WORDS],
        drop: None,
    };
}

/// What the future of a hook that waited comes to.
#[repr(C)]
#[derive(StableAbi)]
pub struct Waited {
    /// As the hook would have returned it.
    pub result: PreResult,
    /// The state of a pre hook that continues.
    pub state: StateSlot,
}

impl Drop for StateSlot {
    fn drop(&mut self) {
        if let Some(drop) = self.drop.take() {
            // SAFETY: whoever set `drop` filled `data` for it, and taking it first makes this the only call.
            unsafe { (drop.function)(self.data.as_mut_ptr().cast()) }
        }
    }
}
