//! Worker extensions, end to end: found, loaded, called around functions, used by function code, ended.

mod discovery;
mod endings;
mod from_code;
mod hooks;
mod loader;
mod memory_profile;
mod minors;
mod objects;
mod outside;
mod panics;
mod python;
mod rate_limit;
mod server_timing;
mod shutdown;
mod statistics;
mod support;
