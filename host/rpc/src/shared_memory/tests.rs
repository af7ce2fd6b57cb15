use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tempfile::TempDir;

use super::layout::{LayoutError, header};
use super::*;

const ENABLED: &str = "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED";
const DIRECTORIES: &str = "FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES";

/// Returns the shared memory of a worker with these directories.
fn shared_memory(directories: &[&Path]) -> SharedMemory {
    let directories: Vec<&str> = directories
        .iter()
        .map(|path| path.to_str().expect("UTF-8"))
        .collect();
    let directories = directories.join(",");
    let lookup = |name: &str| match name {
        ENABLED => Some("1".to_owned()),
        DIRECTORIES => Some(directories.clone()),
        _ => None,
    };
    SharedMemory::from_settings(lookup)
        .expect("a usable directory")
        .expect("it is enabled")
}

/// A directory, its folder of maps, and the shared memory of a worker with it.
fn fixture() -> (TempDir, PathBuf, SharedMemory) {
    let root = TempDir::new().expect("a temporary folder");
    let memory = shared_memory(&[root.path()]);
    let folder = root.path().join("AzureFunctions");
    (root, folder, memory)
}

/// Reads what is not null.
fn read(memory: &SharedMemory, map: &RpcSharedMemory) -> Bytes {
    memory.read(map).expect("a valid map").expect("not null")
}

/// Writes bytes into a new map.
fn write(memory: &SharedMemory, content: &[u8]) -> RpcSharedMemory {
    memory.write(content, RpcDataType::Bytes).expect("a map")
}

fn reference(name: &str, offset: i64, count: i64) -> RpcSharedMemory {
    RpcSharedMemory {
        name: name.to_owned(),
        offset,
        count,
        r#type: RpcDataType::Bytes.into(),
    }
}

/// Writes a map as the host does.
fn host_writes(folder: &Path, name: &str, content: &[u8]) -> RpcSharedMemory {
    let mut file = header(content.len() as u64).to_vec();
    file.extend_from_slice(content);
    fs::write(folder.join(name), file).expect("the file system");
    reference(name, 0, content.len() as i64)
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("the file system").count()
}

/// Returns bytes without a period that a page or a buffer has.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index % 251) as u8 ^ (index >> 16) as u8)
        .collect()
}

/// Returns how often this process maps the file.
fn mappings(path: &Path) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("the file system");
    maps.lines()
        .filter(|line| line.contains(path.to_str().expect("UTF-8")))
        .count()
}

#[test]
fn it_is_shared_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<SharedMemory>();
}

#[test]
fn it_is_off_unless_the_settings_enable_it() {
    assert!(
        SharedMemory::from_settings(|_| None)
            .expect("valid settings")
            .is_none()
    );
    let root = TempDir::new().expect("a temporary folder");
    let lookup = |name: &str| match name {
        ENABLED => Some("false".to_owned()),
        DIRECTORIES => Some(root.path().display().to_string()),
        _ => None,
    };
    assert!(
        SharedMemory::from_settings(lookup)
            .expect("valid settings")
            .is_none()
    );
    assert_eq!(entries(root.path()), 0);
}

#[test]
fn without_a_usable_directory_there_is_an_error_with_all_reasons() {
    let lookup = |name: &str| match name {
        ENABLED => Some("True".to_owned()),
        _ => Some("shm,/dev/null".to_owned()),
    };
    let error = SharedMemory::from_settings(lookup)
        .expect_err("no directory")
        .to_string();
    let parts = [
        "no directory for it",
        "shm/AzureFunctions: \"shm\" in FUNCTIONS_UNIX",
        "/dev/null/AzureFunctions: cannot",
    ];
    for part in parts {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn directories_that_cannot_be_used_are_reported() {
    let root = TempDir::new().expect("a temporary folder");
    let memory = shared_memory(&[Path::new("relative"), root.path()]);
    assert_eq!(memory.unusable_directories().len(), 1);
    assert_eq!(memory.directories, [root.path().join("AzureFunctions")]);
}

#[test]
fn content_of_one_and_of_64_mib_is_read_as_it_was_written() {
    let (root, folder, memory) = fixture();
    for length in [1, 1 << 20, 64 << 20] {
        let content = content(length);
        let written = memory.write(&content, RpcDataType::String).expect("a map");
        assert_eq!(
            (written.offset, written.count, written.r#type),
            (0, length as i64, RpcDataType::String.into())
        );
        assert!(Uuid::parse_str(&written.name).is_ok());
        let metadata = fs::metadata(folder.join(&written.name)).expect("the file system");
        assert_eq!(metadata.len(), length as u64 + 9);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        // Another mapping, as the host has one.
        let host = shared_memory(&[root.path()]);
        let read = read(&host, &written);
        assert!(read == content);
    }
}

#[test]
fn what_is_written_has_the_layout_of_the_protocol() {
    let (_root, folder, memory) = fixture();
    let written = memory.write(b"\xC3\xA4bc", RpcDataType::String).expect("a map");
    let file = fs::read(folder.join(&written.name)).expect("the file system");
    assert_eq!(file, b"\x01\x04\0\0\0\0\0\0\0\xC3\xA4bc");
}

#[test]
fn a_part_of_a_map_is_read_where_the_reference_says() {
    let (_root, folder, memory) = fixture();
    let content = content(100_000);
    host_writes(&folder, "map", &content);
    for (offset, count) in [(0, 1), (99_999, 1), (4087, 4096), (4086, 4097), (5000, 90_000)] {
        let read = read(&memory, &reference("map", offset as i64, count as i64));
        assert!(read == content[offset..offset + count], "{offset} {count}");
    }
    assert_eq!(read(&memory, &reference("map", 100_000, 0)), Bytes::new());
}

#[test]
fn an_empty_reference_is_null() {
    let (_root, _, memory) = fixture();
    assert_eq!(memory.read(&RpcSharedMemory::default()).expect("null"), None);
}

#[test]
fn bytes_outlive_the_file_and_the_shared_memory_and_are_unmapped_with_the_last_clone() {
    let (_root, folder, memory) = fixture();
    let content = content(1 << 20);
    let map = host_writes(&folder, "outlives", &content);
    let path = folder.join("outlives");
    let bytes = read(&memory, &map);
    let part = bytes.slice(10..20);
    fs::remove_file(&path).expect("the file system");
    drop(memory);
    assert!(bytes == content);
    assert_eq!(mappings(&path), 1);
    drop(bytes);
    assert_eq!(part, &content[10..20]);
    assert_eq!(mappings(&path), 1);
    drop(part);
    assert_eq!(mappings(&path), 0);
}

#[test]
fn maps_that_are_not_valid_are_refused_with_their_path() {
    let (_root, folder, memory) = fixture();
    let layout_error = |name: &str, offset, count| match memory.read(&reference(name, offset, count)) {
        Err(SharedMemoryError::Layout { path, reason }) if path == folder.join(name) => reason,
        other => panic!("{other:?}"),
    };
    for size in [0, 8] {
        fs::write(folder.join("short"), vec![1; size]).expect("the file system");
        assert_eq!(
            layout_error("short", 0, 0),
            LayoutError::Truncated { size: size as u64 }
        );
    }
    fs::write(folder.join("new"), [0; 20]).expect("the file system");
    assert_eq!(layout_error("new", 0, 11), LayoutError::NotInUse { flag: 0 });
    let mut file = header(12).to_vec();
    file.extend_from_slice(b"12345678901");
    fs::write(folder.join("longer"), &file).expect("the file system");
    let length = LayoutError::Length {
        length: 12,
        available: 11,
    };
    assert_eq!(layout_error("longer", 0, 11), length);
    host_writes(&folder, "good", b"12345678901");
    for (offset, count) in [(0, 12), (11, 1), (-1, 1), (0, -1), (i64::MAX, i64::MAX)] {
        let error = LayoutError::Range {
            offset,
            count,
            length: 11,
        };
        assert_eq!(layout_error("good", offset, count), error);
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let (root, folder, memory) = fixture();
    host_writes(root.path(), "outside", b"secret");
    fs::create_dir(folder.join("directory")).expect("the file system");
    host_writes(&folder.join("directory"), "inside", b"secret");
    let absolute = root.path().join("outside");
    let names = [
        "",
        ".",
        "..",
        "../outside",
        "directory/inside",
        "map\0",
        absolute.to_str().expect("UTF-8"),
    ];
    for name in names {
        let error = memory.read(&reference(name, 0, 6)).expect_err("not readable");
        assert!(
            matches!(error, SharedMemoryError::Name { .. }),
            "{name:?} {error}"
        );
    }
    symlink(&absolute, folder.join("link")).expect("the file system");
    let error = memory.read(&reference("link", 0, 6)).expect_err("not readable");
    assert!(matches!(error, SharedMemoryError::Read { .. }), "{error}");
}

#[test]
fn only_regular_files_are_maps_and_a_pipe_does_not_block() {
    let (_root, folder, memory) = fixture();
    fs::create_dir(folder.join("directory")).expect("the file system");
    let made = Command::new("mkfifo")
        .arg(folder.join("pipe"))
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for name in ["directory", "pipe"] {
            sender
                .send(memory.read(&reference(name, 0, 1)).expect_err("not readable"))
                .expect("the test waits");
        }
    });
    for _ in 0..2 {
        let error = receiver
            .recv_timeout(std::time::Duration::from_secs(20))
            .expect("an error, at once");
        assert!(matches!(error, SharedMemoryError::NotAFile(_)), "{error}");
    }
}

#[test]
fn a_missing_map_is_looked_for_in_all_directories() {
    let [first, second] = [
        TempDir::new().expect("a temporary folder"),
        TempDir::new().expect("a temporary folder"),
    ];
    let memory = shared_memory(&[first.path(), second.path()]);
    let map = host_writes(&second.path().join("AzureFunctions"), "map", b"second");
    assert_eq!(read(&memory, &map), "second");
    let error = memory
        .read(&reference("other", 0, 1))
        .expect_err("not readable")
        .to_string();
    for directory in [&first, &second] {
        assert!(
            error.contains(directory.path().to_str().expect("UTF-8")),
            "{error}"
        );
    }
    assert!(
        error.contains("\"other\"") && error.contains(DIRECTORIES),
        "{error}"
    );
}

#[test]
fn without_permission_there_is_an_error() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root has permission for everything");
        return;
    }
    let (_root, folder, memory) = fixture();
    let map = host_writes(&folder, "map", b"content");
    fs::set_permissions(folder.join("map"), fs::Permissions::from_mode(0o0)).expect("the file system");
    let error = memory.read(&map).expect_err("not readable");
    assert!(
        matches!(&error, SharedMemoryError::Read { reason, .. } if reason.kind() == io::ErrorKind::PermissionDenied),
        "{error}"
    );
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("the file system");
    let error = memory
        .write(b"content", RpcDataType::Bytes)
        .expect_err("not writable")
        .to_string();
    assert!(
        error.contains("cannot write 7 bytes") && error.contains("Permission denied"),
        "{error}"
    );
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("the file system");
}

/// A file system in memory, as small as this.
struct Tmpfs(TempDir);

impl Tmpfs {
    /// `None` if this user cannot mount.
    fn mount(size: &str) -> Option<Self> {
        let directory = TempDir::new().expect("a temporary folder");
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(directory.path());
        let is_mounted = mount.output().expect("mount").status.success();
        is_mounted.then(|| Tmpfs(directory))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_directory_gives_an_error_and_no_file_and_the_next_one_takes_the_content() {
    let Some(full) = Tmpfs::mount("2m") else {
        eprintln!("skipped: this user cannot mount a small file system");
        return;
    };
    let folder = full.0.path().join("AzureFunctions");
    let large = content(3 << 20);
    {
        let memory = shared_memory(&[full.0.path()]);
        let error = memory
            .write(&large, RpcDataType::Bytes)
            .expect_err("not writable");
        let SharedMemoryError::Write { length, failures } = &error else {
            panic!("{error}");
        };
        assert_eq!((*length, failures.len()), (large.len(), 1));
        assert_eq!(failures[0].reason.kind(), io::ErrorKind::StorageFull);
        assert_eq!(entries(&folder), 0);
        // Nothing of it takes space.
        let one = write(&memory, &large[..1 << 20]);
        assert!(memory.write(&large[..1 << 20], RpcDataType::Bytes).is_err());
        assert!(read(&memory, &one) == large[..1 << 20]);
        assert_eq!(
            memory.close([one.name.as_str()]),
            HashMap::from([(one.name.clone(), true)])
        );
        assert!(memory.write(&large[..1 << 20], RpcDataType::Bytes).is_ok());
    }
    let next = TempDir::new().expect("a temporary folder");
    let memory = shared_memory(&[full.0.path(), next.path()]);
    let written = write(&memory, &large);
    assert!(next.path().join("AzureFunctions").join(&written.name).exists());
    assert!(read(&memory, &written) == large);
}

#[test]
fn a_folder_that_the_host_removes_gives_an_error() {
    let (_root, folder, memory) = fixture();
    let written = write(&memory, b"content");
    fs::remove_dir_all(&folder).expect("the file system");
    let error = memory
        .write(b"content", RpcDataType::Bytes)
        .expect_err("not writable");
    assert!(matches!(error, SharedMemoryError::Write { .. }), "{error}");
    assert_eq!(
        memory.close([&written.name]),
        HashMap::from([(written.name.clone(), false)])
    );
}

#[test]
fn what_the_host_does_not_read_is_not_written() {
    let (_root, folder, memory) = fixture();
    assert!(matches!(
        memory.write(b"", RpcDataType::Bytes),
        Err(SharedMemoryError::ContentLength { length: 0 })
    ));
    let too_long = vec![0; MAX_CONTENT_LENGTH + 1];
    let error = memory
        .write(&too_long, RpcDataType::Bytes)
        .expect_err("not writable")
        .to_string();
    assert_eq!(
        error,
        "2147483648 bytes cannot go by shared memory: the host reads 1 to 2147483647 bytes"
    );
    assert!(matches!(
        memory.write(b"{}", RpcDataType::Json),
        Err(SharedMemoryError::ContentType(RpcDataType::Json))
    ));
    assert_eq!(entries(&folder), 0);
}

#[test]
fn close_removes_what_this_worker_wrote_and_nothing_else() {
    let (root, folder, memory) = fixture();
    let other = shared_memory(&[root.path()]);
    let mine = write(&memory, b"mine").name;
    let kept = write(&memory, b"kept").name;
    let others = write(&other, b"other's").name;
    host_writes(&folder, "hosts", b"host's");
    let results = memory.close([&mine, &others, "hosts", "../outside", &mine]);
    let expected = [
        (mine.as_str(), true),
        (&others, false),
        ("hosts", false),
        ("../outside", false),
    ];
    assert_eq!(
        results,
        expected.map(|(name, closed)| (name.to_owned(), closed)).into()
    );
    assert!(!folder.join(&mine).exists());
    for name in [&kept, &others, "hosts"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    assert_eq!(memory.close([&mine]), HashMap::from([(mine, false)]));
    assert_eq!(memory.close([""; 0]), HashMap::new());
}

#[test]
fn with_the_function_data_cache_closed_maps_are_the_hosts() {
    let (_root, folder, memory) = fixture();
    let memory = memory.with_function_data_cache(true);
    let [closed, open] = ["closed", "open"].map(|text| {
        memory
            .write(text.as_bytes(), RpcDataType::String)
            .expect("a map")
            .name
    });
    assert_eq!(memory.close([&closed]), HashMap::from([(closed.clone(), true)]));
    assert!(folder.join(&closed).exists());
    assert_eq!(memory.close([&closed]), HashMap::from([(closed.clone(), false)]));
    drop(memory);
    assert!(folder.join(&closed).exists());
    assert!(!folder.join(&open).exists());
}

#[test]
fn drop_removes_what_is_left_of_this_worker_and_nothing_else() {
    let (root, folder, memory) = fixture();
    let other = shared_memory(&[root.path()]);
    let others = write(&other, b"other's");
    let map = host_writes(&folder, "hosts", b"host's");
    for _ in 0..3 {
        write(&memory, b"mine");
    }
    assert_eq!(entries(&folder), 5);
    drop(memory);
    assert_eq!(entries(&folder), 2);
    assert_eq!(read(&other, &others), "other's");
    assert_eq!(read(&other, &map), "host's");
    drop(other);
    assert_eq!(entries(&folder), 1);
}

#[test]
fn the_limits_are_those_of_host_and_workers() {
    let (_root, _, memory) = fixture();
    let worth = [1_048_576, 1_048_577, 2_147_483_647];
    let not_worth = [0, 1, 1_048_575, 2_147_483_648, usize::MAX];
    assert!(worth.iter().all(|length| memory.is_worth(*length)));
    assert!(!not_worth.iter().any(|length| memory.is_worth(*length)));
    let memory = memory.with_function_data_cache(true);
    assert!(memory.is_worth(1) && memory.is_worth(2_147_483_647));
    assert!(!memory.is_worth(0) && !memory.is_worth(2_147_483_648));
}

#[test]
fn a_character_of_a_string_counts_as_two_bytes() {
    let (_root, _, memory) = fixture();
    for character in ["a", "ä", "€", "🦀"] {
        assert!(memory.is_worth_text(&character.repeat(524_288)), "{character}");
        assert!(!memory.is_worth_text(&character.repeat(524_287)), "{character}");
    }
    assert!(!memory.is_worth_text(""));
    let memory = memory.with_function_data_cache(true);
    assert!(memory.is_worth_text("a"));
    assert!(!memory.is_worth_text(""));
}

#[test]
fn a_string_is_read_as_utf_8_and_held_as_utf_16() {
    let within = |text| is_text_within(text, 6, 11);
    assert_eq!(
        ["aa", "aaa", "aaaaa", "aaaaaa"].map(within),
        [false, true, true, false]
    );
    // Nine and twelve bytes of UTF-8.
    assert_eq!(["€€€", "€€€€"].map(within), [true, false]);
    // Two units each, of which there may be five.
    let within = |text| is_text_within(text, 2, 11);
    assert_eq!(
        ["🦀", "🦀🦀", "🦀🦀a", "🦀🦀aa"].map(within),
        [true, true, true, false]
    );
}

#[test]
fn eight_threads_write_read_and_close_at_once() {
    const ROUNDS: usize = 40;
    let (root, folder, memory) = fixture();
    let reader = shared_memory(&[root.path()]);
    let closed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (memory, reader, closed) = (&memory, &reader, &closed);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let content = content(200_000 + thread * 1009 + round * 17);
                    let written = write(memory, &content);
                    let read = read(reader, &written);
                    // All threads close it; one does.
                    thread::scope(|scope| {
                        for _ in 0..2 {
                            scope.spawn(|| {
                                let results = memory.close([&written.name]);
                                closed.fetch_add(usize::from(results[&written.name]), Ordering::Relaxed);
                            });
                        }
                    });
                    assert!(read == content);
                    assert!(matches!(
                        reader.read(&written),
                        Err(SharedMemoryError::Missing { .. })
                    ));
                }
            });
        }
    });
    assert_eq!(closed.into_inner(), 8 * ROUNDS);
    assert_eq!(entries(&folder), 0);
}

#[test]
fn a_map_is_not_complete_before_its_header_is() {
    // What a reader sees at any time while a map is written is refused or is the whole content.
    let (_root, folder, memory) = fixture();
    let content = content(8 << 20);
    thread::scope(|scope| {
        let writer = scope.spawn(|| write(&memory, &content));
        let mut reads = 0;
        while reads == 0 {
            for entry in fs::read_dir(&folder).expect("the file system") {
                let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
                match memory.read(&reference(&name, 0, content.len() as i64)) {
                    Ok(read) => {
                        assert!(read.expect("not null") == content);
                        reads += 1;
                    }
                    Err(SharedMemoryError::Layout { reason, .. }) => {
                        assert!(!matches!(reason, LayoutError::Range { .. }), "{reason}");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        writer.join().expect("the writer");
    });
}
