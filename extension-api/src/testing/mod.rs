//! A mock host: tests of an extension without Python and without a host (feature `testing`).
//!
//! It calls an extension through the same border functions as the real host, so that settings are read, panics are
//! caught and states travel as they will.
//!
//! ```
//! use funcdock_extension_api::testing::{Decision, Request, TestHost};
//! use funcdock_extension_api::{AppExtension, AppInfo, Flow, Invocation, Outcome, Response, Result};
//! use serde_json::json;
//!
//! struct Maintenance;
//!
//! impl AppExtension for Maintenance {
//!     type Settings = ();
//!     type State = ();
//!     fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
//!         Ok(Maintenance)
//!     }
//!     fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<()>> {
//!         match call.http_request() {
//!             Some(request) if request.method() != "GET" => Ok(Flow::Respond(Response::new(503))),
//!             _ => Ok(Flow::Continue(())),
//!         }
//!     }
//!     fn post_invocation(&self, call: &mut Invocation<'_>, (): (), _: &Outcome<'_>) -> Result<()> {
//!         if let Some(mut response) = call.response() {
//!             response.set_header("x-read-only", "true")?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let host = TestHost::app::<Maintenance>(json!({}))?;
//!
//! let call = host.call(Request::post("/api/items"));
//! assert!(matches!(call.decision(), Decision::Responded(response) if response.status == 503));
//!
//! let ended = host.call(Request::get("/api/items")).returns(Response::new(200).body("[]"));
//! assert_eq!(ended.response().header_value("x-read-only"), Some("true"));
//! ended.assert_no_error();
//! # Ok(())
//! # }
//! ```

mod call;
mod call_tables;
mod object;
mod request;
mod response;
mod state;
mod tables;
mod wait;

use std::ffi::c_void;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::RStr;
use serde::Serialize;

use crate::export::{Named, Registration};
use crate::extension::{App, Extension, PerFunction};
use crate::{AppExtension, Error, FunctionExtension, Result, abi, guard, log};

pub use call::{Decision, Ended, TestCall};
pub use object::TestObject;
pub use request::{Request, TestFunction};
pub use state::LogRecord;

use state::{Init, State};

/// A mock host with one extension, for one function.
pub struct TestHost {
    descriptor: abi::DescriptorRef,
    instance: *mut c_void,
    function: Arc<TestFunction>,
    state: Arc<State>,
}

// SAFETY: the instance is of an extension, which is `Send + Sync` by the bounds of its trait.
unsafe impl Send for TestHost {}
// SAFETY: as above.
unsafe impl Sync for TestHost {}

/// What the export macro would say of the extension.
struct UnderTest<E>(PhantomData<E>);

impl<E: Extension> Named for UnderTest<E> {
    type Extension = E;
    const NAME: &'static str = "under-test";
    const VERSION: &'static str = "0.0.0";
}

impl TestHost {
    /// Makes an app-level extension with these settings (anything that serializes to a JSON object), and tells it of
    /// a function called "test" at the route "api/test".
    ///
    /// # Errors
    /// Those of its settings, `configure`, `init` and `post_function_load`; a panic in them, too.
    pub fn app<E: AppExtension>(settings: impl Serialize) -> Result<Self> {
        Self::make::<App<E>>(settings, TestFunction::default())
    }

    /// Makes a function-level extension, otherwise as [`app`](Self::app).
    ///
    /// # Errors
    /// As for [`app`](Self::app).
    pub fn function<E: FunctionExtension>(settings: impl Serialize) -> Result<Self> {
        Self::make::<PerFunction<E>>(settings, TestFunction::default())
    }

    /// The same for another function.
    ///
    /// # Errors
    /// As for [`app`](Self::app).
    pub fn app_with<E: AppExtension>(settings: impl Serialize, function: TestFunction) -> Result<Self> {
        Self::make::<App<E>>(settings, function)
    }

    /// The same for another function.
    ///
    /// # Errors
    /// As for [`app`](Self::app).
    pub fn function_with<E: FunctionExtension>(
        settings: impl Serialize,
        function: TestFunction,
    ) -> Result<Self> {
        Self::make::<PerFunction<E>>(settings, function)
    }

    fn make<E: Extension>(settings: impl Serialize, function: TestFunction) -> Result<Self> {
        guard::install_panic_hook();
        log::connect(tables::HOST_SERVICES);
        let descriptor = Registration::of::<UnderTest<E>>().descriptor();
        let settings = serde_json::to_string(&settings)?;
        let settings = RStr::from_str(&settings);
        let (function, state) = (Arc::new(function), Arc::new(State::default()));
        state::within(&state, || {
            // SAFETY: the string is borrowed for the call.
            unsafe { (descriptor.configure())(settings) }
                .into_result()
                .map_err(Error::from_abi)
        })?;
        let context = Init {
            function: Arc::clone(&function),
            state: Arc::clone(&state),
        };
        let instance = state::within(&state, || {
            // SAFETY: the context lives for the call.
            unsafe { (descriptor.init())(settings, tables::init(&context)) }
                .into_result()
                .map_err(Error::from_abi)
        })?;
        let host = TestHost {
            descriptor,
            instance,
            function,
            state,
        };
        if host.has(abi::HOOK_POST_FUNCTION_LOAD) {
            host.hook(|| {
                // SAFETY: the instance is alive, and the function lives for the call.
                unsafe { (descriptor.post_function_load())(instance, tables::function(&host.function)) }
            })?;
        }
        Ok(host)
    }

    /// Begins a call of the function: runs the pre hook, and whatever it waits for.
    pub fn call(&self, request: Request) -> TestCall<'_> {
        TestCall::begin(self, Some(request))
    }

    /// Begins a call that no HTTP request triggered.
    pub fn call_without_request(&self) -> TestCall<'_> {
        TestCall::begin(self, None)
    }

    /// What a counter of the extension's has come to; `None` where it registered none of this name and these labels.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        self.state.counter(name, labels)
    }

    /// The values that were recorded to a histogram, in order; `None` where the extension registered none such.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Option<Vec<f64>> {
        self.state.histogram(name, labels)
    }

    /// What the extension has logged so far: in hooks, and in what they wait for. Records of its own threads are not
    /// among them.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.state.logs()
    }

    /// Calls `flush`.
    ///
    /// # Errors
    /// What it returns, or its panic.
    pub fn flush(&self, deadline: Duration) -> Result<()> {
        match self.descriptor.flush() {
            Some(flush) if self.has(abi::HOOK_FLUSH) => {
                // SAFETY: the instance is alive.
                self.hook(|| unsafe { flush(self.instance, milliseconds(deadline)) })
            }
            _ => Ok(()),
        }
    }

    /// Calls `shutdown`, and drops the instance. A host that is only dropped does not call it.
    ///
    /// # Errors
    /// What it returns, or its panic.
    pub fn shutdown(self, deadline: Duration) -> Result<()> {
        if !self.has(abi::HOOK_SHUTDOWN) {
            return Ok(());
        }
        // SAFETY: the instance is alive, and calls borrow this host, so none runs.
        self.hook(|| unsafe { (self.descriptor.shutdown())(self.instance, milliseconds(deadline)) })
    }

    fn has(&self, hook: u32) -> bool {
        self.descriptor.hooks() & hook != 0
    }

    fn hook(&self, call: impl FnOnce() -> abi::HookResult) -> Result<()> {
        match state::within(&self.state, call) {
            abi::HookResult::Ok => Ok(()),
            abi::HookResult::Error(error) => {
                Err(Error::from_abi(abi_stable::std_types::RBox::into_inner(error)))
            }
        }
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        // SAFETY: it came from `init` of the same descriptor, and nothing else refers to it any more.
        state::within(&self.state, || unsafe { (self.descriptor.drop())(self.instance) });
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
