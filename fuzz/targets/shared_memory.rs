//! Maps of shared memory: headers, references and names that come from another process.

#![no_main]

use funcdock_rpc::shared_memory::layout::{HEADER_LENGTH, content_range, header, name_problem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u64, i64, i64, &str)| {
    let (start, file_size, offset, count, name) = input;
    let read = start.len().min(HEADER_LENGTH);
    // Of any size, and of the size that these bytes have, in which valid headers are likelier.
    for size in [file_size, start.len() as u64] {
        check(&start[..read], size, offset, count);
    }
    check(&header(start.len() as u64), file_size, offset, count);
    if name_problem(name).is_none() {
        let path = std::path::Path::new("/folder").join(name);
        assert_eq!(path.parent(), Some("/folder".as_ref()), "{name:?}");
        assert_eq!(path.file_name(), Some(name.as_ref()), "{name:?}");
    }
});

/// What is found is as long as it should be, behind the header and within the file.
fn check(start: &[u8], size: u64, offset: i64, count: i64) {
    match content_range(start, size, offset, count) {
        Ok(range) => {
            assert!(start.len() == HEADER_LENGTH && start[0] == 1);
            assert_eq!(range.start, offset as u64 + HEADER_LENGTH as u64);
            assert_eq!(range.end - range.start, count as u64);
            assert!(range.end <= size, "{range:?} {size}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
