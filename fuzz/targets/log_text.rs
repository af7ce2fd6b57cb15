//! Foreign text in the log: it keeps its lines, and brings no control characters.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| funcdock::fuzzing::log_text(text));
