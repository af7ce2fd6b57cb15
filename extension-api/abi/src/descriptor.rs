//! What a library offers: its root module, and the functions of each extension in it.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec};

use super::{
    Error, Function, HookResult, HostServicesRef, Init, Invocation, Outcome, PreResult, StateSlot, StreamEnd,
    VERSION, Value,
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
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(VERSION);
}

/// One extension: its name, which hooks it has, and how to call them.
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
    /// `SCOPE_APP` or `SCOPE_FUNCTION`. A host refuses an extension with another one.
    pub scope: u8,
    /// Which hooks it has: `HOOK_…` bits. Others are never called. A host refuses an extension with a bit that it does not
    /// know, as that hook may guard calls.
    pub hooks: u32,
    /// The hooks whose failure fails the invocation: `HOOK_…` bits. As with `hooks`, a host knows all of them.
    pub strict: u32,
    /// The settings that it takes.
    pub settings: unsafe extern "C" fn() -> RVec<Setting>,
    /// The attributes of `context` that it makes or sets.
    pub attributes: unsafe extern "C" fn() -> Attributes,
    /// The names of the extensions whose hooks run before its own, if they are docked.
    pub after: unsafe extern "C" fn() -> RVec<RStr<'static>>,
    /// The Python modules that go with the extension, in the order in which they are run.
    pub companion: RSlice<'static, Module>,
    /// Checks settings (JSON text) without making an instance.
    pub configure: unsafe extern "C" fn(settings: RStr<'_>) -> RResult<(), Error>,
    /// Makes an instance from settings (JSON text).
    pub init: unsafe extern "C" fn(settings: RStr<'_>, init: Init<'_>) -> RResult<*mut c_void, Error>,
    /// What `dock` of the companion's last module is called with. Called once a worker, of the first instance, if there
    /// are modules.
    pub native: unsafe extern "C" fn(instance: *const c_void) -> RResult<Value, Error>,
    /// After a function that the extension applies to was loaded.
    pub post_function_load:
        unsafe extern "C" fn(instance: *const c_void, function: Function<'_>) -> HookResult,
    /// Before a call. On `Continue` the slot holds the hook's state.
    pub pre_invocation: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation<'_>,
        state: *mut StateSlot,
    ) -> PreResult,
    /// Makes one of the attributes that are made, when function code asks for it and no hook has set it; nothing if there is
    /// none for this call. From any thread, several at once.
    pub attribute: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation<'_>,
        name: RStr<'_>,
    ) -> RResult<ROption<Value>, Error>,
    /// After a call, for every pre hook that continued. Takes the state out of the slot, unless `keeps_state`: then the
    /// response is streamed, and `stream_ended` takes the state.
    pub post_invocation: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation<'_>,
        outcome: Outcome<'_>,
        state: *mut StateSlot,
        keeps_state: bool,
    ) -> HookResult,
    /// After the end of a stream that was the response's body at the time of `post_invocation`, for every pre hook that
    /// continued. Takes the state out of the slot. Must not wait.
    pub stream_ended: unsafe extern "C" fn(
        instance: *const c_void,
        invocation: Invocation<'_>,
        end: StreamEnd<'_>,
        state: *mut StateSlot,
    ) -> HookResult,
    /// Writes out what the extension holds back, within this many milliseconds.
    pub flush: unsafe extern "C" fn(instance: *const c_void, deadline_ms: u64) -> HookResult,
    /// The end of the worker: finish and flush within this many milliseconds.
    pub shutdown: unsafe extern "C" fn(instance: *const c_void, deadline_ms: u64) -> HookResult,
    /// Destroys the instance.
    #[sabi(last_prefix_field)]
    pub drop: unsafe extern "C" fn(instance: *mut c_void),
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

/// A setting of an extension, as far as the type that it is read into shows it.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Setting {
    /// Its key.
    pub name: RString,
    /// What it takes, as a Python annotation: `float`, `str | None`, `Literal["console", "otlp"]`, `Any`.
    pub annotation: RString,
    /// What it does; may be empty.
    pub documentation: RString,
}

/// The attributes of `context` that an extension makes or sets.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, Default)]
pub struct Attributes {
    /// The attributes.
    pub attributes: RVec<Attribute>,
    /// The classes that their annotations name.
    pub classes: RVec<Class>,
}

/// An attribute of `context`.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: RStr<'static>,
    /// Whether the extension makes it when function code asks for it. Otherwise a hook sets it.
    pub is_made: bool,
    /// Its type, as a Python annotation.
    pub annotation: RString,
    /// What it is; may be empty.
    pub documentation: RStr<'static>,
}

/// A class of the objects that an extension gives to Python code.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Class {
    /// Its name.
    pub name: RString,
    /// Its type stub: Python source, which ends with a line break.
    pub stub: RString,
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
/// The extension has a `flush` hook.
pub const HOOK_FLUSH: u32 = 16;
/// The SDK calls the extension's `on_exception` from within `post_invocation`.
pub const HOOK_ON_EXCEPTION: u32 = 32;
/// The extension has a `stream_ended` hook. Never set without `HOOK_PRE_INVOCATION`.
pub const HOOK_STREAM_ENDED: u32 = 64;
