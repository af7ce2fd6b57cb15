//! Worker extensions, end to end: found, loaded, called around functions, used by function code, ended.

mod admin;
mod companions;
mod discovery;
mod endings;
mod frameworks;
mod from_code;
mod hooks;
mod loader;
mod memory_profile;
mod metrics;
mod minors;
mod objects;
mod opened_once;
mod outside;
mod panics;
mod python;
mod rate_limit;
mod responses;
mod server_timing;
mod shutdown;
mod statistics;
mod stress;
mod support;
mod trust;
mod waiting;
mod workers;
