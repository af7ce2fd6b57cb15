//! The checks of a library file, before the system's loader gets it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| funcdock::fuzzing::image(bytes));
