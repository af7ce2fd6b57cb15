//! Shared memory with another process, which knows the layout of maps from its description alone: Python's `mmap`.

use std::path::Path;
use std::process::Command;

use funcdock_rpc::SharedMemory;
use funcdock_rpc::messages::{RpcDataType, RpcSharedMemory};
use tempfile::TempDir;

/// Makes a map, in the order in which Microsoft's host and workers do: flag, length, content.
const WRITE: &str = r#"
import mmap, struct, sys
path, length = sys.argv[1], int(sys.argv[2])
with open(path, "xb+") as file:
    file.truncate(9 + length)
    with mmap.mmap(file.fileno(), 9 + length) as memory:
        memory[0:1] = b"\x01"
        memory[1:9] = struct.pack("<q", length)
        memory[9:] = bytes(range(256)) * (length // 256)
"#;

/// Reads a map, and prints its header and the sum of its content's bytes. Like Microsoft's host, it opens the file for writing.
const READ: &str = r#"
import mmap, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
    print(memory[:9].hex(), len(memory) - 9, sum(memory[9:]))
"#;

const LENGTH: usize = 4 << 20;

fn python(script: &str, arguments: &[&str], map: &Path) -> String {
    let mut python = Command::new("python3");
    let output = python
        .args(["-c", script])
        .arg(map)
        .args(arguments)
        .output()
        .expect("python3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn shared_memory(root: &Path) -> SharedMemory {
    let lookup = |name: &str| match name {
        "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED" => Some("true".to_owned()),
        "FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES" => root.to_str().map(str::to_owned),
        _ => None,
    };
    let memory = SharedMemory::from_settings(lookup).expect("a usable directory");
    memory.expect("it is enabled")
}

#[test]
fn a_map_of_another_process_is_read() {
    let root = TempDir::new().expect("a temporary folder");
    let memory = shared_memory(root.path());
    let path = root.path().join("AzureFunctions/of-the-host");
    python(WRITE, &[&LENGTH.to_string()], &path);
    let reference = RpcSharedMemory {
        name: "of-the-host".to_owned(),
        offset: 0,
        count: LENGTH as i64,
        r#type: RpcDataType::Bytes.into(),
    };
    let content = memory.read(&reference).expect("a valid map").expect("not null");
    assert_eq!(content.len(), LENGTH);
    assert!((0..LENGTH).all(|index| content[index] == index as u8));
}

#[test]
fn another_process_reads_a_map_of_this_one() {
    let root = TempDir::new().expect("a temporary folder");
    let memory = shared_memory(root.path());
    let content: Vec<u8> = (0..LENGTH).map(|index| (index % 251) as u8).collect();
    let map = memory.write(&content, RpcDataType::Bytes).expect("a map");
    let printed = python(READ, &[], &root.path().join("AzureFunctions").join(&map.name));
    let sum: u64 = content.iter().map(|byte| u64::from(*byte)).sum();
    assert_eq!(printed.trim(), format!("010000400000000000 {LENGTH} {sum}"));
}
