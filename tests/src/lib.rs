//! What end-to-end tests are made of: the real binary serving a copy of an app, real CPython, real HTTP.
//!
//! ```ignore
//! let app = App::case("hello");
//! let host = app.start();
//! assert_eq!(host.get("/api/hello?name=Ada").text(), "Hello, Ada!");
//! host.stop().assert_clean();
//! ```
//!
//! Anything that fails shows what the host printed.

mod app;
mod build;
pub mod golden;
mod host;
mod http;
pub mod python;
mod wait;

pub use app::App;
pub use build::{binary, library, repository};
pub use host::{Host, Stopped};
pub use http::Answer;
pub use wait::{DEADLINE, wait_for};
