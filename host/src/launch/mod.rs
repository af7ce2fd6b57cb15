//! Launching a worker: the language runtime that its process runs.
//!
//! One folder a language. The rest of the crate knows no Python; [`python`] does.

pub mod python;
