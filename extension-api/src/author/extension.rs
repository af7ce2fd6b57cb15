//! The trait that an extension implements, and the life that the host leads it through.

use std::time::Duration;

use abi_stable::std_types::{RSlice, RStr};
use serde::de::DeserializeOwned;

use super::attribute::Attribute;
use super::context::{AppInfo, Function, FunctionInfo};
use super::error::Result;
use super::flow::Flow;
use super::invocation::Invocation;
use super::outcome::{Exception, Outcome};
use super::stream_end::StreamEnd;
use super::value::Value;
use crate::abi;

/// An extension: middleware around the functions of an app. `#[extension]` on the `impl` block says of what level it is,
/// finds the hooks that the block has, and exports the extension.
///
/// Only `init` must be there. A hook that is left out is never called and costs nothing. `type Settings` and
/// `type State` may be left out too: then they are `()`.
///
/// | phase | how often | on which thread | may block |
/// |---|---|---|---|
/// | `configure` | once a worker, before any Python code runs; again when function code configures it | the worker's main thread | no |
/// | `init` | once a worker (app level), once a function (function level) | main | yes, briefly: it delays the start |
/// | `native` | once a worker, if there is a companion | main | yes, briefly |
/// | `post_function_load` | once a function that the extension applies to | main | yes, briefly |
/// | `pre_invocation` | once a call | any, many at once | no: other calls wait on the same thread |
/// | a function with `#[attribute]` | when function code asks for the attribute and no hook has set it | any, beside the function | no |
/// | `on_exception` | right before `post_invocation`, if the function raised | any, many at once | no |
/// | `post_invocation` | once for each `pre_invocation` that continued | any, many at once | no |
/// | `stream_ended` | after `post_invocation`, at the end of a streamed response's body | any, many at once | no |
/// | `flush` | when the operator asks for it | one of its own | until the deadline |
/// | `shutdown` | once, after the last call ended | one | until the deadline |
///
/// A hook around calls that has to wait gives a future to the host ([`Flow::wait`], [`Invocation::wait_for`]).
///
/// After `shutdown` the instance is dropped. The library itself is never unloaded.
///
/// A hook around calls that fails (an error, a panic) is logged and counted, and the invocation goes on. `#[strict]` on
/// `pre_invocation` or `post_invocation` makes its failure fail the invocation, as authorization wants it. host.json's
/// `onError` overrides this.
pub trait Extension: Declared + Send + Sync + Sized + 'static {
    /// The `settings` of host.json. An unknown key is an error; give defaults with `#[serde(default)]`.
    type Settings: DeserializeOwned + 'static;
    /// What `pre_invocation` hands to `post_invocation`, and that one to `stream_ended`. Up to three words are carried
    /// without allocation. It is dropped after `post_invocation`, or at the end of the stream if the response is streamed.
    type State: Send + 'static;
    /// Python that goes with the extension, its companion, for what only Python can do: context variables, classes,
    /// other libraries' hooks. The host runs these modules once a worker, after `init`, in this order; they import each
    /// other by `from . import name`. Then it calls `dock(native)` of the last one; the chapter on extensions says what
    /// that may return.
    const COMPANION: &'static [PythonModule] = &[];

    /// Checks settings beyond what their types say.
    fn configure(settings: &Self::Settings) -> Result<()> {
        let _ = settings;
        Ok(())
    }

    /// Makes an instance. An error stops the host, unless host.json says `"required": false`.
    ///
    /// An app-level extension gets an [`AppInfo`] and has one instance. A function-level extension
    /// (`#[extension(scope = function)]`) gets a [`FunctionInfo`] and has an instance for each function.
    fn init(settings: Self::Settings, info: &Info<'_, Self>) -> Result<Self>;

    /// Returns what `dock` of the [companion](Self::COMPANION) is called with: mostly an object
    /// ([`Value::object`](crate::Value::object)) for what does not belong to a single call. The first instance of a
    /// worker is asked. Not called without a companion.
    fn native(&self) -> Result<Value> {
        Ok(Value::None)
    }

    /// Runs after a function that the extension applies to was loaded.
    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        let _ = function;
        Ok(())
    }

    /// Runs before a call. May be left out if `State` is `()`.
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Self::State>>;

    /// Made by `#[extension]` of the functions with `#[attribute]`.
    #[doc(hidden)]
    fn attribute(&self, call: &Invocation<'_>, name: &str) -> Result<Option<Value>> {
        let _ = (call, name);
        Ok(None)
    }

    /// Runs after a call, however it ended. Not called if `pre_invocation` of that call did not continue.
    ///
    /// If the function returned a response whose body is a stream ([`Outcome::is_streamed`]), this runs when the status and
    /// the headers are ready, before the body is made: the hook can change them, or replace the body.
    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: &mut Self::State,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let _ = (call, state, outcome);
        Ok(())
    }

    /// Runs once at the end of the stream, if the response was streamed when `post_invocation` of this extension ran.
    /// Never called for a whole response. It cannot wait, and its failure does not change what the client gets.
    fn stream_ended(
        &self,
        call: &mut Invocation<'_>,
        state: &mut Self::State,
        end: &StreamEnd<'_>,
    ) -> Result<()> {
        let _ = (call, state, end);
        Ok(())
    }

    /// Runs after a call whose function raised, right before `post_invocation`: a convenience, which sees the same.
    fn on_exception(&self, call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
        let _ = (call, exception);
        Ok(())
    }

    /// Writes out what the extension holds back (spans, records), within the deadline. Called when the operator asks for
    /// it.
    fn flush(&self, deadline: Duration) -> Result<()> {
        let _ = deadline;
        Ok(())
    }

    /// Runs at the end of the worker: finish within the deadline. Calls `flush` if left out.
    fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.flush(deadline)
    }
}

/// What `init` of an extension of type `E` gets: [`AppInfo`], or [`FunctionInfo`] for a function-level extension.
pub type Info<'a, E> = <<E as Declared>::Scope as Scope>::Info<'a>;

/// What `#[extension]` says of the `impl` block that it is on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`impl Extension for {Self}` has no attribute `#[extension]`",
    label = "not an extension without it",
    note = "write `#[extension]` above the `impl` block, or `#[extension(scope = function)]` for one instance per function"
)]
pub trait Declared {
    /// [`AppLevel`] or [`FunctionLevel`].
    type Scope: Scope;
    /// The hooks that the block has: `HOOK_…` bits.
    const HOOKS: u32;
    /// Those of them that are strict.
    const STRICT: u32;
    /// The names that host.json may use.
    const NAMES: &'static [&'static str];
    /// The attributes of `context` that it makes or sets.
    const ATTRIBUTES: &'static [Attribute];
    /// The extensions whose hooks run before its own.
    const AFTER: &'static [&'static str];
    /// The keys of the settings that are documented, and how.
    fn settings_documentation() -> &'static [(&'static str, &'static str)];
    /// The version of the author's crate.
    const VERSION: &'static str;
}

/// What there is an instance for.
#[doc(hidden)]
pub trait Scope: 'static {
    /// Its number in the descriptor.
    const CODE: u8;
    /// What `init` gets.
    type Info<'a>;

    /// Makes what `init` gets.
    fn info(raw: abi::Init<'_>) -> Result<Self::Info<'_>>;
}

/// One instance for the whole app.
#[doc(hidden)]
pub struct AppLevel;

/// One instance for each function.
#[doc(hidden)]
pub struct FunctionLevel;

impl Scope for AppLevel {
    const CODE: u8 = abi::SCOPE_APP;
    type Info<'a> = AppInfo<'a>;

    fn info(raw: abi::Init<'_>) -> Result<AppInfo<'_>> {
        Ok(AppInfo::new(raw))
    }
}

impl Scope for FunctionLevel {
    const CODE: u8 = abi::SCOPE_FUNCTION;
    type Info<'a> = FunctionInfo<'a>;

    fn info(raw: abi::Init<'_>) -> Result<FunctionInfo<'_>> {
        FunctionInfo::new(raw)
    }
}

/// A Python module of an extension's [companion](Extension::COMPANION).
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct PythonModule(abi::Module);

impl PythonModule {
    /// A module of this name, which is a Python identifier; the source mostly comes from `include_str!`.
    pub const fn new(name: &'static str, source: &'static str) -> Self {
        PythonModule(abi::Module {
            name: RStr::from_str(name),
            source: RStr::from_str(source),
        })
    }

    pub(crate) const fn into_abi(modules: &'static [PythonModule]) -> RSlice<'static, abi::Module> {
        // SAFETY: `repr(transparent)` makes a `PythonModule` laid out as the `Module` in it.
        let modules = unsafe { &*(std::ptr::from_ref(modules) as *const [abi::Module]) };
        RSlice::from_slice(modules)
    }
}
