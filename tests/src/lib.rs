//! Helpers for end-to-end tests: the real binary serving a copy of an app, real CPython, real HTTP.
//!
//! ```ignore
//! let app = App::case("hello");
//! let host = app.start();
//! assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
//! host.stop().assert_clean();
//! ```
//!
//! Every failure shows the host's output.

mod app;
mod azurite;
mod build;
pub mod functions_host;
mod gate;
pub mod golden;
mod host;
mod http;
pub mod http2;
pub mod ingestion;
mod json_lines;
pub mod next;
pub mod openmetrics;
pub mod otlp;
pub mod python;
mod raw;
pub mod secure;
mod server;
mod storage;
mod unread;
mod wait;
pub mod websocket;
pub mod zipkin;

pub use app::{App, Ended};
pub use azurite::Azurite;
pub use build::{binary, build_outside, library, library_name, outside, repository, target};
pub use gate::Gate;
pub use host::{Host, Stopped, Stream};
pub use http::Answer;
pub use json_lines::json_lines;
pub use raw::Raw;
pub use storage::Storage;
pub use unread::UnreadPipe;
pub use wait::{DEADLINE, at_once, under_load, wait_for};
