//! The tracing extension end to end: real functions and real exporters; the tests' own receivers decode the exports.

mod basics;
mod book;
mod credentials;
mod events;
mod exporters;
mod insights;
mod libraries;
mod logs;
mod python;
mod signals;
mod support;
mod two_apps;
mod zero_code;
