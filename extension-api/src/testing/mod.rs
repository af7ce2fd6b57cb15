//! A host for tests: it drives an extension as a worker does, through the same functions at the border, without
//! Python and without a process of its own. Behind the feature `testing`:
//!
//! ```toml
//! [dev-dependencies]
//! funcdock-extension-api = { path = "…", features = ["testing"] }
//! ```
//!
//! [`TestHost`] checks the settings and makes an instance; [`TestHost::call`] begins a function call and runs the pre
//! hook; the test says how the function ends, the post hook runs, and the [`Call`] has the results. For a streamed
//! response ([`Returned::streaming`]) the test also says how the body ends, with [`Call::stream_ended`].
//!
//! ```
//! use funcdock_extension_api::testing::{Decision, Request, TestHost, json};
//! use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Outcome, Response, Result, extension};
//!
//! /// Lets in who has a key, and says thank you.
//! struct Gate {
//!     key: String,
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     key: String,
//! }
//!
//! #[extension(name = "gate")]
//! impl Extension for Gate {
//!     type Settings = Settings;
//!
//!     fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
//!         Ok(Gate { key: settings.key })
//!     }
//!
//!     fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow> {
//!         let key = call.http_request().and_then(|request| request.header("x-key"));
//!         if key != Some(&self.key) {
//!             return Ok(Flow::Respond(Response::new(401)));
//!         }
//!         call.set_attribute("user", "ada")?;
//!         Ok(Flow::Continue(()))
//!     }
//!
//!     fn post_invocation(&self, call: &mut Invocation<'_>, _state: &mut (), _outcome: &Outcome<'_>) -> Result<()> {
//!         match call.response() {
//!             Some(mut response) => response.set_header("x-thanks", "yes"),
//!             None => Ok(()),
//!         }
//!     }
//! }
//!
//! let host = TestHost::app::<Gate>(json!({"key": "secret"}))?;
//!
//! let call = host.call(Request::get("/api/hello"));
//! assert_eq!(call.decision(), &Decision::Respond(Response::new(401)));
//!
//! let call = host.call(Request::get("/api/hello").header("X-Key", "secret"));
//! assert_eq!(call.attribute("user"), Some("ada".into()));
//! let call = call.returning("Hello");
//! assert_eq!(call.response().status, 200);
//! assert_eq!(call.response_header("x-thanks"), Some("yes"));
//! assert_eq!(call.errors(), []);
//!
//! let error = TestHost::app::<Gate>(json!({"kee": "secret"})).expect_err("misspelt");
//! assert_eq!(error.reason(), r#"unknown key "kee": the keys are key"#);
//! # Ok::<(), funcdock_extension_api::testing::StartError>(())
//! ```
//!
//! If a test wants what is not there (a response before the call has ended), the mock panics with the reason.

mod call;
mod data;
mod errors;
mod executor;
mod function;
mod hooks;
mod host;
mod instance;
mod invocation;
mod log;
mod metrics;
mod outcome;
mod request;
mod response;
mod stream_end;
mod value;

pub use call::{Call, Decision};
pub use data::TestData;
pub use errors::{HookError, StartError};
pub use function::TestFunction;
pub use host::{TestApp, TestHost};
pub use log::LogRecord;
pub use metrics::HistogramValue;
pub use outcome::Returned;
pub use request::Request;
/// Settings for [`TestHost`], as in host.json.
pub use serde_json::json;
pub use stream_end::TestStreamEnd;
pub use value::{PyObject, PyValue};
