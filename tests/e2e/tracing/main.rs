//! The tracing extension end to end: real functions, real exporters, decoded by receivers of the test's own.

mod basics;
mod book;
mod exporters;
mod libraries;
mod logs;
mod python;
mod signals;
mod support;
mod two_apps;
mod zero_code;
