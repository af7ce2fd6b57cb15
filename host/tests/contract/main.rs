//! The rules of the ABI contract (`docs/src/abi.md`) about lives, states, threads and panics, held against extensions that are
//! linked into this test: what a host does to them is what it does to those of a library.

mod lives;
mod panics;
mod states;
mod support;
mod threads;
