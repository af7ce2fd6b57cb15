//! Launching a worker: the language runtime that its process runs.
//!
//! One folder a language: [`python`] finds an interpreter, makes its environment, and starts it.

pub mod python;
