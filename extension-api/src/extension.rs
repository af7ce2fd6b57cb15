//! The two traits an extension implements, and the life that the host leads it through.
//!
//! | phase | how often | on which thread | may block |
//! |---|---|---|---|
//! | `configure` | once a worker, before any Python code runs; again when function code configures it | the worker's main thread | no |
//! | `init` | once a worker (app level), once a function (function level) | main | yes, briefly: it delays the start |
//! | `post_function_load` | once a function that the extension applies to | main | yes, briefly |
//! | `native` | once a worker, where there is a companion | main | yes, briefly |
//! | `pre_invocation` | once a call | any, many at once | no: other calls wait on the same thread |
//! | `attribute` | when function code asks for one of `ATTRIBUTES` that no hook has set | any, beside the function | no |
//! | `post_invocation` | once for each `pre_invocation` that continued | any, many at once | no |
//! | `on_exception` | right before `post_invocation`, where the function raised | any, many at once | no |
//! | `flush` | when the operator asks for it | any | until the deadline |
//! | `shutdown` | once, after the last call ended | one | until the deadline |
//!
//! A hook around calls that has to wait hands a future to the host ([`Flow::wait`], [`Invocation::wait_for`]).
//!
//! After `shutdown` the instance is dropped. The library itself is never unloaded.

use std::time::Duration;

use abi_stable::std_types::{RSlice, RStr};
use serde::de::DeserializeOwned;

use crate::{AppInfo, Exception, Flow, Function, Invocation, Outcome, Result, Value, abi};

/// Which hooks an extension implements. A hook that is left out of the set is never called and costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hooks(u32);

impl Hooks {
    /// No hook but `init`.
    pub const NONE: Hooks = Hooks(0);
    /// `post_function_load`.
    pub const POST_FUNCTION_LOAD: Hooks = Hooks(abi::HOOK_POST_FUNCTION_LOAD);
    /// `pre_invocation`.
    pub const PRE_INVOCATION: Hooks = Hooks(abi::HOOK_PRE_INVOCATION);
    /// `post_invocation`, and with it `pre_invocation`, which makes its state.
    pub const POST_INVOCATION: Hooks = Hooks(abi::HOOK_PRE_INVOCATION | abi::HOOK_POST_INVOCATION);
    /// `on_exception`, and with it `post_invocation`, right before which it is called.
    pub const ON_EXCEPTION: Hooks = Hooks(abi::HOOK_ON_EXCEPTION).and(Hooks::POST_INVOCATION);
    /// `flush`.
    pub const FLUSH: Hooks = Hooks(abi::HOOK_FLUSH);
    /// `shutdown`.
    pub const SHUTDOWN: Hooks = Hooks(abi::HOOK_SHUTDOWN);
    /// All of them: the default.
    pub const ALL: Hooks = Hooks::POST_FUNCTION_LOAD
        .and(Hooks::PRE_INVOCATION)
        .and(Hooks::POST_INVOCATION)
        .and(Hooks::ON_EXCEPTION)
        .and(Hooks::FLUSH)
        .and(Hooks::SHUTDOWN);

    /// Both sets together.
    pub const fn and(self, other: Hooks) -> Hooks {
        Hooks(self.0 | other.0)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

/// A Python module of an extension's [companion](AppExtension::COMPANION).
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
        // SAFETY: a `Module` is laid out as what it wraps.
        let modules = unsafe { &*(std::ptr::from_ref(modules) as *const [abi::Module]) };
        RSlice::from_slice(modules)
    }
}

/// An extension that applies to every function of the app (or those that host.json names), through one instance.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no app-level extension",
    label = "does not implement `AppExtension`",
    note = "implement `AppExtension` for it; where it implements `FunctionExtension`, add `scope = function`: \
            `export_extension!({Self}, scope = function)`"
)]
pub trait AppExtension: Send + Sync + Sized + 'static {
    /// The `settings` of host.json. An unknown key is an error; give defaults with `#[serde(default)]`.
    type Settings: DeserializeOwned + 'static;
    /// What `pre_invocation` hands to `post_invocation`. Up to three words are carried without allocation.
    type State: Send + 'static;
    /// Which hooks the host should call.
    const HOOKS: Hooks = Hooks::ALL;
    /// Hooks around calls whose failure (an error, a panic) fails the invocation, as authorization wants it. Others
    /// are logged and counted, and the invocation goes on. host.json's `onError` overrides this.
    const STRICT: Hooks = Hooks::NONE;
    /// The attributes of `context` that [`attribute`](Self::attribute) makes when function code asks for them.
    const ATTRIBUTES: &'static [&'static str] = &[];
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

    /// Makes the instance. An error stops the host, unless host.json says `"required": false`.
    fn init(settings: Self::Settings, app: &AppInfo<'_>) -> Result<Self>;

    /// What `dock` of the [companion](Self::COMPANION) is called with: mostly an object
    /// ([`Value::object`](crate::Value::object)) for what has to do with no single call. Not called without a companion.
    fn native(&self) -> Result<Value> {
        Ok(Value::None)
    }

    /// After a function that the extension applies to was loaded.
    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        let _ = function;
        Ok(())
    }

    /// Before a call.
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Self::State>>;

    /// Makes an attribute of `context` when function code first asks for it, where no hook has set one: a call whose
    /// function does not ask pays nothing. `None` where there is none for this call. It runs beside the function, on any
    /// thread, and may run again for the same call. Only for extensions with hooks around calls. An error is logged, and
    /// the function gets an `AttributeError`.
    fn attribute(&self, call: &Invocation<'_>, name: &str) -> Result<Option<Value>> {
        let _ = (call, name);
        Ok(None)
    }

    /// After a call, however it ended. Not called for one whose `pre_invocation` did not continue.
    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: Self::State,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let _ = (call, state, outcome);
        Ok(())
    }

    /// After a call whose function raised, right before `post_invocation`: a convenience, which sees the same.
    fn on_exception(&self, call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
        let _ = (call, exception);
        Ok(())
    }

    /// Write out what is held back (spans, records), within the deadline. Called when the operator asks for it.
    fn flush(&self, deadline: Duration) -> Result<()> {
        let _ = deadline;
        Ok(())
    }

    /// The worker ends: finish within the deadline. Flushes, unless it is written otherwise.
    fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.flush(deadline)
    }
}

/// An extension that applies to single functions, through an instance for each. Otherwise as [`AppExtension`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function-level extension",
    label = "does not implement `FunctionExtension`",
    note = "implement `FunctionExtension` for it; where it implements `AppExtension`, leave `scope = function` out: \
            `export_extension!({Self})`"
)]
pub trait FunctionExtension: Send + Sync + Sized + 'static {
    /// The `settings` of host.json. An unknown key is an error; give defaults with `#[serde(default)]`.
    type Settings: DeserializeOwned + 'static;
    /// What `pre_invocation` hands to `post_invocation`. Up to three words are carried without allocation.
    type State: Send + 'static;
    /// Which hooks the host should call.
    const HOOKS: Hooks = Hooks::ALL;
    /// Hooks around calls whose failure (an error, a panic) fails the invocation, as authorization wants it. Others
    /// are logged and counted, and the invocation goes on. host.json's `onError` overrides this.
    const STRICT: Hooks = Hooks::NONE;
    /// The attributes of `context` that [`attribute`](Self::attribute) makes when function code asks for them.
    const ATTRIBUTES: &'static [&'static str] = &[];

    /// Checks settings beyond what their types say.
    fn configure(settings: &Self::Settings) -> Result<()> {
        let _ = settings;
        Ok(())
    }

    /// Makes the instance for this function. An error stops the host, unless host.json says `"required": false`.
    fn init(settings: Self::Settings, app: &AppInfo<'_>, function: &Function<'_>) -> Result<Self>;

    /// After the function was loaded.
    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        let _ = function;
        Ok(())
    }

    /// Before a call.
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Self::State>>;

    /// Makes an attribute of `context` when function code first asks for it, where no hook has set one: a call whose
    /// function does not ask pays nothing. `None` where there is none for this call. It runs beside the function, on any
    /// thread, and may run again for the same call. Only for extensions with hooks around calls. An error is logged, and
    /// the function gets an `AttributeError`.
    fn attribute(&self, call: &Invocation<'_>, name: &str) -> Result<Option<Value>> {
        let _ = (call, name);
        Ok(None)
    }

    /// After a call, however it ended. Not called for one whose `pre_invocation` did not continue.
    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: Self::State,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let _ = (call, state, outcome);
        Ok(())
    }

    /// After a call whose function raised, right before `post_invocation`: a convenience, which sees the same.
    fn on_exception(&self, call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
        let _ = (call, exception);
        Ok(())
    }

    /// Write out what is held back (spans, records), within the deadline. Called when the operator asks for it.
    fn flush(&self, deadline: Duration) -> Result<()> {
        let _ = deadline;
        Ok(())
    }

    /// The worker ends: finish within the deadline. Flushes, unless it is written otherwise.
    fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.flush(deadline)
    }
}

/// Both kinds of extension, as the functions at the border see them.
pub trait Extension: Send + Sync + Sized + 'static {
    const SCOPE: u8;
    const HOOKS: u32;
    const STRICT: u32;
    const ATTRIBUTES: &'static [&'static str];
    const COMPANION: &'static [PythonModule];
    type Settings: DeserializeOwned + 'static;
    type State: Send + 'static;

    fn configure(settings: &Self::Settings) -> Result<()>;
    fn init(settings: Self::Settings, app: &AppInfo<'_>) -> Result<Self>;
    fn native(&self) -> Result<Value>;
    fn post_function_load(&self, function: &Function<'_>) -> Result<()>;
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Self::State>>;
    fn attribute(&self, call: &Invocation<'_>, name: &str) -> Result<Option<Value>>;
    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: Self::State,
        outcome: &Outcome<'_>,
    ) -> Result<()>;
    fn on_exception(&self, call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()>;
    fn flush(&self, deadline: Duration) -> Result<()>;
    fn shutdown(&self, deadline: Duration) -> Result<()>;
}

/// Makes an [`AppExtension`] an `Extension`.
pub struct App<E>(E);

/// Makes a [`FunctionExtension`] an `Extension`.
pub struct PerFunction<E>(E);

/// The part of `impl Extension` that is the same text for both scopes.
macro_rules! forward_hooks {
    ($scope:expr) => {
        const SCOPE: u8 = $scope;
        const HOOKS: u32 = E::HOOKS.bits();
        const STRICT: u32 = E::STRICT.bits();
        const ATTRIBUTES: &'static [&'static str] = E::ATTRIBUTES;
        type Settings = E::Settings;
        type State = E::State;

        fn configure(settings: &Self::Settings) -> Result<()> {
            E::configure(settings)
        }
        fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
            self.0.post_function_load(function)
        }
        fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Self::State>> {
            self.0.pre_invocation(call)
        }
        fn attribute(&self, call: &Invocation<'_>, name: &str) -> Result<Option<Value>> {
            self.0.attribute(call, name)
        }
        fn post_invocation(
            &self,
            call: &mut Invocation<'_>,
            state: Self::State,
            outcome: &Outcome<'_>,
        ) -> Result<()> {
            self.0.post_invocation(call, state, outcome)
        }
        fn on_exception(&self, call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
            self.0.on_exception(call, exception)
        }
        fn flush(&self, deadline: Duration) -> Result<()> {
            self.0.flush(deadline)
        }
        fn shutdown(&self, deadline: Duration) -> Result<()> {
            self.0.shutdown(deadline)
        }
    };
}

impl<E: AppExtension> Extension for App<E> {
    forward_hooks!(abi::SCOPE_APP);
    const COMPANION: &'static [PythonModule] = E::COMPANION;

    fn native(&self) -> Result<Value> {
        self.0.native()
    }

    fn init(settings: Self::Settings, app: &AppInfo<'_>) -> Result<Self> {
        E::init(settings, app).map(App)
    }
}

impl<E: FunctionExtension> Extension for PerFunction<E> {
    forward_hooks!(abi::SCOPE_FUNCTION);
    // It would be run once for each function.
    const COMPANION: &'static [PythonModule] = &[];

    fn native(&self) -> Result<Value> {
        Ok(Value::None)
    }

    fn init(settings: Self::Settings, app: &AppInfo<'_>) -> Result<Self> {
        let function = app.function().ok_or_else(|| {
            crate::Error::msg(
                "the host named no function for a function-level extension (a fault of the host)",
            )
        })?;
        E::init(settings, app, &function).map(PerFunction)
    }
}
