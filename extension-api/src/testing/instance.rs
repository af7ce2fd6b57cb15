//! The instance under test, and the errors of its hooks.

use std::any::TypeId;
use std::ffi::c_void;
use std::fmt;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use abi_stable::std_types::{RBox, ROption, RResult, RSlice, RStr};

use super::invocation::Invocation;
use super::log::Scope;
use super::metrics::{Metric, Metrics};
use super::tables::{lend, table};
use super::{TestApp, TestFunction};
use crate::abi;
use crate::extension::Extension;

/// Why an extension does not start, in the host's words.
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong.
    Settings {
        /// The extension's name.
        extension: String,
        /// What is wrong.
        reason: String,
    },
    /// `init` failed or panicked.
    Init {
        /// The extension's name.
        extension: String,
        /// What it said.
        reason: String,
    },
}

impl StartError {
    /// What the extension says, without what the host says around it.
    pub fn reason(&self) -> &str {
        match self {
            StartError::Settings { reason, .. } | StartError::Init { reason, .. } => reason,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Settings { extension, reason } => write!(
                f,
                "extension {extension:?}: host.json: workerExtensions.{extension}.settings: {reason}"
            ),
            StartError::Init { extension, reason } => {
                write!(f, "extension {extension:?}: init failed: {reason}")
            }
        }
    }
}

/// As tests show it that unwrap.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {}

/// A hook failed: a host logs and counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookError {
    /// The hook: `pre_invocation`, ….
    pub hook: &'static str,
    /// What it returned, or the message of its panic and where it was.
    pub message: String,
    /// Whether it panicked.
    pub panicked: bool,
}

impl HookError {
    pub(super) fn new(hook: &'static str, error: &abi::Error) -> Self {
        HookError {
            hook,
            message: error.message.to_string(),
            panicked: error.kind == abi::ERROR_PANIC,
        }
    }

    fn of(hook: &'static str, result: abi::HookResult) -> Result<(), Self> {
        match result {
            abi::HookResult::Ok => Ok(()),
            abi::HookResult::Error(error) => Err(HookError::new(hook, &RBox::into_inner(error))),
        }
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.hook, self.message)
    }
}

impl std::error::Error for HookError {}

/// An instance. The last one to hold it destroys it.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) descriptor: abi::DescriptorRef,
    pub(super) this: *mut c_void,
    pub(super) scope: Scope,
}

// SAFETY: an extension's type is `Send + Sync`, by the bounds of the SDK's traits.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Checks the settings, then makes an instance.
    pub(super) fn start<E: Extension>(
        app: &TestApp,
        settings: &serde_json::Value,
        function: Option<&TestFunction>,
        metrics: &Metrics,
        scope: Scope,
    ) -> Result<Self, StartError> {
        let (descriptor, name) = descriptor::<E>();
        let wrong = |reason: String| StartError::Settings {
            extension: name.clone(),
            reason,
        };
        let settings = match settings {
            serde_json::Value::Null => "{}".to_owned(),
            serde_json::Value::Object(_) => settings.to_string(),
            other => return Err(wrong(format!("expected an object, found {other}"))),
        };
        let settings = RStr::from_str(&settings);
        // SAFETY: the string is borrowed for the call.
        let checked = scope.run(|| unsafe { (descriptor.configure())(settings) }.into_result());
        checked.map_err(|error| wrong(error.message.into()))?;
        let context = Start {
            app,
            extension: &name,
            function,
            metrics,
        };
        let context = abi::Init {
            functions: INIT,
            this: std::ptr::from_ref(&context).cast(),
        };
        // SAFETY: the context is borrowed for the call.
        let made = scope.run(|| unsafe { (descriptor.init())(settings, context) }.into_result());
        match made {
            Ok(this) => Ok(Instance {
                name,
                descriptor,
                this,
                scope,
            }),
            Err(error) => Err(StartError::Init {
                extension: name,
                reason: error.message.into(),
            }),
        }
    }

    pub(super) fn has(&self, hook: u32) -> bool {
        self.descriptor.hooks() & hook != 0
    }

    pub(super) fn is_strict(&self, hook: u32) -> bool {
        self.descriptor.strict().unwrap_or(0) & hook != 0
    }

    pub(super) fn post_function_load(&self, function: &TestFunction) -> Result<(), HookError> {
        if !self.has(abi::HOOK_POST_FUNCTION_LOAD) {
            return Ok(());
        }
        // SAFETY: the instance is alive, and the function is borrowed for the call.
        let call = || unsafe { (self.descriptor.post_function_load())(self.this, function.raw()) };
        HookError::of("post_function_load", self.scope.run(call))
    }

    /// The attribute of this name for a call, where the extension makes it when it is asked for.
    pub(super) fn attribute(
        &self,
        invocation: &Arc<Invocation>,
        name: &str,
    ) -> Result<Option<abi::Value>, String> {
        let (Some(names), Some(make)) = (self.descriptor.attributes(), self.descriptor.attribute()) else {
            return Ok(None);
        };
        // SAFETY: the descriptor is of this executable.
        let is_made = unsafe { names() }.iter().any(|made| made.as_str() == name);
        if !is_made || !self.has(abi::HOOK_PRE_INVOCATION) {
            return Ok(None);
        }
        // SAFETY: the instance is alive; the invocation and the name are borrowed for the call.
        let call = || unsafe { make(self.this, invocation.raw(), name.into()) };
        match invocation.scope.run(call) {
            RResult::ROk(value) => Ok(value.into_option()),
            RResult::RErr(error) => Err(error.message.into()),
        }
    }

    pub(super) fn flush(self: Arc<Self>, deadline: Duration) -> Result<(), HookError> {
        match self.descriptor.flush() {
            Some(flush) if self.has(abi::HOOK_FLUSH) => self.call_within("flush", Some(flush), deadline),
            _ => Ok(()),
        }
    }

    /// Also lets go of the instance.
    pub(super) fn shutdown(self: Arc<Self>, deadline: Duration) -> Result<(), HookError> {
        let shutdown = self.has(abi::HOOK_SHUTDOWN).then_some(self.descriptor.shutdown());
        self.call_within("shutdown", shutdown, deadline)
    }

    /// On a thread of its own, as in a host: one that does not return is left behind.
    fn call_within(
        self: Arc<Self>,
        hook: &'static str,
        function: Option<WithDeadline>,
        deadline: Duration,
    ) -> Result<(), HookError> {
        let (done, wait) = mpsc::channel();
        std::thread::spawn(move || {
            let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            let result = function.map_or(Ok(()), |function| {
                // SAFETY: the instance is alive; during `shutdown` no other hook of it runs, as the test's host is
                // borrowed mutably.
                let call = || unsafe { function(self.this, deadline_ms) };
                HookError::of(hook, self.scope.run(call))
            });
            drop(self);
            // Nobody receives it when the deadline has passed.
            let _ = done.send(result);
        });
        wait.recv_timeout(deadline + GRACE).unwrap_or_else(|_| {
            Err(HookError {
                hook,
                message: format!("did not return within {deadline:?}"),
                panicked: false,
            })
        })
    }
}

/// `flush` and `shutdown` of a descriptor: instance, milliseconds.
type WithDeadline = unsafe extern "C" fn(*const c_void, u64) -> abi::HookResult;

/// What a hook gets beyond its deadline, so that one that uses the whole of it is not called late.
const GRACE: Duration = Duration::from_millis(200);

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: `this` came from `init` of the same descriptor; nothing else refers to it any more.
        self.scope.run(|| unsafe { (self.descriptor.drop())(self.this) });
    }
}

/// The descriptor that the extension is exported with, and its name; one that is not exported is called after its type.
fn descriptor<E: Extension>() -> (abi::DescriptorRef, String) {
    let exported = crate::export::exported(TypeId::of::<E>());
    match exported {
        Some(descriptor) => (descriptor, descriptor.name().to_string()),
        None => (
            crate::export::descriptor::<E>(),
            kebab_case(std::any::type_name::<E>()),
        ),
    }
}

/// `…::App<my_crate::RateLimit>` is `rate-limit`.
fn kebab_case(type_name: &str) -> String {
    let inner = type_name.split_once('<').map_or(type_name, |(_, inner)| inner);
    let path = inner.split(['<', '>']).next().unwrap_or(inner);
    let name = path.rsplit("::").next().unwrap_or(path);
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

/// What `init` may ask for.
struct Start<'a> {
    app: &'a TestApp,
    extension: &'a str,
    function: Option<&'a TestFunction>,
    metrics: &'a Metrics,
}

impl Start<'_> {
    fn metric(&self, metric: &abi::MetricInfo<'_>) -> Result<Metric, abi::Error> {
        let function = self.function.map(|function| function.name.as_str());
        Metric::new(self.extension, function, metric)
    }
}

table! {
    INIT: InitFns, InitFnsRef of Start<'_> {
        fn app_root(start) -> RStr<'static> { lend(&start.app.root) }
        fn worker_index(start) -> u32 { start.app.worker_index }
        fn function(start) -> ROption<abi::Function> { start.function.map(TestFunction::raw).into() }
        fn counter(start, metric: abi::MetricInfo<'_>) -> RResult<abi::Counter, abi::Error> {
            let metric = start.metric(&metric);
            metric.and_then(|metric| start.metrics.register_counter(&metric)).into()
        }
        fn histogram(
            start, metric: abi::MetricInfo<'_>, bounds: RSlice<'_, f64>
        ) -> RResult<abi::Histogram, abi::Error> {
            let metric = start.metric(&metric);
            metric.and_then(|metric| start.metrics.register_histogram(&metric, bounds.as_slice())).into()
        }
    }
}
