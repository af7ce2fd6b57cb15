//! The end-to-end tests: the real binary, with an app of its own for each case. They are one program, which is
//! linked once, and runs them side by side to the end.

mod access;
mod apps;
mod cli;
mod concurrency;
mod events;
mod export;
mod extensions;
mod failures;
mod functions_host;
mod http;
mod libraries;
mod logs;
mod operations;
mod python;
mod smoke;
mod start;
mod start_errors;
mod storage;
mod supervisor;
mod trace_context;
mod tracing;
mod triggers;
mod wire;
mod workers;
