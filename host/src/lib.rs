//! Funcdock's host: the function app model, worker extensions, the invocation pipeline, triggers and the
//! supervisor of worker processes. It knows no Python: a language runtime implements a runner on top of it.

pub mod app;
pub mod bindings;
pub mod cli;
pub mod control;
pub mod extensions;
#[doc(hidden)]
pub mod fuzzing;
pub mod keys;
pub mod launch;
pub mod logging;
pub mod model;
pub mod pipeline;
pub mod rpc;
pub mod supervisor;
pub mod sys;
pub mod tls;
pub mod triggers;
pub mod websocket;
pub mod worker;
