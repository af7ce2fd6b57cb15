//! Events of blobs: what Event Grid sends, and the messages that it becomes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| funcdock::fuzzing::blob_events(bytes));
