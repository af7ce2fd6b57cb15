//! All that a Funcdock extension author depends on.
//!
//! An extension is middleware around the functions of an app. Implement [`AppExtension`] (one instance for
//! the whole app) or [`FunctionExtension`] (one instance a function), export it, and build a `cdylib`:
//!
//! ```
//! use std::time::Instant;
//! use funcdock_extension_api::{AppExtension, AppInfo, Flow, Invocation, Outcome, Result, export_extension};
//!
//! struct Stopwatch;
//!
//! impl AppExtension for Stopwatch {
//!     type Settings = ();
//!     type State = Instant;
//!
//!     fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
//!         Ok(Stopwatch)
//!     }
//!
//!     fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<Instant>> {
//!         Ok(Flow::Continue(Instant::now()))
//!     }
//!
//!     fn post_invocation(&self, call: &mut Invocation<'_>, start: Instant, _outcome: &Outcome<'_>) -> Result<()> {
//!         tracing::info!("{} took {:?}", call.function().name(), start.elapsed());
//!         Ok(())
//!     }
//! }
//!
//! export_extension!(Stopwatch);
//! # fn main() {}
//! ```
//!
//! A hook that returns an error or panics costs one hook call: the host logs and counts it, and the
//! invocation goes on. `tracing` events reach the host's log, with the invocation's id inside hooks.

pub mod abi;
mod context;
mod error;
mod export;
mod extension;
mod flow;
mod guard;
mod invocation;
mod log;
mod metrics;
mod object;
mod outcome;
mod request;
mod response;
mod settings;
mod shim;
#[cfg(feature = "testing")]
pub mod testing;
mod value;
mod wait;

pub use context::{AppInfo, Function};
pub use error::{Error, ErrorKind, Result};
pub use extension::{AppExtension, FunctionExtension, Hooks, PythonModule};
pub use flow::{Flow, Response};
pub use invocation::{Invocation, InvocationHandle, TraceContext};
pub use metrics::{Counter, Histogram};
pub use object::{Arguments, ContextObject};
pub use outcome::{Exception, Outcome, OutcomeKind};
pub use request::HttpRequest;
pub use response::HttpResponse;
pub use value::{Data, Value};
pub use wait::Wait;

/// Used by [`export_extension!`] and by the host; not for extensions.
#[doc(hidden)]
pub mod private {
    pub use crate::export::{Named, Registration, is_name, name_of, registrations};
    pub use crate::extension::{App, PerFunction};
    pub use crate::guard::install_panic_hook;
    pub use inventory;
}

/// The documentation's snippets compile; some of them test themselves with the mock host.
#[cfg(all(doctest, feature = "testing"))]
mod documentation {
    #[doc = include_str!("../../docs/src/write-an-extension.md")]
    struct WriteAnExtension;

    #[doc = include_str!("../../README.md")]
    struct Readme;
}
