//! The rules of the ABI contract (`docs/src/abi.md`) about lives, states, threads and panics, checked with extensions
//! that are linked into this test: a host treats them like those of a library.

mod lives;
mod panics;
mod states;
mod streams;
mod support;
mod threads;
